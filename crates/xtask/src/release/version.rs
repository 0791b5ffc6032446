//! A version, in the spellings that tags, PyPI and package managers want.

use std::fmt;
use std::str::FromStr;

use semver::Version;

/// A version that can be released: `1.2.3`, or `1.2.3-rc.1` for a prerelease.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ReleaseVersion(Version);

/// Why a text is no version of a release.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is no version of a release; write `1.2.3`, or `1.2.3-alpha.1`, `-beta.1` or `-rc.1`"
)]
pub(crate) struct InvalidVersion(String);

impl ReleaseVersion {
    /// `v1.2.3`.
    pub(crate) fn tag(&self) -> String {
        format!("v{self}")
    }

    /// Whether taps, buckets and `latest` follow it.
    pub(crate) fn is_stable(&self) -> bool {
        self.0.pre.is_empty()
    }

    pub(crate) fn semver(&self) -> &Version {
        &self.0
    }

    /// The version that mends this one; a prerelease is followed by its release.
    pub(crate) fn next_patch(&self) -> Self {
        let patch = self.0.patch + u64::from(self.is_stable());
        Self(Version::new(self.0.major, self.0.minor, patch))
    }

    /// As PyPI spells it: `1.2.3rc1`.
    pub(crate) fn pep440(&self) -> String {
        let Version {
            major,
            minor,
            patch,
            ..
        } = self.0;
        match self.prerelease() {
            None => self.to_string(),
            Some((kind, number)) => {
                let kind = match kind {
                    "alpha" => "a",
                    "beta" => "b",
                    other => other,
                };
                format!("{major}.{minor}.{patch}{kind}{number}")
            }
        }
    }

    /// `("rc", 1)` for `1.2.3-rc.1`.
    fn prerelease(&self) -> Option<(&str, u64)> {
        let (kind, number) = self.0.pre.as_str().split_once('.')?;
        matches!(kind, "alpha" | "beta" | "rc")
            .then(|| number.parse().ok())?
            .map(|number| (kind, number))
    }
}

impl FromStr for ReleaseVersion {
    type Err = InvalidVersion;

    /// Takes a version or a tag.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidVersion(text.to_owned());
        let version =
            Version::parse(text.strip_prefix('v').unwrap_or(text)).map_err(|_| invalid())?;
        let version = Self(version);
        let known = version.is_stable() || version.prerelease().is_some();
        if known && version.0.build.is_empty() {
            Ok(version)
        } else {
            Err(invalid())
        }
    }
}

impl fmt::Display for ReleaseVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> ReleaseVersion {
        text.parse().unwrap()
    }

    #[test]
    fn a_version_is_spelled_as_each_channel_wants() {
        for (text, tag, pep440, stable) in [
            ("4.0.0", "v4.0.0", "4.0.0", true),
            ("v4.1.2", "v4.1.2", "4.1.2", true),
            ("4.1.0-rc.1", "v4.1.0-rc.1", "4.1.0rc1", false),
            ("4.1.0-alpha.12", "v4.1.0-alpha.12", "4.1.0a12", false),
            ("4.1.0-beta.2", "v4.1.0-beta.2", "4.1.0b2", false),
        ] {
            let version = version(text);
            assert_eq!(version.tag(), tag);
            assert_eq!(version.pep440(), pep440);
            assert_eq!(version.is_stable(), stable, "{text}");
        }
    }

    #[test]
    fn what_a_channel_could_not_spell_is_refused() {
        for text in [
            "",
            "4",
            "4.0",
            "latest",
            "4.0.0-dev",
            "4.0.0-rc",
            "4.0.0-rc.x",
            "4.0.0+1",
        ] {
            let error = text.parse::<ReleaseVersion>().unwrap_err();
            assert!(error.to_string().contains(&format!("`{text}`")), "{error}");
        }
    }

    #[test]
    fn a_mend_has_the_next_number() {
        assert_eq!(version("4.0.0").next_patch(), version("4.0.1"));
        assert_eq!(version("4.1.0-rc.1").next_patch(), version("4.1.0"));
    }

    #[test]
    fn a_prerelease_comes_before_its_release() {
        assert!(version("4.1.0-rc.1") < version("4.1.0"));
        assert!(version("4.1.0-rc.2") < version("4.1.0-rc.10"));
    }
}
