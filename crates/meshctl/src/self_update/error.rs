//! Why this installation was not replaced; it works as before unless [`UpdateError::NotRestored`] says
//! otherwise.

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;

use mesh_client::releases::ReleaseError;
use mesh_core::Hint;
use mesh_core::env::EnvVars;
use semver::Version;

use super::Origin;

/// An update that did not happen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateError {
    /// The release could not be found or fetched.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// The system does not say which file this program is.
    #[error("cannot find out where this program is")]
    UnknownProgram {
        /// The system's reason.
        source: io::Error,
    },
    /// Somebody else replaces this program.
    #[error("this meshctl was installed {0}, so it is not replaced here")]
    Managed(Origin),
    /// Nobody knows how this program got here.
    #[error("`{}` was installed without the installer, so it is not replaced here", program.display())]
    Unmanaged {
        /// This program.
        program: PathBuf,
        /// How it got here.
        origin: Origin,
    },
    /// The receipt is for another place.
    #[error("the receipt `{}` is for the installation in `{}`, but this program is `{}`", receipt.display(), prefix.display(), program.display())]
    OtherInstallation {
        /// The receipt.
        receipt: PathBuf,
        /// The folder that it is for.
        prefix: PathBuf,
        /// This program.
        program: PathBuf,
        /// The command that upgrades this program.
        command: String,
    },
    /// The receipt says nothing of use.
    #[error("cannot read the receipt `{}`: {reason}", path.display())]
    Receipt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing can be verified.
    #[error("this build knows no release key, so it cannot verify an update")]
    NoKey {
        /// The command that upgrades without us.
        command: String,
    },
    /// The key that this build was given is none.
    #[error("the release key of this build cannot be read")]
    InvalidKey {
        /// What is wrong with it.
        source: minisign_verify::Error,
    },
    /// There is no release for such a machine.
    #[error(
        "there are no releases for {}, {}",
        std::env::consts::OS,
        std::env::consts::ARCH
    )]
    NoBuild,
    /// A folder holds one release, and nobody said which.
    #[error(
        "`{}` is set, but not which version it holds",
        EnvVars::MCP_MESH_DOWNLOAD_URL
    )]
    UnknownFolder,
    /// The release is not there, or not complete.
    #[error("there is no release {version}: `{url}` does not exist")]
    NoRelease {
        /// What was asked for.
        version: Version,
        /// The file that every release has.
        url: String,
        /// The page that lists what there is.
        page: String,
    },
    /// A file that a release must have is not there.
    #[error("release {version} is not complete: `{url}` does not exist")]
    Incomplete {
        /// The release.
        version: Version,
        /// The missing file.
        url: String,
    },
    /// Somebody else, or nobody, signed the checksums.
    #[error("the signature of release {version} is not valid: {reason}")]
    InvalidSignature {
        /// The release.
        version: Version,
        /// What is wrong with it.
        reason: String,
    },
    /// What is genuine is not what was asked for.
    #[error("the signature of release {version} was made for another one: `{comment}`")]
    OtherRelease {
        /// The release.
        version: Version,
        /// What was signed.
        comment: String,
    },
    /// The signed list does not have a file.
    #[error("release {version} has no `{name}`")]
    NotListed {
        /// The release.
        version: Version,
        /// The file.
        name: String,
    },
    /// A file is not the one that was signed.
    #[error("`{name}` is not the file that was signed: its SHA-256 is {found}, not {listed}")]
    Altered {
        /// The file.
        name: String,
        /// Its hash.
        found: String,
        /// The hash that was signed.
        listed: String,
    },
    /// The folder of the installation is not ours to change.
    #[error("cannot write to `{}`", folder.display())]
    NotWritable {
        /// The folder.
        folder: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Files that nobody else sees cannot be kept.
    #[error("cannot use a temporary folder in `{}`", folder.display())]
    Temporary {
        /// The folder for temporary files.
        folder: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Another update is under way.
    #[error("another `meshctl self update` runs")]
    Busy,
    /// Whether another update is under way cannot be told.
    #[error("cannot lock `{}`", file.display())]
    Lock {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The old programs cannot be kept for the case of a failure.
    #[error("cannot keep `{}` for the case that the update fails", file.display())]
    NotKept {
        /// The program.
        file: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The user interrupted while files came.
    #[error("interrupted; nothing was changed")]
    Interrupted,
    /// The installer could not be run, or failed.
    #[error("the installer failed ({reason}); the old version is back")]
    Installer {
        /// How it ended.
        reason: String,
        /// The end of what it said.
        said: Vec<String>,
    },
    /// What was installed does not run.
    #[error("the new `{}` does not work here ({reason}); the old version is back", program.display())]
    Broken {
        /// The new program.
        program: PathBuf,
        /// What happened when it was run.
        reason: String,
    },
    /// The update failed, and so did going back.
    #[error("the update failed, and `{}` could not be put back", file.display())]
    NotRestored {
        /// The program that is missing now.
        file: PathBuf,
        /// Where the old one is.
        kept: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

impl UpdateError {
    /// Lines to show before the message.
    #[must_use]
    pub fn details(&self) -> &[String] {
        match self {
            Self::Installer { said, .. } => said,
            _ => &[],
        }
    }
}

impl Hint for UpdateError {
    fn hint(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Release(error) => error.hint(),
            Self::Managed(origin) | Self::Unmanaged { origin, .. } => Some(origin.advice().into()),
            Self::OtherInstallation {
                prefix, command, ..
            } => {
                let other = prefix.join(format!("meshctl{}", std::env::consts::EXE_SUFFIX));
                let other = other.display();
                Some(
                    format!(
                        "update that one with `{other} self update`, this one with `{command}`"
                    )
                    .into(),
                )
            }
            Self::Receipt { path, .. } => {
                Some(format!("run the installer again; it replaces `{}`", path.display()).into())
            }
            Self::NoKey { command } => Some(format!("upgrade with `{command}`").into()),
            Self::InvalidKey { .. } => {
                Some("use a published release; whoever built this one gave it a wrong key".into())
            }
            Self::NoBuild => Some("build it: `cargo install --git <repository> mcp-mesh`".into()),
            Self::UnknownFolder => Some(
                format!(
                    "say it with `--version`, as in `--version 4.1.0`, or unset `{}`",
                    EnvVars::MCP_MESH_DOWNLOAD_URL
                )
                .into(),
            ),
            Self::NoRelease { page, .. } => Some(format!("`{page}` lists what there is").into()),
            Self::Incomplete { .. } | Self::NotListed { .. } => {
                Some("nothing was changed; try another version with `--version`".into())
            }
            Self::InvalidSignature { .. } | Self::OtherRelease { .. } | Self::Altered { .. } => {
                Some(
                    "nothing was run or changed; somebody may have tampered with the download, \
                     so report it if it happens again"
                        .into(),
                )
            }
            Self::NotWritable { folder, .. } => {
                Some(format!("run it as the user who owns `{}`", folder.display()).into())
            }
            Self::Temporary { .. } => {
                Some("make room there, or set `TMPDIR` to a folder with room".into())
            }
            Self::Busy => Some("wait until it ends".into()),
            Self::Lock { .. } => Some(
                format!(
                    "set `{}` to a directory that can be written",
                    EnvVars::MCP_MESH_HOME
                )
                .into(),
            ),
            Self::NotKept { .. } => Some("make room on the disk of that folder".into()),
            Self::Installer { said, .. } => {
                (!said.is_empty()).then(|| "mend what it says above, and try again".into())
            }
            Self::Broken { .. } => {
                Some("report it with the version and your system; the old one stays usable".into())
            }
            Self::NotRestored { kept, .. } => {
                Some(format!("move it back by hand from `{}`", kept.display()).into())
            }
            Self::UnknownProgram { .. } | Self::Interrupted => None,
        }
    }
}
