//! Where releases lie.

use std::fmt;
use std::path::PathBuf;

use mesh_core::env::{EnvVars, Environment};
use reqwest::header::HeaderValue;
use semver::Version;
use url::Url;

use super::ReleaseError;
use crate::transport::{join, parse_base};

/// Names the setting that is compiled in when a URL is wrong.
const REPOSITORY: &str = "the repository of this build";

/// A repository on GitHub or a server that looks like it, and perhaps one folder that stands for one
/// release of it.
pub struct ReleaseSource {
    base: Url,
    api: Url,
    owner: String,
    name: String,
    folder: Option<Url>,
    token: Option<HeaderValue>,
    /// Somebody chose a server without encryption; what it holds is verified anyway.
    plain: bool,
}

impl fmt::Debug for ReleaseSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReleaseSource")
            .field("page", &self.page())
            .field("folder", &self.folder.as_ref().map(Url::as_str))
            .finish_non_exhaustive()
    }
}

impl ReleaseSource {
    /// The repository at the URL `repository`, or its mirror that `environment` names.
    pub fn resolve(repository: &str, environment: &Environment) -> Result<Self, ReleaseError> {
        let repository = Setting::new(REPOSITORY, repository).url()?;
        let (owner, name) = owner_and_name(&repository)?;
        let setting = |origin| {
            let value = environment.get(origin)?;
            Some(Setting::new(origin, value))
        };
        let enterprise = setting(EnvVars::MCP_MESH_INSTALLER_GHE_BASE_URL);
        let lookalike = setting(EnvVars::MCP_MESH_INSTALLER_GITHUB_BASE_URL);
        let (base, api) = match (enterprise, lookalike) {
            (Some(_), Some(_)) => return Err(ReleaseError::TwoBases),
            (Some(enterprise), None) => {
                let base = enterprise.url()?;
                let api = join(&base, &["api", "v3"]);
                (base, api)
            }
            (None, Some(lookalike)) => {
                let base = lookalike.url()?;
                let api = api_host(&base).ok_or_else(|| {
                    lookalike.invalid(format!(
                        "it names no domain; for an address use `{}`",
                        EnvVars::MCP_MESH_INSTALLER_GHE_BASE_URL
                    ))
                })?;
                (base, api)
            }
            (None, None) => {
                let mut base = repository.clone();
                base.set_path("");
                if base.scheme() != "https" {
                    return Err(ReleaseError::Insecure {
                        url: repository.into(),
                    });
                }
                let api = api_host(&base).ok_or_else(|| {
                    Setting::new(REPOSITORY, repository.as_str()).invalid("it names no domain")
                })?;
                (base, api)
            }
        };
        let folder = setting(EnvVars::MCP_MESH_DOWNLOAD_URL)
            .map(|folder| folder.folder())
            .transpose()?;
        let token = environment
            .get(EnvVars::MCP_MESH_GITHUB_TOKEN)
            .map(bearer)
            .transpose()?;
        let plain = [Some(&base), folder.as_ref()]
            .into_iter()
            .flatten()
            .any(|url| url.scheme() == "http");
        Ok(Self {
            base,
            api,
            owner,
            name,
            folder,
            token,
            plain,
        })
    }

    /// The page that lists all releases.
    #[must_use]
    pub fn page(&self) -> String {
        self.releases(&[]).into()
    }

    /// Whether downloads come from one folder, which holds one release.
    #[must_use]
    pub fn is_one_folder(&self) -> bool {
        self.folder.is_some()
    }

    /// The file `name` of a release.
    #[must_use]
    pub fn file(&self, version: &Version, name: &str) -> Url {
        match &self.folder {
            Some(folder) => join(folder, &[name]),
            None => self.releases(&["download", &format!("v{version}"), name]),
        }
    }

    /// The file of this machine that `url` is, if releases are taken from there.
    pub(super) fn path(&self, url: &Url) -> Option<PathBuf> {
        let local = url.scheme() == "file" && self.admits(url);
        local.then(|| url.to_file_path().ok()).flatten()
    }

    /// Leads to the newest release.
    pub(super) fn latest(&self) -> Url {
        self.releases(&["latest"])
    }

    /// A part of the list of all releases, newest first.
    pub(super) fn list(&self, page: u32, length: usize) -> Url {
        let mut url = join(&self.api, &["repos", &self.owner, &self.name, "releases"]);
        url.query_pairs_mut()
            .append_pair("per_page", &length.to_string())
            .append_pair("page", &page.to_string());
        url
    }

    /// What proves to `url` who asks: the token, if `url` belongs to the server that it is for.
    pub(super) fn authorization(&self, url: &Url) -> Option<&HeaderValue> {
        let ours = [&self.base, &self.api]
            .iter()
            .any(|own| own.origin() == url.origin());
        self.token.as_ref().filter(|_| ours)
    }

    /// Whether `url` may be asked: encrypted, unless the user chose a server that is not, or a folder of
    /// this machine.
    pub(super) fn admits(&self, url: &Url) -> bool {
        match url.scheme() {
            "https" => true,
            "http" => self.plain,
            "file" => self
                .folder
                .as_ref()
                .is_some_and(|folder| url.as_str().starts_with(folder.as_str())),
            _ => false,
        }
    }

    fn releases(&self, segments: &[&str]) -> Url {
        let mut all = vec![self.owner.as_str(), self.name.as_str(), "releases"];
        all.extend(segments);
        join(&self.base, &all)
    }
}

/// A value and where it is from.
struct Setting<'a> {
    origin: &'static str,
    value: &'a str,
}

impl<'a> Setting<'a> {
    fn new(origin: &'static str, value: &'a str) -> Self {
        Self { origin, value }
    }

    fn url(&self) -> Result<Url, ReleaseError> {
        parse_base(self.value).map_err(|reason| self.invalid(reason))
    }

    /// A folder with files: on a server, or of this machine as `file:///…`.
    fn folder(&self) -> Result<Url, ReleaseError> {
        if !self.value.trim_start().starts_with("file:") {
            return self.url();
        }
        let url = Url::parse(self.value.trim()).map_err(|error| self.invalid(error.to_string()))?;
        let local = url.to_file_path().is_ok();
        local.then_some(url).ok_or_else(|| {
            self.invalid("it names no folder of this machine; write `file:///path/of/the/folder`")
        })
    }

    fn invalid(&self, reason: impl Into<String>) -> ReleaseError {
        ReleaseError::InvalidUrl {
            url: self.value.to_owned(),
            origin: self.origin,
            reason: reason.into(),
        }
    }
}

fn owner_and_name(repository: &Url) -> Result<(String, String), ReleaseError> {
    let mut segments = repository
        .path_segments()
        .into_iter()
        .flatten()
        .filter(|segment| !segment.is_empty());
    match (segments.next(), segments.next(), segments.next()) {
        (Some(owner), Some(name), None) => Ok((owner.to_owned(), name.to_owned())),
        _ => Err(Setting::new(REPOSITORY, repository.as_str())
            .invalid("its path is not an owner and a name")),
    }
}

/// `https://api.example.org` for `https://example.org`.
fn api_host(base: &Url) -> Option<Url> {
    let host = format!("api.{}", base.domain()?);
    let mut api = base.clone();
    api.set_host(Some(&host)).ok()?;
    Some(api)
}

fn bearer(token: &str) -> Result<HeaderValue, ReleaseError> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| ReleaseError::InvalidToken)?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: &str = "https://github.com/acme/mesh";

    fn resolve(environment: &[(&str, &str)]) -> Result<ReleaseSource, ReleaseError> {
        ReleaseSource::resolve(HOME, &environment.iter().copied().collect())
    }

    fn file(source: &ReleaseSource) -> String {
        source.file(&Version::new(4, 1, 0), "SHA256SUMS").into()
    }

    #[test]
    fn the_repository_says_where_its_releases_are() {
        let source = resolve(&[]).unwrap();
        assert_eq!(source.page(), "https://github.com/acme/mesh/releases");
        assert_eq!(
            file(&source),
            "https://github.com/acme/mesh/releases/download/v4.1.0/SHA256SUMS"
        );
        assert_eq!(
            source.list(2, 50).as_str(),
            "https://api.github.com/repos/acme/mesh/releases?per_page=50&page=2"
        );
    }

    #[test]
    fn a_mirror_keeps_its_path() {
        let base = (
            EnvVars::MCP_MESH_INSTALLER_GHE_BASE_URL,
            "http://127.0.0.1:9/m",
        );
        let source = resolve(&[base]).unwrap();
        assert_eq!(
            file(&source),
            "http://127.0.0.1:9/m/acme/mesh/releases/download/v4.1.0/SHA256SUMS"
        );
        assert_eq!(
            source.list(1, 9).path(),
            "/m/api/v3/repos/acme/mesh/releases"
        );
        let base = (
            EnvVars::MCP_MESH_INSTALLER_GITHUB_BASE_URL,
            "https://git.example:8443",
        );
        let source = resolve(&[base]).unwrap();
        assert_eq!(source.list(1, 9).host_str(), Some("api.git.example"));
        assert_eq!(source.list(1, 9).port(), Some(8443));
        let folder = (EnvVars::MCP_MESH_DOWNLOAD_URL, "https://mirror.example/4/");
        assert_eq!(
            file(&resolve(&[folder]).unwrap()),
            "https://mirror.example/4/SHA256SUMS"
        );
    }

    #[test]
    #[cfg(unix)]
    fn a_folder_of_this_machine_is_as_good_as_a_mirror() {
        let at = |url| resolve(&[(EnvVars::MCP_MESH_DOWNLOAD_URL, url)]);
        let source = at("file:///media/a%20stick/").unwrap();
        assert_eq!(file(&source), "file:///media/a%20stick/SHA256SUMS");
        let admits = |url: &str| source.admits(&Url::parse(url).unwrap());
        assert!(admits(&file(&source)));
        assert!(!admits("file:///etc/passwd"));
        assert!(!admits("http://mirror.example/SHA256SUMS"));
        let message = at("file://media/stick").unwrap_err().to_string();
        insta::assert_snapshot!(message, @"`file://media/stick` (MCP_MESH_DOWNLOAD_URL) is not the URL of a place with releases: it names no folder of this machine; write `file:///path/of/the/folder`");
    }

    #[test]
    fn settings_that_cannot_be_used_are_named() {
        let message = |environment: &[(&str, &str)]| resolve(environment).unwrap_err().to_string();
        let enterprise = |url| (EnvVars::MCP_MESH_INSTALLER_GHE_BASE_URL, url);
        let lookalike = |url| (EnvVars::MCP_MESH_INSTALLER_GITHUB_BASE_URL, url);
        insta::assert_snapshot!(message(&[enterprise("git.example")]), @"`git.example` (MCP_MESH_INSTALLER_GHE_BASE_URL) is not the URL of a place with releases: relative URL without a base");
        insta::assert_snapshot!(message(&[lookalike("http://127.0.0.1:9")]), @"`http://127.0.0.1:9` (MCP_MESH_INSTALLER_GITHUB_BASE_URL) is not the URL of a place with releases: it names no domain; for an address use `MCP_MESH_INSTALLER_GHE_BASE_URL`");
        insta::assert_snapshot!(message(&[enterprise("https://a"), lookalike("https://b")]), @"both `MCP_MESH_INSTALLER_GHE_BASE_URL` and `MCP_MESH_INSTALLER_GITHUB_BASE_URL` are set");
        insta::assert_snapshot!(message(&[(EnvVars::MCP_MESH_GITHUB_TOKEN, "a\nb")]), @"the value of `MCP_MESH_GITHUB_TOKEN` holds a character that no token has");
    }

    #[test]
    fn the_token_stays_with_its_server_and_out_of_logs() {
        let source = resolve(&[(EnvVars::MCP_MESH_GITHUB_TOKEN, "secret")]).unwrap();
        let asks = |url: &str| source.authorization(&Url::parse(url).unwrap()).is_some();
        assert!(asks("https://github.com/acme/mesh/releases/latest"));
        assert!(asks("https://api.github.com/repos/acme/mesh/releases"));
        assert!(!asks("https://objects.githubusercontent.com/x"));
        assert!(!asks("http://github.com/acme"));
        assert!(!asks("https://github.com:444/acme"));
        let token = source.authorization(&source.latest());
        assert!(!format!("{source:?} {token:?}").contains("secret"));
    }

    #[test]
    fn encryption_is_given_up_only_when_the_user_did() {
        let admits = |environment: &[(&str, &str)], url: &str| {
            let source = resolve(environment).unwrap();
            source.admits(&Url::parse(url).unwrap())
        };
        assert!(!admits(&[], "http://github.com/x"));
        let plain = [(EnvVars::MCP_MESH_INSTALLER_GHE_BASE_URL, "http://hub:1")];
        assert!(admits(&plain, "http://hub:1/x"));
        assert!(!admits(&plain, "file:///etc/passwd"));
        let repository = ReleaseSource::resolve("http://github.com/a/b", &Environment::default());
        assert!(matches!(repository, Err(ReleaseError::Insecure { .. })));
    }
}
