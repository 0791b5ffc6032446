//! Why a release could not be found or fetched.

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use mesh_core::Hint;
use mesh_core::env::EnvVars;

/// A look for a release, or the download of one of its files, that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseError {
    /// A setting is not a URL that can be asked.
    #[error("`{url}` ({origin}) is not the URL of a place with releases: {reason}")]
    InvalidUrl {
        /// What was given.
        url: String,
        /// The variable that gave it.
        origin: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Two settings contradict each other.
    #[error(
        "both `{}` and `{}` are set",
        EnvVars::MCP_MESH_INSTALLER_GHE_BASE_URL,
        EnvVars::MCP_MESH_INSTALLER_GITHUB_BASE_URL
    )]
    TwoBases,
    /// The token cannot be sent.
    #[error(
        "the value of `{}` holds a character that no token has",
        EnvVars::MCP_MESH_GITHUB_TOKEN
    )]
    InvalidToken,
    /// Somebody sent us from `https` to a place that anybody can forge.
    #[error("`{url}` is not encrypted")]
    Insecure {
        /// Where we were sent.
        url: String,
    },
    /// Nobody answered.
    #[error("failed to reach `{url}`")]
    Unreachable {
        /// The URL that was tried.
        url: String,
        /// The transport's own account.
        source: reqwest::Error,
    },
    /// Nothing came for too long.
    #[error("`{url}` sent nothing for {timeout:?}")]
    Timeout {
        /// The URL that was tried.
        url: String,
        /// How long was waited.
        timeout: Duration,
    },
    /// The repository has published nothing yet.
    #[error("there is no release at `{url}`")]
    NoRelease {
        /// The page that was asked.
        url: String,
    },
    /// No release begins with the numbers that were asked for.
    #[error("there is no release {request} at `{url}`")]
    UnknownVersion {
        /// What was asked for.
        request: String,
        /// The page that lists all releases.
        url: String,
    },
    /// The file, or the whole release, is not there.
    #[error("`{url}` does not exist")]
    Missing {
        /// The URL that was asked.
        url: String,
    },
    /// The server wants to be asked less often.
    #[error("`{host}` refuses further requests for a while (status {status})")]
    RateLimited {
        /// Who refused.
        host: String,
        /// The HTTP status.
        status: u16,
    },
    /// The server answered with a status that means no.
    #[error("`{url}` was refused with status {status}")]
    Refused {
        /// The URL that was asked.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The answer is not what such a server says.
    #[error("the answer of `{url}` is not understood: {reason}")]
    Malformed {
        /// The URL that was asked.
        url: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// More came than any such file holds.
    #[error("`{url}` is larger than {limit} bytes")]
    TooLarge {
        /// The URL that was asked.
        url: String,
        /// The most that is taken.
        limit: u64,
    },
    /// The connection ended before the file did.
    #[error("the download of `{url}` broke off after {received} bytes{}", of_total(*expected))]
    Truncated {
        /// The URL that was asked.
        url: String,
        /// What came.
        received: u64,
        /// What was announced, if anything was.
        expected: Option<u64>,
    },
    /// A file of this machine is there, but not for us.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// What came cannot be kept.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

fn of_total(expected: Option<u64>) -> String {
    expected.map_or_else(String::new, |expected| format!(" of {expected}"))
}

impl Hint for ReleaseError {
    fn hint(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::InvalidUrl { origin, .. } => Some(format!("correct or unset `{origin}`").into()),
            Self::TwoBases => Some("unset one of them".into()),
            Self::InvalidToken => Some("copy the token again, without a line break".into()),
            Self::Insecure { .. } => {
                Some("a proxy or mirror leads astray; ask whoever runs it for `https`".into())
            }
            Self::Unreachable { .. } | Self::Timeout { .. } => Some(
                format!(
                    "check the network; behind a proxy set `HTTPS_PROXY`, for a mirror `{}`",
                    EnvVars::MCP_MESH_INSTALLER_GHE_BASE_URL
                )
                .into(),
            ),
            Self::RateLimited { .. } => Some(
                format!(
                    "wait an hour, set `{}`, or ask for a whole version such as `--version 4.1.0`, \
                     which needs no list of releases",
                    EnvVars::MCP_MESH_GITHUB_TOKEN
                )
                .into(),
            ),
            Self::UnknownVersion { url, .. } => Some(format!("`{url}` lists what there is").into()),
            Self::NoRelease { .. } => Some(
                format!(
                    "open it in a browser; a server that `{}` names must have the releases there",
                    EnvVars::MCP_MESH_INSTALLER_GHE_BASE_URL
                )
                .into(),
            ),
            Self::Truncated { .. } => Some("try again; nothing was changed".into()),
            Self::Write { .. } => {
                Some("make room there, or set `TMPDIR` to a folder with room".into())
            }
            Self::Refused { .. } | Self::Malformed { .. } | Self::TooLarge { .. } => {
                Some("a proxy or mirror may answer in its place; open the URL in a browser".into())
            }
            Self::Read { path, .. } => {
                Some(format!("make `{}` a file that this user can read", path.display()).into())
            }
            Self::Missing { .. } => None,
        }
    }
}
