//! The signature of a release: minisign's, over `SHA256SUMS`, with the version in its trusted comment.
//!
//! The comment is compared for equality, never by its start: else the signed checksums of an old
//! release would pass for a new one, and `v4.0.10` for `v4.0.1`.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use minisign_verify::{PublicKey, Signature};

use super::project::APP;
use super::{Checksums, Project, ReleaseVersion};

/// What the signature of a release says about itself.
pub(crate) fn trusted_comment(version: &ReleaseVersion) -> String {
    format!("{APP} {}", version.tag())
}

/// The key that a release is verified with: the one that was passed, else the workspace's.
pub(crate) fn public_key<'a>(
    passed: Option<&'a str>,
    project: &'a Project,
) -> anyhow::Result<&'a str> {
    passed
        .or(project.release.minisign_public_key.as_deref())
        .context(
            "there is no key that releases are signed with; `cargo xtask release new-key` makes one \
             and writes its public half into `[workspace.metadata.release]` of Cargo.toml",
        )
}

/// Verifies the signature in a release's folder, and reads the checksums that it signs. The files
/// themselves are the caller's to verify: [`Checksums::verify_folder`], [`Checksums::verify_file`].
pub(crate) fn verify_folder(
    folder: &Path,
    public_key: &str,
    version: &ReleaseVersion,
) -> anyhow::Result<Checksums> {
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read_to_string(&path).with_context(|| format!("failed to read `{}`", path.display()))
    };
    let sums = read(Checksums::FILE)?;
    let signature = read(Checksums::SIGNATURE)
        .context("the release is not signed; `cargo xtask release sign` does that")?;
    verify(&sums, &signature, public_key, version)
}

/// Verifies the texts of `SHA256SUMS` and its signature, and reads the former.
pub(crate) fn verify(
    sums: &str,
    signature: &str,
    public_key: &str,
    version: &ReleaseVersion,
) -> anyhow::Result<Checksums> {
    let key = PublicKey::from_base64(public_key.trim()).map_err(|error| {
        anyhow::anyhow!("`{public_key}` is no minisign public key in base64: {error}")
    })?;
    let signature = Signature::decode(signature)
        .with_context(|| format!("`{}` is no minisign signature", Checksums::SIGNATURE))?;
    key.verify(sums.as_bytes(), &signature, false)
        .with_context(|| {
            format!(
                "the signature of `{}` was not made over it with the key `{public_key}`",
                Checksums::FILE
            )
        })?;
    let expected = trusted_comment(version);
    let found = signature.trusted_comment();
    if found != expected {
        bail!("the signature is for another release: it says `{found}`, expected `{expected}`");
    }
    Checksums::parse(sums).with_context(|| format!("failed to understand `{}`", Checksums::FILE))
}

#[cfg(test)]
mod tests {
    use super::super::sign::tests::{Keys, signed};
    use super::*;

    const SUMS: &str =
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 *empty.txt\n";

    fn refusal(sums: &str, signature: &str, keys: &Keys, version: &str) -> String {
        let error = verify(sums, signature, &keys.public, &version.parse().unwrap()).unwrap_err();
        format!("{error:#}")
    }

    #[test]
    fn only_the_signed_version_is_accepted() {
        let keys = Keys::make();
        let signature = signed(SUMS, &keys, "mcp-mesh v4.0.1");
        let sums = verify(SUMS, &signature, &keys.public, &"4.0.1".parse().unwrap()).unwrap();
        assert_eq!(sums.to_text(), SUMS);
        for other in ["4.0.0", "4.0.10"] {
            let error = refusal(SUMS, &signature, &keys, other);
            assert!(error.contains("says `mcp-mesh v4.0.1`"), "{error}");
        }
        let longer = signed(SUMS, &keys, "mcp-mesh v4.0.10");
        assert!(refusal(SUMS, &longer, &keys, "4.0.1").contains("another release"));
    }

    #[test]
    fn what_was_changed_or_signed_by_somebody_else_is_refused() {
        let keys = Keys::make();
        let signature = signed(SUMS, &keys, "mcp-mesh v4.0.1");
        let changed = SUMS.replace("e3b0", "e3b1");
        let error = refusal(&changed, &signature, &keys, "4.0.1");
        assert!(error.contains("was not made over it"), "{error}");

        let commented = signature.replace("v4.0.1", "v4.0.2");
        let error = refusal(SUMS, &commented, &keys, "4.0.2");
        assert!(error.contains("was not made over it"), "{error}");

        let error = refusal(SUMS, &signature, &Keys::make(), "4.0.1");
        assert!(error.contains("was not made over it"), "{error}");

        let error = refusal(SUMS, "<html>404</html>", &keys, "4.0.1");
        assert!(error.contains("no minisign signature"), "{error}");
    }
}
