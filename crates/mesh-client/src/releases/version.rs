//! Which release somebody asks for.

use std::fmt;
use std::str::FromStr;

use semver::Version;

/// A release, named or described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionRequest {
    /// The newest one that is no prerelease.
    Latest,
    /// This one.
    Exact(Version),
    /// The newest one that begins so and is no prerelease: `4` or `4.1`.
    Newest {
        /// The first number.
        major: u64,
        /// The second number, if it was said.
        minor: Option<u64>,
    },
}

/// A text that names no release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no version; write `4.1.0`, `4.1` or `4`")]
pub struct InvalidVersionRequest(String);

impl VersionRequest {
    /// Whether `version` is what was asked for.
    pub(super) fn matches(&self, version: &Version) -> bool {
        match self {
            Self::Latest => version.pre.is_empty(),
            Self::Exact(exact) => version == exact,
            Self::Newest { major, minor } => {
                version.pre.is_empty()
                    && version.major == *major
                    && minor.is_none_or(|minor| version.minor == minor)
            }
        }
    }
}

/// The version that a tag such as `v4.1.0` names.
pub(super) fn of_tag(tag: &str) -> Option<Version> {
    Version::parse(tag.strip_prefix('v')?).ok()
}

impl FromStr for VersionRequest {
    type Err = InvalidVersionRequest;

    /// Takes versions and tags, whole or without their last numbers.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidVersionRequest(text.to_owned());
        let digits = text.strip_prefix('v').unwrap_or(text);
        if let Ok(version) = Version::parse(digits) {
            // Build metadata takes no part in comparisons, so a tag cannot be told by it.
            return if version.build.is_empty() {
                Ok(Self::Exact(version))
            } else {
                Err(invalid())
            };
        }
        let mut numbers = digits.split('.').map(|number| {
            let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| number.parse::<u64>().ok()).flatten()
        });
        let major = numbers.next().flatten().ok_or_else(invalid)?;
        let minor = match numbers.next() {
            None => None,
            Some(minor) => Some(minor.ok_or_else(invalid)?),
        };
        match numbers.next() {
            None => Ok(Self::Newest { major, minor }),
            Some(_) => Err(invalid()),
        }
    }
}

impl fmt::Display for VersionRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("latest"),
            Self::Exact(version) => version.fmt(f),
            Self::Newest { major, minor: None } => write!(f, "{major}"),
            Self::Newest {
                major,
                minor: Some(minor),
            } => write!(f, "{major}.{minor}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> VersionRequest {
        text.parse().unwrap()
    }

    #[test]
    fn versions_may_be_whole_or_partial() {
        for text in ["4.1.0", "v4.1.0", "4.1.0-rc.1"] {
            assert!(matches!(request(text), VersionRequest::Exact(_)), "{text}");
        }
        let newest = |minor| VersionRequest::Newest { major: 4, minor };
        assert_eq!(request("v4.1"), newest(Some(1)));
        assert_eq!(request("4"), newest(None));
        for text in [
            "",
            "v",
            "latest",
            "4.x",
            "4.1.",
            "4.1.0.0",
            "+4",
            "4.1.0+linux",
        ] {
            let error = text.parse::<VersionRequest>().unwrap_err();
            assert!(error.to_string().contains(&format!("`{text}`")), "{error}");
        }
    }

    #[test]
    fn a_partial_version_stands_for_releases_only() {
        let version = |text: &str| Version::parse(text).unwrap();
        assert!(request("4.1").matches(&version("4.1.7")));
        assert!(request("4").matches(&version("4.9.0")));
        assert!(!request("4.1").matches(&version("4.10.0")));
        assert!(!request("4.1").matches(&version("4.1.7-rc.1")));
        assert!(request("4.1.7-rc.1").matches(&version("4.1.7-rc.1")));
    }
}
