//! How images are named: `registry/path:tag`, and `registry/path@sha256:…` for bytes that never change.

use std::fmt;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::super::Image;

/// The hash of a manifest, which names an image once and for all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Digest(String);

/// A registry and a path in it, without tag or digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Repository {
    /// Name and port.
    host: String,
    path: String,
}

/// What stands before the names of images, in one or more places.
#[derive(Debug, Clone, Default)]
pub(crate) struct Prefixes(Vec<Repository>);

/// An image by its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pinned {
    pub(crate) repository: Repository,
    pub(crate) digest: Digest,
}

impl Digest {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(format!("sha256:{:x}", Sha256::digest(bytes)))
    }
}

impl Repository {
    /// The registry that names without a host mean.
    const HUB: &str = "docker.io";

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The path as the registry's API knows it: Docker Hub keeps official images in a folder that nobody
    /// types.
    pub(super) fn api_path(&self) -> String {
        if self.is_hub() && !self.path.contains('/') {
            format!("library/{}", self.path)
        } else {
            self.path.clone()
        }
    }

    /// Whether it is on this machine, where no encryption is needed.
    pub(crate) fn is_loopback(&self) -> bool {
        let name = self
            .host
            .rsplit_once(':')
            .map_or(&*self.host, |(name, _)| name);
        let address = || name.parse::<Ipv4Addr>();
        name == "localhost" || address().is_ok_and(|address| address.is_loopback())
    }

    pub(crate) fn is_hub(&self) -> bool {
        self.host == Self::HUB
    }

    /// The repository `name` below this one.
    pub(crate) fn child(&self, name: &str) -> Self {
        Self {
            host: self.host.clone(),
            path: format!("{}/{name}", self.path),
        }
    }

    pub(crate) fn with_tag(&self, tag: &str) -> String {
        format!("{self}:{tag}")
    }

    pub(crate) fn with_digest(&self, digest: &Digest) -> String {
        format!("{self}@{digest}")
    }
}

impl Prefixes {
    /// All places of an option that was given several times.
    pub(crate) fn flatten(options: &[Self]) -> Vec<Repository> {
        options.iter().flat_map(|one| one.0.clone()).collect()
    }
}

impl Pinned {
    /// Reads a file of `NAME@sha256:…` lines.
    pub(crate) fn read_list(path: &Path) -> anyhow::Result<Vec<Self>> {
        let text = fs::read_to_string(path)
            .with_context(|| format!("failed to read `{}`", path.display()))?;
        let pinned: Vec<Self> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(str::parse)
            .collect::<anyhow::Result<_>>()
            .with_context(|| format!("failed to understand `{}`", path.display()))?;
        ensure!(
            !pinned.is_empty(),
            "`{}` names no image; a build writes it with `DOCKER_DIGESTS`",
            path.display()
        );
        Ok(pinned)
    }

    /// Which of ours it is, by the last part of its name.
    pub(crate) fn image(&self) -> anyhow::Result<Image> {
        let path = self.repository.path();
        let name = path.rsplit('/').next().unwrap_or(path);
        name.parse()
            .with_context(|| format!("`{self}` cannot be published"))
    }
}

impl FromStr for Digest {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_hash = text.strip_prefix("sha256:").is_some_and(|hash| {
            hash.len() == 64 && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        });
        ensure!(
            is_hash,
            "`{text}` is no digest; expected `sha256:` and 64 hexadecimal digits"
        );
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Digest {
    type Error = anyhow::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

impl FromStr for Repository {
    type Err = anyhow::Error;

    /// Takes names as people type them: one without a host is on Docker Hub.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, path) = match text.split_once('/') {
            Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host, path),
            _ => (Self::HUB, text),
        };
        let is_part = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'))
        };
        let host_is_name = host
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b':'));
        if !host_is_name || !path.split('/').all(is_part) {
            bail!(
                "`{text}` is no name of an image; expected `registry.example/path` in lower case, \
                 without tag or digest"
            );
        }
        Ok(Self {
            host: host.to_owned(),
            path: path.to_owned(),
        })
    }
}

impl FromStr for Prefixes {
    type Err = anyhow::Error;

    /// Separated by spaces; none at all is fine, since a workflow cannot leave an option out.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let places = text.split_whitespace().map(str::parse);
        places.collect::<anyhow::Result<_>>().map(Self)
    }
}

impl FromStr for Pinned {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, digest) = text
            .split_once('@')
            .with_context(|| format!("`{text}` has no digest; expected `NAME@sha256:…`"))?;
        Ok(Self {
            repository: name.parse()?,
            digest: digest.parse()?,
        })
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.path)
    }
}

impl fmt::Display for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.repository, self.digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_docker_reads_them() {
        for (text, full) in [
            ("python", "docker.io/python"),
            ("acme/registry", "docker.io/acme/registry"),
            ("docker.io/acme/cli", "docker.io/acme/cli"),
            ("ghcr.io/acme/mesh/cli", "ghcr.io/acme/mesh/cli"),
            ("127.0.0.1:5000/cli", "127.0.0.1:5000/cli"),
            ("localhost/cli", "localhost/cli"),
            ("127.hub.example/cli", "127.hub.example/cli"),
        ] {
            let name: Repository = text.parse().unwrap();
            assert_eq!(name.to_string(), full);
            let official = name.api_path().starts_with("library/");
            assert_eq!(official, text == "python");
            let local = full.starts_with("127.0.0.1:") || full.starts_with("localhost/");
            assert_eq!(name.is_loopback(), local, "{full}");
        }
        for text in [
            "",
            "Acme/cli",
            "acme//cli",
            "acme/cli:1",
            "https://x/y",
            "a.b/",
        ] {
            let error = text.parse::<Repository>().unwrap_err().to_string();
            assert!(error.contains("is no name of an image"), "{text}: {error}");
        }
    }

    #[test]
    fn a_line_of_digests_is_an_image_of_ours() {
        let digest = Digest::of(b"");
        let pinned: Pinned = format!("ghcr.io/acme/python-runtime@{digest}")
            .parse()
            .unwrap();
        assert_eq!(pinned.image().unwrap(), Image::PythonRuntime);
        let foreign: Pinned = format!("acme/other@{digest}").parse().unwrap();
        let error = format!("{:#}", foreign.image().unwrap_err());
        assert!(error.contains("`other` is no image"), "{error}");
        for (text, problem) in [
            ("acme/cli", "has no digest"),
            ("acme/cli@sha256:1234", "`sha256:1234` is no digest"),
        ] {
            let error = text.parse::<Pinned>().unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
    }
}
