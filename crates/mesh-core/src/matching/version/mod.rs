//! Versions, and the constraints that dependencies put on them.
//!
//! The rules are those of the Go library `Masterminds/semver` 3.4, which every constraint in the
//! field was written for; Cargo's rules differ (a bare version, `||`, what parses at all).

mod constraint;
mod number;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;

pub use constraint::Constraint;
pub use number::Version;

/// The version of a provider: any text, at best a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderVersion {
    text: Box<str>,
    parsed: Option<Version>,
}

impl ProviderVersion {
    /// Reads `text`, which may be anything.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self {
            text: text.into(),
            parsed: Version::parse(text),
        }
    }

    /// The text as the provider wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Orders providers, the greater being preferred: by precedence, what is no version below all
    /// that are, and two that are none as plain texts.
    ///
    /// No `Ord`, because `1.0` and `v1.0.0` rank equally and are different texts.
    #[must_use]
    pub fn rank(&self, other: &Self) -> Ordering {
        match (&self.parsed, &other.parsed) {
            (None, None) => self.text.cmp(&other.text),
            (ours, theirs) => ours.cmp(theirs),
        }
    }
}

/// A dependency's version constraint, compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionQuery {
    text: Box<str>,
    parsed: Option<Constraint>,
}

impl VersionQuery {
    /// Compiles `text`; the empty text accepts every version.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self {
            text: text.into(),
            parsed: Constraint::parse(text),
        }
    }

    /// The constraint as the dependency wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether `version` will do. If either is no version or constraint, the texts must be equal.
    #[must_use]
    pub fn accepts(&self, version: &ProviderVersion) -> bool {
        if self.text.is_empty() {
            return true;
        }
        if version.text.is_empty() {
            return false;
        }
        match (&self.parsed, &version.parsed) {
            (Some(constraint), Some(version)) => constraint.accepts(version),
            _ => self.text == version.text,
        }
    }
}
