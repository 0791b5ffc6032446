//! What can go wrong between an agent and the mesh.

use std::borrow::Cow;
use std::io;

use mesh_client::{ClientError, TlsError, mcp};
use mesh_core::Hint;
use mesh_core::env::EnvVars;

use crate::call::GivenUp;

/// The runtime could not be started. A registry that is away is no reason.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The registry's address cannot be used.
    #[error(transparent)]
    Registry(ClientError),
    /// The certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Redis' address cannot be used.
    #[error("`{url}` is not the URL of a Redis: {reason}")]
    Redis {
        /// What was given, without its password.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The machine gave no thread or no event queue.
    #[error("failed to start a thread of the runtime")]
    Thread(#[source] io::Error),
}

impl Hint for StartError {
    fn hint(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Registry(error) => error.hint(),
            Self::Tls(error) => error.hint(),
            Self::Redis { .. } => Some(
                format!(
                    "set `{}` to a URL such as `redis://localhost:6379`",
                    EnvVars::REDIS_URL
                )
                .into(),
            ),
            Self::Thread(_) => Some("the limit of threads or open files may be reached".into()),
        }
    }
}

/// A call without a result. A tool that ran and failed is a result, not one of these.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The exchange with the other agent failed.
    #[error(transparent)]
    Exchange(#[from] mcp::CallError),
    /// The answer is no result.
    #[error("the answer of `{endpoint}` to `{tool}` is not understood: {reason}")]
    NoResult {
        /// The agent that was called.
        endpoint: String,
        /// The tool that was called, or the method.
        tool: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The caller gave up, or the agent stopped, before the answer came.
    #[error("the call was given up before its answer came")]
    Cancelled,
}

impl Hint for CallError {
    fn hint(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Exchange(error) => error.hint(),
            Self::NoResult { .. } | Self::Cancelled => None,
        }
    }
}

impl From<GivenUp> for CallError {
    fn from(_: GivenUp) -> Self {
        Self::Cancelled
    }
}

/// A request about jobs that brought no answer of use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobsError {
    /// The registry could not be asked, or said no.
    #[error(transparent)]
    Registry(ClientError),
    /// The agent has no registry to ask.
    #[error("the agent works without a registry, and jobs are kept there")]
    Standalone,
    /// The caller gave up, or the agent stopped, before the answer came.
    #[error("the request was given up before its answer came")]
    Cancelled,
}

impl Hint for JobsError {
    fn hint(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Registry(error) => error.hint(),
            Self::Standalone => Some(format!("unset `{}`", EnvVars::MCP_MESH_STANDALONE).into()),
            Self::Cancelled => None,
        }
    }
}

impl From<GivenUp> for JobsError {
    fn from(_: GivenUp) -> Self {
        Self::Cancelled
    }
}
