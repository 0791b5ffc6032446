//! Why the registry could not be asked, or said no.

use std::borrow::Cow;
use std::error::Error;
use std::time::Duration;

use mesh_core::Hint;
use mesh_core::env::EnvVars;
use mesh_core::wire::{CLAIM_SUPERSEDED, TRACING_DISABLED};

use crate::excerpt::PAGE;
use crate::tls;

/// A request to the registry that brought no answer of use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The registry's address is not a URL that can be asked.
    #[error("`{url}` is not the URL of a registry: {reason}")]
    InvalidUrl {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nobody answered, or the connection broke.
    #[error("failed to reach the registry at `{url}`")]
    Unreachable {
        /// The base URL that was tried.
        url: String,
        /// The transport's own account.
        source: reqwest::Error,
    },
    /// No complete answer in time.
    #[error("the registry at `{url}` did not answer within {timeout:?}")]
    Timeout {
        /// The base URL that was tried.
        url: String,
        /// How long was waited.
        timeout: Duration,
    },
    /// The registry answered with a status that means no.
    #[error("the registry at `{url}` refused the request with {status}: {message}")]
    Refused {
        /// The base URL that was asked.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The registry's reason, or an excerpt of what it sent.
        message: String,
        /// What the registry advises.
        advice: Option<String>,
    },
    /// The answer is not what a registry says.
    #[error("the answer of `{url}` is not understood: {reason}")]
    Malformed {
        /// The URL that was asked.
        url: String,
        /// What is wrong with the answer.
        reason: String,
    },
}

impl ClientError {
    /// Whether the claim that was acted for is not the job's current one: its execution must stop.
    #[must_use]
    pub fn is_claim_superseded(&self) -> bool {
        matches!(self, Self::Refused { status: 409, message, .. } if message == CLAIM_SUPERSEDED)
    }

    /// Whether the registry knows of no traces at all, so that asking again is no use.
    #[must_use]
    pub fn is_tracing_disabled(&self) -> bool {
        matches!(self, Self::Refused { status: 404, message, .. } if message == TRACING_DISABLED)
    }

    /// Whether the registry does not have what was asked for. A web server that listens in its place
    /// has no such page either, and knows nothing of it.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. }) && !self.is_page()
    }

    /// Whether the answer is a page for browsers, which no registry sends.
    fn is_page(&self) -> bool {
        matches!(self, Self::Refused { message, .. } if message == PAGE)
    }

    /// Whether somebody answered whose certificate is not trusted.
    #[must_use]
    pub fn is_distrust(&self) -> bool {
        // The verdict of rustls lies below errors of three crates, one of which hides its cause.
        matches!(self, Self::Unreachable { .. }) && describe(self).contains("certificate")
    }

    /// Whether asking again later may help although nothing else changes.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } => true,
            Self::Refused { status, .. } => *status >= 500 || *status == 429,
            Self::InvalidUrl { .. } | Self::Malformed { .. } => false,
        }
    }
}

impl Hint for ClientError {
    fn hint(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::InvalidUrl { .. } => Some(
                format!(
                    "set `{}` to a URL such as `http://localhost:8000`",
                    EnvVars::MCP_MESH_REGISTRY_URL
                )
                .into(),
            ),
            Self::Unreachable { source, .. } if tls::hint(source).is_some() => tls::hint(source),
            Self::Unreachable { .. } => {
                Some("start one with `meshctl start --registry-only`, or check its address".into())
            }
            Self::Timeout { .. } => Some("the registry may be overloaded; read its log".into()),
            Self::Malformed { .. } => Some(elsewhere().into()),
            Self::Refused { .. } if self.is_page() => Some(elsewhere().into()),
            Self::Refused { advice, .. } => advice.as_deref().map(Cow::Borrowed),
        }
    }
}

/// What helps whoever got an answer that no registry gives.
fn elsewhere() -> String {
    format!(
        "something else may listen there, or a registry newer than {}; check `{}`",
        mesh_core::VERSION,
        EnvVars::MCP_MESH_REGISTRY_URL
    )
}

/// `error` in one line: what happened, and the cause at the bottom of the chain. The layers between
/// them are the transport's own and help nobody.
#[must_use]
pub fn describe(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    if std::ptr::addr_eq(cause, error) {
        error.to_string()
    } else {
        format!("{error}: {cause}")
    }
}
