//! The key that releases are signed with.

use std::fmt;

use minisign_verify::{PublicKey, Signature};
use semver::Version;

use super::UpdateError;

/// Whom this program believes. It comes with the program: nothing at run time can replace it.
pub struct ReleaseKey(PublicKey);

impl fmt::Debug for ReleaseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReleaseKey")
    }
}

impl ReleaseKey {
    /// The key that this build was given; a build for oneself has none.
    pub fn compiled_in() -> Result<Option<Self>, UpdateError> {
        match option_env!("MCP_MESH_RELEASE_PUBLIC_KEY") {
            None | Some("") => Ok(None),
            Some(key) => Self::parse(key).map(Some),
        }
    }

    /// Reads a minisign key: the line of base64 that `minisign -G` shows.
    pub fn parse(base64: &str) -> Result<Self, UpdateError> {
        PublicKey::from_base64(base64.trim())
            .map(Self)
            .map_err(|source| UpdateError::InvalidKey { source })
    }

    /// Whether `signature` covers `sums`, the list of checksums, and was made for `version`: a list that
    /// was signed for another release is genuine, but not what was asked for.
    pub(super) fn verify(
        &self,
        sums: &[u8],
        signature: &[u8],
        version: &Version,
    ) -> Result<(), UpdateError> {
        let invalid = |reason: String| UpdateError::InvalidSignature {
            version: version.clone(),
            reason,
        };
        let signature = std::str::from_utf8(signature)
            .map_err(|_| invalid("it is not text".to_owned()))
            .and_then(|text| Signature::decode(text).map_err(|error| invalid(error.to_string())))?;
        self.0
            .verify(sums, &signature, false)
            .map_err(|error| invalid(error.to_string()))?;
        // Equality: `v4.1.0` is the beginning of `v4.1.01`.
        if signature.trusted_comment() == format!("mcp-mesh v{version}") {
            Ok(())
        } else {
            Err(UpdateError::OtherRelease {
                version: version.clone(),
                comment: signature.trusted_comment().to_owned(),
            })
        }
    }
}
