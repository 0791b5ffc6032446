//! Asks for releases and their files.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::{
    ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER, USER_AGENT,
};
use reqwest::{Response, StatusCode};
use semver::Version;
use serde::Deserialize;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use url::Url;

use super::version::of_tag;
use super::{ReleaseError, ReleaseSource, VersionRequest};
use crate::transport::Transport;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a server may be silent, before its answer and in it. A slow download may take its time.
const SILENCE: Duration = Duration::from_secs(30);
/// How often one request is sent elsewhere.
const REDIRECTS: usize = 5;
/// Entries of one page of the list of releases.
const PAGE: usize = 50;
/// How many pages are read before a version counts as unknown.
const PAGES: u32 = 20;
/// How much of a local file is read at once, in bytes.
const CHUNK: usize = 256 << 10;
/// The largest page of the list of releases, in bytes.
const LARGEST_PAGE: u64 = 16 << 20;

/// How far a download is, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What came.
    pub received: u64,
    /// What was announced, if anything was.
    pub expected: Option<u64>,
}

/// Finds releases of one source and fetches their files.
#[derive(Debug)]
pub struct ReleaseClient {
    source: ReleaseSource,
    transport: Transport,
}

/// What we read of an entry in the list of releases.
#[derive(Deserialize)]
struct Listed {
    tag_name: String,
    #[serde(default)]
    draft: bool,
}

impl ReleaseClient {
    /// A client of `source`; touches no network.
    #[must_use]
    pub fn new(source: ReleaseSource) -> Self {
        let mut headers = HeaderMap::new();
        // GitHub refuses whoever does not say who asks.
        let agent = HeaderValue::from_static(concat!("meshctl/", env!("CARGO_PKG_VERSION")));
        headers.insert(USER_AGENT, agent);
        Self {
            source,
            transport: Transport::new(CONNECT, SILENCE).with_headers(headers),
        }
    }

    /// Where the releases are.
    #[must_use]
    pub fn source(&self) -> &ReleaseSource {
        &self.source
    }

    /// The version that `request` means now. A whole version is not looked up: whether it exists shows
    /// when its files are fetched.
    pub async fn resolve(&self, request: &VersionRequest) -> Result<Version, ReleaseError> {
        match request {
            VersionRequest::Latest => self.latest().await,
            VersionRequest::Exact(version) => Ok(version.clone()),
            VersionRequest::Newest { .. } => self.newest(request).await,
        }
    }

    /// Follows the redirect that a browser follows, which no rate limit of the API applies to.
    async fn latest(&self) -> Result<Version, ReleaseError> {
        let mut url = self.source.latest();
        for _ in 0..=REDIRECTS {
            let response = self.send(&url).await?;
            let Some(target) = self.redirect(&url, &response)? else {
                let status = response.status();
                return Err(if status.is_success() || status == StatusCode::NOT_FOUND {
                    ReleaseError::NoRelease {
                        url: self.source.page(),
                    }
                } else {
                    refusal(&url, &response)
                });
            };
            if let Some((_, tag)) = target.path().split_once("/releases/tag/") {
                return of_tag(tag).ok_or_else(|| ReleaseError::Malformed {
                    url: url.into(),
                    reason: format!("its newest tag `{tag}` is no version"),
                });
            }
            url = target;
        }
        Err(endless(&self.source.latest()))
    }

    /// The newest release that `request` describes, from the API's list.
    async fn newest(&self, request: &VersionRequest) -> Result<Version, ReleaseError> {
        for page in 1..=PAGES {
            let url = self.source.list(page, PAGE);
            let body = self.read(&url, LARGEST_PAGE).await?;
            let listed: Vec<Listed> =
                serde_json::from_slice(&body).map_err(|error| ReleaseError::Malformed {
                    url: url.into(),
                    reason: error.to_string(),
                })?;
            let newest = listed
                .iter()
                .filter(|release| !release.draft)
                .filter_map(|release| of_tag(&release.tag_name))
                .filter(|version| request.matches(version))
                .max();
            match newest {
                // Later pages hold older releases, of these numbers too.
                Some(version) => return Ok(version),
                None if listed.len() < PAGE => break,
                None => {}
            }
        }
        Err(ReleaseError::UnknownVersion {
            request: request.to_string(),
            url: self.source.page(),
        })
    }

    /// A small file of a release.
    pub async fn fetch(
        &self,
        version: &Version,
        name: &str,
        limit: u64,
    ) -> Result<Vec<u8>, ReleaseError> {
        self.read(&self.source.file(version, name), limit).await
    }

    /// Writes the file at `url` to `path`, which must not exist yet.
    pub async fn download(
        &self,
        url: &Url,
        path: &Path,
        limit: u64,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), ReleaseError> {
        let write = |source| ReleaseError::Write {
            path: path.to_owned(),
            source,
        };
        let mut body = self.open(url, limit).await?;
        let mut file = File::create_new(path).await.map_err(write)?;
        while let Some(chunk) = body.next().await? {
            file.write_all(&chunk).await.map_err(write)?;
            progress(Progress {
                received: body.received,
                expected: body.expected,
            });
        }
        file.flush().await.map_err(write)?;
        // A full disk may say so only now.
        file.sync_all().await.map_err(write)
    }

    async fn read(&self, url: &Url, limit: u64) -> Result<Vec<u8>, ReleaseError> {
        let mut body = self.open(url, limit).await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = body.next().await? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// Asks for `url`, wherever it is now, and reads its head.
    async fn open(&self, url: &Url, limit: u64) -> Result<Body, ReleaseError> {
        if let Some(path) = self.source.path(url) {
            return Body::of_file(url, path, limit).await;
        }
        let mut asked = url.clone();
        for _ in 0..=REDIRECTS {
            let response = self.send(&asked).await?;
            if let Some(target) = self.redirect(&asked, &response)? {
                asked = target;
                continue;
            }
            // The URL that we know is the one that a message can name.
            if response.status() != StatusCode::OK {
                return Err(refusal(url, &response));
            }
            return Body::new(url, response, limit);
        }
        Err(endless(url))
    }

    async fn send(&self, url: &Url) -> Result<Response, ReleaseError> {
        if !self.source.admits(url) {
            return Err(ReleaseError::Insecure {
                url: url.to_string(),
            });
        }
        let unreachable = |source: reqwest::Error| ReleaseError::Unreachable {
            url: url.to_string(),
            source: source.without_url(),
        };
        let client = self.transport.client(url).map_err(unreachable)?;
        let mut request = client.get(url.clone()).header(ACCEPT, "*/*");
        if let Some(token) = self.source.authorization(url) {
            request = request.header(AUTHORIZATION, token.clone());
        }
        match timeout(SILENCE, request.send()).await {
            Ok(answer) => answer.map_err(unreachable),
            Err(_) => Err(silent(url)),
        }
    }

    /// Where the answer sends us, if it does.
    fn redirect(&self, asked: &Url, response: &Response) -> Result<Option<Url>, ReleaseError> {
        if !response.status().is_redirection() {
            return Ok(None);
        }
        let malformed = |reason: &str| ReleaseError::Malformed {
            url: asked.to_string(),
            reason: reason.to_owned(),
        };
        let location = response
            .headers()
            .get(LOCATION)
            .and_then(|location| location.to_str().ok())
            .ok_or_else(|| malformed("it redirects to nowhere"))?;
        let target = asked
            .join(location)
            .map_err(|_| malformed("it redirects to what is no URL"))?;
        if !self.source.admits(&target) {
            return Err(ReleaseError::Insecure { url: target.into() });
        }
        Ok(Some(target))
    }
}

/// The body of an answer, which must be as long as announced and not too long.
struct Body {
    url: String,
    content: Content,
    limit: u64,
    received: u64,
    expected: Option<u64>,
}

/// Where a body comes from.
enum Content {
    Answer(Response),
    File(File, PathBuf),
}

impl Body {
    fn new(url: &Url, response: Response, limit: u64) -> Result<Self, ReleaseError> {
        let expected = response.content_length();
        Self::of(url, Content::Answer(response), expected, limit)
    }

    async fn of_file(url: &Url, path: PathBuf, limit: u64) -> Result<Self, ReleaseError> {
        let opened = async {
            let found = tokio::fs::metadata(&path).await?;
            // A pipe would keep us waiting.
            if !found.is_file() {
                return Err(io::Error::other("it is no file"));
            }
            Ok((File::open(&path).await?, found.len()))
        };
        match opened.await {
            Ok((file, length)) => Self::of(url, Content::File(file, path), Some(length), limit),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(ReleaseError::Missing {
                url: url.to_string(),
            }),
            Err(source) => Err(ReleaseError::Read { path, source }),
        }
    }

    fn of(
        url: &Url,
        content: Content,
        expected: Option<u64>,
        limit: u64,
    ) -> Result<Self, ReleaseError> {
        let body = Self {
            url: url.to_string(),
            content,
            limit,
            received: 0,
            expected,
        };
        if body.expected.is_some_and(|expected| expected > limit) {
            return Err(body.too_large());
        }
        Ok(body)
    }

    async fn next(&mut self) -> Result<Option<bytes::Bytes>, ReleaseError> {
        let chunk = match &mut self.content {
            Content::Answer(response) => {
                let Ok(chunk) = timeout(SILENCE, response.chunk()).await else {
                    return Err(ReleaseError::Timeout {
                        url: self.url.clone(),
                        timeout: SILENCE,
                    });
                };
                // Whatever breaks a body breaks it off.
                let Ok(chunk) = chunk else {
                    return Err(self.truncated());
                };
                chunk
            }
            Content::File(file, path) => {
                let mut chunk = bytes::BytesMut::with_capacity(CHUNK);
                let read = file.read_buf(&mut chunk).await;
                read.map_err(|source| ReleaseError::Read {
                    path: path.clone(),
                    source,
                })?;
                (!chunk.is_empty()).then(|| chunk.freeze())
            }
        };
        match &chunk {
            Some(chunk) => {
                self.received += chunk.len() as u64;
                if self.received > self.limit {
                    return Err(self.too_large());
                }
            }
            None if self
                .expected
                .is_some_and(|expected| expected != self.received) =>
            {
                return Err(self.truncated());
            }
            None => {}
        }
        Ok(chunk)
    }

    fn too_large(&self) -> ReleaseError {
        ReleaseError::TooLarge {
            url: self.url.clone(),
            limit: self.limit,
        }
    }

    fn truncated(&self) -> ReleaseError {
        ReleaseError::Truncated {
            url: self.url.clone(),
            received: self.received,
            expected: self.expected,
        }
    }
}

/// What a status that means no says.
fn refusal(url: &Url, response: &Response) -> ReleaseError {
    let status = response.status();
    let exhausted = response
        .headers()
        .get("x-ratelimit-remaining")
        .is_some_and(|left| left.as_bytes() == b"0");
    let limited = status == StatusCode::TOO_MANY_REQUESTS
        || status == StatusCode::FORBIDDEN
            && (exhausted || response.headers().contains_key(RETRY_AFTER));
    if limited {
        return ReleaseError::RateLimited {
            host: url.host_str().unwrap_or_default().to_owned(),
            status: status.as_u16(),
        };
    }
    match status {
        StatusCode::NOT_FOUND | StatusCode::GONE => ReleaseError::Missing {
            url: url.to_string(),
        },
        _ => ReleaseError::Refused {
            url: url.to_string(),
            status: status.as_u16(),
        },
    }
}

fn silent(url: &Url) -> ReleaseError {
    ReleaseError::Timeout {
        url: url.to_string(),
        timeout: SILENCE,
    }
}

fn endless(url: &Url) -> ReleaseError {
    ReleaseError::Malformed {
        url: url.to_string(),
        reason: format!("it redirects more than {REDIRECTS} times"),
    }
}
