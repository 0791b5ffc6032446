//! What a registry has, asked through the API that all of them share.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use ureq::http::{Response, StatusCode, header};
use ureq::{Agent, Body};

use super::{Digest, Logins, Repository};

/// Whatever a tag can lead to.
const KINDS: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

/// Where Docker Hub's API is; its name leads to a page for people.
const HUB_API: &str = "https://registry-1.docker.io";

/// How a registry is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    /// Encrypted, but for this machine's own.
    Usual,
    /// Never encrypted.
    PlainHttp,
}

impl Transport {
    pub(super) fn is_plain(self, repository: &Repository) -> bool {
        self == Self::PlainHttp || repository.is_loopback()
    }
}

/// One repository of one registry.
#[derive(Debug)]
pub(crate) struct Api<'a> {
    agent: Agent,
    base: String,
    repository: &'a Repository,
    secret: Option<&'a str>,
}

/// What a registry says of a tag or digest.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    Found(Manifest),
    Absent,
    /// It does not say whether it has the repository: that is how most registries answer about
    /// one that does not exist yet.
    Hidden,
}

/// A manifest, byte for byte.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) digest: Digest,
    pub(crate) bytes: Vec<u8>,
}

/// The digest that everybody finds at a tag.
pub(crate) fn digest_of(repository: &Repository, tag: &str) -> anyhow::Result<Digest> {
    Api::new(repository, &Logins::default(), Transport::Usual).digest(tag)
}

impl<'a> Api<'a> {
    pub(crate) fn new(repository: &'a Repository, logins: &'a Logins, by: Transport) -> Self {
        let base = if by.is_plain(repository) {
            format!("http://{}", repository.host())
        } else if repository.is_hub() {
            HUB_API.to_owned()
        } else {
            format!("https://{}", repository.host())
        };
        Self {
            secret: logins.secret(repository),
            ..Self::at(&base, repository)
        }
    }

    /// The same repository as `base`, a mirror of its registry, has it; nobody logs in there.
    pub(crate) fn at(base: &str, repository: &'a Repository) -> Self {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            // Wherever tokens are fetched from, and whatever it redirects to.
            .https_only(base.starts_with("https://"))
            .user_agent(concat!("mcp-mesh-xtask/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(Duration::from_secs(20)))
            .timeout_global(Some(Duration::from_mins(2)));
        if repository.is_loopback() || base.starts_with("http://127.") {
            config = config.proxy(None);
        }
        Self {
            agent: config.build().into(),
            base: base.trim_end_matches('/').to_owned(),
            repository,
            secret: None,
        }
    }

    /// What `reference`, a tag or a digest, leads to.
    pub(crate) fn find(&self, reference: &str) -> anyhow::Result<Lookup> {
        let url = format!(
            "{}/v2/{}/manifests/{reference}",
            self.base,
            self.repository.api_path()
        );
        let mut response = self.request(&url, None)?;
        if response.status() == StatusCode::UNAUTHORIZED {
            match self.authorization(&response)? {
                Some(authorization) => response = self.request(&url, Some(&authorization))?,
                None => return Ok(Lookup::Hidden),
            }
        }
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(Lookup::Absent),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Ok(Lookup::Hidden),
            status => bail!("GET `{url}` was answered with {status}"),
        }
        let bytes = response
            .body_mut()
            .read_to_vec()
            .with_context(|| format!("failed to read `{url}` to its end"))?;
        let digest = Digest::of(&bytes);
        let claimed = response.headers().get("docker-content-digest");
        if let Some(claimed) = claimed {
            ensure!(
                claimed.as_bytes() == digest.to_string().as_bytes(),
                "`{url}` is said to be {}, but its bytes are {digest}",
                String::from_utf8_lossy(claimed.as_bytes())
            );
        }
        if reference.starts_with("sha256:") {
            ensure!(
                reference == digest.to_string(),
                "`{url}` was answered with other bytes, {digest}"
            );
        }
        Ok(Lookup::Found(Manifest { digest, bytes }))
    }

    /// The digest that must be at `reference`.
    pub(crate) fn digest(&self, reference: &str) -> anyhow::Result<Digest> {
        let Self { repository, .. } = self;
        match self.find(reference)? {
            Lookup::Found(manifest) => Ok(manifest.digest),
            Lookup::Absent => bail!("{repository} has no `{reference}`"),
            Lookup::Hidden => bail!(
                "{repository} may not be read; {} must hold somebody who may",
                Logins::variables(repository)
            ),
        }
    }

    fn request(&self, url: &str, authorization: Option<&str>) -> anyhow::Result<Response<Body>> {
        let mut request = self.agent.get(url).header(header::ACCEPT, KINDS);
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        request
            .call()
            .with_context(|| format!("failed to reach `{url}`"))
    }

    /// What the registry asks for in its refusal, if there is a way to get it.
    fn authorization(&self, refusal: &Response<Body>) -> anyhow::Result<Option<String>> {
        let asked = refusal
            .headers()
            .get(header::WWW_AUTHENTICATE)
            .and_then(|value| value.to_str().ok())
            .with_context(|| {
                format!("{} asks for a login, and does not say how", self.repository)
            })?;
        let basic = self.secret.map(|secret| format!("Basic {secret}"));
        if asked.to_ascii_lowercase().starts_with("basic") {
            return Ok(basic);
        }
        let realm = parameter(asked, "realm")
            .with_context(|| format!("`{asked}` of {} has no realm", self.repository))?;
        let mut request = self.agent.get(realm).query(
            "scope",
            format!("repository:{}:pull", self.repository.api_path()),
        );
        if let Some(service) = parameter(asked, "service") {
            request = request.query("service", service);
        }
        if let Some(basic) = &basic {
            request = request.header(header::AUTHORIZATION, basic);
        }
        let mut response = request
            .call()
            .with_context(|| format!("failed to reach `{realm}`"))?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Ok(None),
            status => bail!("GET `{realm}` was answered with {status}"),
        }
        let Token {
            token,
            access_token,
        } = response
            .body_mut()
            .read_json()
            .with_context(|| format!("failed to understand the answer of `{realm}`"))?;
        let token = token
            .or(access_token)
            .with_context(|| format!("`{realm}` gave no token"))?;
        Ok(Some(format!("Bearer {token}")))
    }
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

/// A quoted parameter of a `WWW-Authenticate` header.
fn parameter<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let start = format!("{name}=\"");
    let (_, rest) = header.split_once(&start)?;
    rest.split_once('"').map(|(value, _)| value)
}

#[cfg(test)]
mod tests {
    use mesh_test::{Script, ScriptedServer};

    use super::*;

    /// Docker Hub's way: whoever asks is sent to fetch a token first, nobody's too.
    fn with_tokens(answer: Script) -> ScriptedServer {
        ScriptedServer::start(move |request| {
            let base = format!("http://{}", request.header("host").unwrap_or_default());
            if request.path.starts_with("/token?") {
                let asked = request.path.replace("%3A", ":").replace("%2F", "/");
                assert!(asked.contains("scope=repository:acme/cli:pull"), "{asked}");
                assert!(asked.contains("service=hub"), "{asked}");
                return match request.header("authorization") {
                    None => Script::json(r#"{"token":"anybody"}"#),
                    Some(_) => Script::json(r#"{"access_token":"somebody"}"#),
                };
            }
            if request.header("authorization").is_none() {
                return Script::default().send(format!(
                    "HTTP/1.1 401 X\r\nwww-authenticate: Bearer realm=\"{base}/token\",service=\"hub\"\r\n\
                     content-length: 0\r\n\r\n"
                ));
            }
            answer.clone()
        })
    }

    fn repository(server: &ScriptedServer) -> Repository {
        let host = server.url().trim_start_matches("http://").to_owned();
        format!("{host}/acme/cli").parse().unwrap()
    }

    #[test]
    fn a_token_is_fetched_where_the_registry_says() {
        let server = with_tokens(Script::json("{}"));
        let repository = repository(&server);
        let logins = Logins::default().with(repository.host(), "me", "secret");
        for (logins, token) in [
            (&Logins::default(), "Bearer anybody"),
            (&logins, "Bearer somebody"),
        ] {
            let api = Api::new(&repository, logins, Transport::Usual);
            assert_eq!(api.digest("1").unwrap(), Digest::of(b"{}"));
            let requests = server.requests();
            let last = requests.last().unwrap();
            assert_eq!(last.header("authorization"), Some(token));
            assert_eq!(last.path, "/v2/acme/cli/manifests/1");
        }
    }

    #[test]
    fn what_is_absent_hidden_or_broken_differs() {
        for (answer, expected) in [
            (Script::status(404), Ok(Lookup::Absent)),
            (Script::status(403), Ok(Lookup::Hidden)),
            (Script::status(401), Ok(Lookup::Hidden)),
            (Script::status(500), Err("was answered with 500")),
            (
                Script::default().send(
                    "HTTP/1.1 200 X\r\ndocker-content-digest: sha256:00\r\ncontent-length: 2\r\n\r\n{}",
                ),
                Err("is said to be sha256:00"),
            ),
        ] {
            let server = with_tokens(answer);
            let repository = repository(&server);
            let logins = Logins::default();
            let found = Api::new(&repository, &logins, Transport::Usual).find("1");
            match (found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(error), Err(expected)) => {
                    assert!(format!("{error:#}").contains(expected), "{error:#}");
                }
                (found, expected) => panic!("{found:?}, expected {expected:?}"),
            }
        }
    }

    #[test]
    fn a_digest_that_leads_to_other_bytes_is_refused() {
        let server = with_tokens(Script::json("{}"));
        let repository = repository(&server);
        let logins = Logins::default();
        let api = Api::new(&repository, &logins, Transport::Usual);
        let wanted = Digest::of(b"other").to_string();
        let error = api.digest(&wanted).unwrap_err().to_string();
        assert!(error.contains("other bytes"), "{error}");
    }

    #[test]
    fn only_what_is_meant_to_be_plain_is_plain() {
        let logins = Logins::default();
        for (name, by, base) in [
            ("acme/cli", Transport::Usual, "https://registry-1.docker.io"),
            ("ghcr.io/acme/cli", Transport::Usual, "https://ghcr.io"),
            (
                "127.0.0.1:5000/cli",
                Transport::Usual,
                "http://127.0.0.1:5000",
            ),
            (
                "hub.example/cli",
                Transport::PlainHttp,
                "http://hub.example",
            ),
        ] {
            let repository: Repository = name.parse().unwrap();
            let api = Api::new(&repository, &logins, by);
            assert_eq!(api.base, base);
            let https_only = api.agent.config().https_only();
            assert_eq!(https_only, base.starts_with("https"), "{name}");
        }
    }
}
