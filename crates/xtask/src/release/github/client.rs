//! One server, one repository, one token; every request of ours goes through here.

use std::io;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::http::{Method, Request, Response, StatusCode, header};
use ureq::{Agent, AsSendBody, Body};

use super::{Address, Token};
use crate::release::Project;

const JSON: &str = "application/json";
const BYTES: &str = "application/octet-stream";

/// Talks to one repository of one server.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    agent: Agent,
    address: Address,
    /// `owner/name`.
    repository: String,
    token: Option<Token>,
}

impl Client {
    /// For the repository of `project`, on the server at `base`.
    pub(crate) fn new(base: &str, project: &Project, token: Option<Token>) -> anyhow::Result<Self> {
        let address = Address::parse(base)?;
        let repository = format!("{}/{}", project.owner, project.name);
        Ok(Self::at(address, repository, token))
    }

    /// The same server and another repository, given as `owner/name`, with a token for that one.
    pub(crate) fn neighbour(&self, repository: &str, token: Option<Token>) -> Self {
        Self::at(self.address.clone(), repository.to_owned(), token)
    }

    fn at(address: Address, repository: String, token: Option<Token>) -> Self {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            // Wherever it is redirected.
            .https_only(address.is_encrypted())
            .user_agent(concat!("mcp-mesh-xtask/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(Duration::from_secs(20)))
            .timeout_recv_response(Some(Duration::from_mins(2)))
            .timeout_send_body(Some(Duration::from_mins(15)))
            .timeout_recv_body(Some(Duration::from_mins(15)));
        if address.is_loopback() {
            config = config.proxy(None);
        }
        Self {
            agent: config.build().into(),
            address,
            repository,
            token,
        }
    }

    /// `owner/name`.
    pub(crate) fn repository(&self) -> &str {
        &self.repository
    }

    /// Whether the server is on this machine, so that nobody else sees what is published there.
    pub(crate) fn is_local(&self) -> bool {
        self.address.is_loopback()
    }

    /// An API URL below the repository.
    pub(super) fn api(&self, path: &str) -> String {
        format!("{}/repos/{}/{path}", self.address.api(), self.repository)
    }

    /// The URL of a file of a published release.
    pub(crate) fn asset_url(&self, tag: &str, name: &str) -> String {
        let base = self.address.web();
        format!("{base}/{}/releases/download/{tag}/{name}", self.repository)
    }

    /// Whether writing can be tried at all.
    pub(crate) fn require_token(&self, variable: &str) -> anyhow::Result<()> {
        if self.token.is_none() {
            bail!(
                "`{variable}` is not set; it must hold a token that may write to `{}`",
                self.repository
            );
        }
        Ok(())
    }

    /// Reads JSON; nothing if the server says 404.
    pub(super) fn find<T: DeserializeOwned>(&self, url: &str) -> anyhow::Result<Option<T>> {
        let response = self.send(&Method::GET, url, None, ())?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        self.parse(&Method::GET, url, response).map(Some)
    }

    /// Reads JSON that must be there.
    pub(super) fn get<T: DeserializeOwned>(&self, url: &str) -> anyhow::Result<T> {
        let response = self.send(&Method::GET, url, None, ())?;
        self.parse(&Method::GET, url, response)
    }

    /// Sends JSON and reads the answer.
    pub(super) fn write<T: DeserializeOwned>(
        &self,
        method: &Method,
        url: &str,
        body: &Value,
    ) -> anyhow::Result<T> {
        let response = self.send(method, url, Some(JSON), body.to_string())?;
        self.parse(method, url, response)
    }

    /// Sends a file's bytes and reads the answer.
    pub(super) fn upload<T: DeserializeOwned>(&self, url: &str, path: &Path) -> anyhow::Result<T> {
        let file = std::fs::File::open(path)
            .with_context(|| format!("failed to read `{}`", path.display()))?;
        let response = self.send(&Method::POST, url, Some(BYTES), file)?;
        self.parse(&Method::POST, url, response)
    }

    pub(super) fn delete(&self, url: &str) -> anyhow::Result<()> {
        let response = self.send(&Method::DELETE, url, None, ())?;
        self.accept(&Method::DELETE, url, response).map(drop)
    }

    /// Downloads a page's file into `path`; without a token, since downloads are redirected elsewhere.
    pub(crate) fn download(&self, url: &str, path: &Path) -> anyhow::Result<()> {
        let response = self.request_bytes(url)?;
        let partly = || format!("failed to download `{url}` to its end");
        let mut file = std::fs::File::create(path)
            .with_context(|| format!("failed to write `{}`", path.display()))?;
        io::copy(&mut response.into_body().into_reader(), &mut file).with_context(partly)?;
        Ok(())
    }

    /// The text of a page's file.
    pub(crate) fn download_text(&self, url: &str) -> anyhow::Result<String> {
        let mut response = self.request_bytes(url)?;
        response
            .body_mut()
            .read_to_string()
            .with_context(|| format!("failed to download `{url}` to its end"))
    }

    fn request_bytes(&self, url: &str) -> anyhow::Result<Response<Body>> {
        let response = self
            .agent
            .get(url)
            .call()
            .with_context(|| format!("failed to reach `{url}`"))?;
        let status = response.status();
        if !status.is_success() {
            // Whatever the body is, it is not the file.
            bail!("GET `{url}` was answered with {status}");
        }
        Ok(response)
    }

    fn send(
        &self,
        method: &Method,
        url: &str,
        content_type: Option<&str>,
        body: impl AsSendBody,
    ) -> anyhow::Result<Response<Body>> {
        if !self.address.trusts(url) {
            bail!(
                "`{url}` is not on {}; nothing is sent there",
                self.address.web()
            );
        }
        let mut request = Request::builder()
            .method(method.clone())
            .uri(url)
            .header(header::ACCEPT, "application/vnd.github+json")
            .header("x-github-api-version", "2022-11-28");
        if let Some(kind) = content_type {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.text));
        }
        let request = request
            .body(body)
            .with_context(|| format!("failed to write a request to `{url}`"))?;
        self.agent
            .run(request)
            .with_context(|| format!("failed to reach `{url}`"))
    }

    fn parse<T: DeserializeOwned>(
        &self,
        method: &Method,
        url: &str,
        response: Response<Body>,
    ) -> anyhow::Result<T> {
        self.accept(method, url, response)?
            .body_mut()
            .read_json()
            .with_context(|| format!("failed to understand the answer of `{url}`"))
    }

    /// The answer if it is a success, else an error with the server's own words and a cure.
    fn accept(
        &self,
        method: &Method,
        url: &str,
        mut response: Response<Body>,
    ) -> anyhow::Result<Response<Body>> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let said = response.body_mut().read_json::<Refusal>().map_or_else(
            |_no_json| String::new(),
            |refusal| format!(": {}", refusal.message),
        );
        let cure = match (status, &self.token) {
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, Some(token)) => format!(
                "; does `{}` hold a valid token that may do this in `{}`?",
                token.variable, self.repository
            ),
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, None) => {
                "; no token was given".to_owned()
            }
            _ => String::new(),
        };
        Err(anyhow!(
            "{method} `{url}` was answered with {status}{said}{cure}"
        ))
    }
}

#[derive(Deserialize)]
struct Refusal {
    message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leads_away_from_https() {
        for (base, https_only) in [("https://git.example", true), ("http://127.0.0.1:1", false)] {
            let address = Address::parse(base).unwrap();
            let client = Client::at(address, "acme/mesh".to_owned(), None);
            assert_eq!(client.agent.config().https_only(), https_only, "{base}");
            if https_only {
                let error = client.download_text("http://127.0.0.1:1/x").unwrap_err();
                assert!(format!("{error:#}").contains("https"), "{error:#}");
            }
        }
    }
}
