//! What lets somebody write.

use std::fmt;

use mesh_core::env::Environment;

/// A token, and the variable that it came from.
#[derive(Clone)]
pub(crate) struct Token {
    pub(super) variable: &'static str,
    pub(super) text: String,
}

impl Token {
    /// The variable with the token for the repository itself.
    pub(crate) const REPOSITORY: &str = "GH_TOKEN";
    /// The variable with the token for the Homebrew tap.
    pub(crate) const TAP: &str = "TAP_TOKEN";
    /// The variable with the token for the Scoop bucket.
    pub(crate) const BUCKET: &str = "BUCKET_TOKEN";

    /// What `variable` holds, if anything.
    pub(crate) fn read(environment: &Environment, variable: &'static str) -> Option<Self> {
        let text = environment.get(variable)?.trim().to_owned();
        Some(Self { variable, text })
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({})", self.variable)
    }
}
