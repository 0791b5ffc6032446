//! Fetches what an update needs into a private folder, and verifies it.

use std::path::{Path, PathBuf};

use mesh_client::releases::{ReleaseClient, ReleaseError};
use semver::Version;
use tempfile::TempDir;

use super::{Event, INSTALLER, ReleaseKey, UpdateError, sums};

/// The signed list of checksums.
const SUMS: &str = "SHA256SUMS";
/// Its signature.
const SIGNATURE: &str = "SHA256SUMS.minisig";
/// More than any of them needs, in bytes: what a hostile server can make us keep.
const LARGEST_SUMS: u64 = 1 << 20;
const LARGEST_SIGNATURE: u64 = 64 << 10;
const LARGEST_INSTALLER: u64 = 2 << 20;
const LARGEST_ARCHIVE: u64 = 200 << 20;

/// An installer and the archive it will look for, both as they were signed. Deleted with this value.
pub(super) struct Staged {
    folder: TempDir,
}

impl Staged {
    /// The folder that holds both.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn installer(&self) -> PathBuf {
        self.folder().join(INSTALLER)
    }
}

/// Fetches release `version` for this machine. Nothing of it was run when this returns.
pub(super) async fn stage(
    client: &ReleaseClient,
    key: &ReleaseKey,
    (version, archive): (&Version, &str),
    report: &mut dyn FnMut(Event),
) -> Result<Staged, UpdateError> {
    let sums = client
        .fetch(version, SUMS, LARGEST_SUMS)
        .await
        .map_err(|error| match error {
            ReleaseError::Missing { url } => UpdateError::NoRelease {
                version: version.clone(),
                url,
                page: client.source().page(),
            },
            error => error.into(),
        })?;
    let signature = client
        .fetch(version, SIGNATURE, LARGEST_SIGNATURE)
        .await
        .map_err(|error| incomplete(error, version))?;
    key.verify(&sums, &signature, version)?;
    let sums = String::from_utf8_lossy(&sums);

    let folder = tempfile::Builder::new()
        .prefix("mcp-mesh-update-")
        .tempdir()
        .map_err(|source| UpdateError::Temporary {
            folder: std::env::temp_dir(),
            source,
        })?;
    // Both are looked up before anything large comes.
    let files = [(INSTALLER, LARGEST_INSTALLER), (archive, LARGEST_ARCHIVE)]
        .into_iter()
        .map(|(name, limit)| {
            let listed = sums::listed(&sums, name).ok_or_else(|| UpdateError::NotListed {
                version: version.clone(),
                name: name.to_owned(),
            })?;
            Ok((name, limit, listed))
        })
        .collect::<Result<Vec<_>, UpdateError>>()?;
    for (name, limit, listed) in files {
        let path = folder.path().join(name);
        let url = client.source().file(version, name);
        client
            .download(&url, &path, limit, &mut |progress| {
                report(Event::Downloading {
                    name: name.to_owned(),
                    progress,
                });
            })
            .await
            .map_err(|error| incomplete(error, version))?;
        let found = sums::of_file(&path).map_err(|source| UpdateError::Temporary {
            folder: folder.path().to_owned(),
            source,
        })?;
        if found != listed {
            return Err(UpdateError::Altered {
                name: name.to_owned(),
                found,
                listed,
            });
        }
    }
    Ok(Staged { folder })
}

fn incomplete(error: ReleaseError, version: &Version) -> UpdateError {
    match error {
        ReleaseError::Missing { url } => UpdateError::Incomplete {
            version: version.clone(),
            url,
        },
        error => error.into(),
    }
}
