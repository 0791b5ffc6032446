//! Why a call brought no result.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use mesh_core::Hint;
use serde_json::value::RawValue;

use crate::tls;

/// A call without a result. A tool that ran and failed is a result, not one of these.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The address is not a URL that can be called.
    #[error("`{endpoint}` is not the URL of an agent: {reason}")]
    InvalidEndpoint {
        /// What was given.
        endpoint: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No connection could be made: the tool did not run.
    #[error("failed to reach `{url}`")]
    Unreachable {
        /// The URL that was tried.
        url: String,
        /// The transport's own account.
        source: reqwest::Error,
    },
    /// The connection broke after the request was sent: the tool may have run.
    #[error("the connection to `{url}` broke before the answer was complete")]
    Interrupted {
        /// The URL that was called.
        url: String,
        /// The transport's own account; none when the server ended its answer in good order but
        /// too early.
        source: Option<reqwest::Error>,
    },
    /// No complete answer within the call's budget: the tool may still be running.
    #[error("`{url}` did not answer within {budget:?}")]
    Timeout {
        /// The URL that was called.
        url: String,
        /// The call's budget.
        budget: Duration,
    },
    /// The server answered with an HTTP status that means no.
    #[error("`{url}` answered {status}: {body}")]
    Http {
        /// The URL that was called.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The beginning of what it sent.
        body: String,
    },
    /// The server answered with a JSON-RPC error.
    #[error(transparent)]
    Rpc(RpcError),
    /// The answer is not what an MCP server says.
    #[error("the answer of `{url}` is not understood: {reason}")]
    Protocol {
        /// The URL that was called.
        url: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The answer is larger than the caller accepts.
    #[error("the answer of `{url}` is longer than {limit} bytes")]
    TooLarge {
        /// The URL that was called.
        url: String,
        /// How many bytes are accepted.
        limit: usize,
    },
}

impl CallError {
    /// Whether it is certain that the tool did not run because of this call.
    #[must_use]
    pub fn is_unsent(&self) -> bool {
        matches!(
            self,
            Self::InvalidEndpoint { .. } | Self::Unreachable { .. }
        )
    }
}

impl Hint for CallError {
    fn hint(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::InvalidEndpoint { .. } => {
                Some("an endpoint looks like `http://host:port`".into())
            }
            Self::Unreachable { source, .. }
            | Self::Interrupted {
                source: Some(source),
                ..
            } if tls::hint(source).is_some() => tls::hint(source),
            // The latter is the registry's own, where it stands between.
            Self::Unreachable { .. } | Self::Http { status: 502, .. } => {
                Some("the agent may have stopped; `meshctl list` shows who is there".into())
            }
            Self::Interrupted { url, .. } if url.starts_with("https:") => Some(
                "an agent that does not trust this side's certificate breaks off like that: its log \
                 tells, and its `MCP_MESH_TLS_CA` decides"
                    .into(),
            ),
            Self::Timeout { .. } => {
                Some("raise the time-out if the tool needs longer, or read the agent's log".into())
            }
            Self::Http { status: 404, .. } => {
                Some("an MCP server listens at `/mcp`; check the address".into())
            }
            Self::TooLarge { .. } => Some("let the tool return less, or a link".into()),
            Self::Interrupted { .. } => Some("the agent's log may say why".into()),
            Self::Http { .. } | Self::Rpc(_) | Self::Protocol { .. } => None,
        }
    }
}

/// An error object of JSON-RPC.
#[derive(Debug, Clone)]
pub struct RpcError {
    /// What kind of error, as JSON-RPC numbers them.
    pub code: i64,
    /// For people.
    pub message: String,
    /// Whatever the server adds.
    pub data: Option<Box<RawValue>>,
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the server refused the call: {} ({})",
            self.message, self.code
        )?;
        match &self.data {
            Some(data) => write!(f, ": {data}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for RpcError {}
