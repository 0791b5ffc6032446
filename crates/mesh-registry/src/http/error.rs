//! The one way out of a handler that did not succeed.

use aide::OperationOutput;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mesh_core::wire::{ErrorBody, ParameterError};
use mesh_core::{Clock, Hint};
use mesh_store::StoreError;

use super::json;
use crate::jobs::Crowded;
use crate::traces::ReadError;
use crate::writer::WriteError;

/// Why a request was not served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// The request cannot be understood.
    #[error("{0}")]
    Invalid(String),
    /// A parameter of the wrong type; the protocol has a shape of its own for it.
    #[error("Invalid format for parameter {name}: {reason}")]
    Parameter { name: &'static str, reason: String },
    /// The target of a proxied call is not an agent.
    #[error("Target host '{0}' is not a registered agent")]
    UnknownTarget(String),
    /// The agent behind a proxied call did not answer.
    #[error("Failed to reach target agent: {0}")]
    BadGateway(String),
    /// The agent behind a proxied call wants TLS, and the registry was not told all that takes.
    #[error("Proxy TLS misconfiguration: {0}")]
    ProxyTls(String),
    /// The agent must register before it can ask for this.
    #[error("agent `{0}` is not registered, or was given up")]
    Gone(String),
    /// The body is larger than allowed.
    #[error("the request body exceeds {limit} bytes")]
    TooLarge { limit: usize },
    /// The body did not arrive.
    #[error("the request body ended early: {0}")]
    Incomplete(String),
    /// The body did not arrive in time.
    #[error("the request body took longer than {0} s")]
    TooSlow(u64),
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// The thing belongs to somebody else.
    #[error("{0}")]
    Forbidden(String),
    /// The thing is not in a state for it.
    #[error("{0}")]
    Conflict(String),
    /// Too many requests are held open.
    #[error(transparent)]
    Crowded(Crowded),
    /// The store does not answer.
    #[error("the store does not answer")]
    Store,
    /// The spans of a trace cannot be read.
    #[error(transparent)]
    Spans(#[from] ReadError),
    /// The registry is stopping.
    #[error("the registry is shutting down")]
    Closing,
    /// The folder of trusted entities is there and cannot be read.
    #[error("the folder of trusted entities cannot be read")]
    TrustFolder,
}

impl ApiError {
    /// What the client is told.
    pub(super) fn body(&self) -> ErrorBody {
        ErrorBody {
            error: self.to_string(),
            hint: self.hint().map(std::borrow::Cow::into_owned),
            timestamp: Clock::System.now(),
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Invalid(_) | Self::Parameter { .. } | Self::Incomplete(_) => {
                StatusCode::BAD_REQUEST
            }
            Self::UnknownTarget(_) | Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::Gone(_) => StatusCode::GONE,
            Self::TooSlow(_) => StatusCode::REQUEST_TIMEOUT,
            Self::BadGateway(_) => StatusCode::BAD_GATEWAY,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Crowded(_) | Self::Store | Self::Spans(_) | Self::Closing => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::TrustFolder | Self::ProxyTls(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl Hint for ApiError {
    fn hint(&self) -> Option<std::borrow::Cow<'_, str>> {
        match self {
            Self::TooLarge { .. } => {
                Some("the limit is set by `MCP_MESH_MAX_REQUEST_BODY_BYTES`".into())
            }
            Self::UnknownTarget(_) => Some("`GET /agents` lists the endpoints".into()),
            Self::Gone(_) => Some("register with `POST /heartbeat`".into()),
            Self::Crowded(_) => Some("try again later, or ask without `wait`".into()),
            Self::Store => Some("try again; the registry's log says what failed".into()),
            Self::Spans(error) => error.hint(),
            Self::Closing => Some("try again when the registry is back".into()),
            Self::ProxyTls(_) => Some(
                "the agent is called by TLS: set `MCP_MESH_TLS_CA`, `MCP_MESH_TLS_CERT` and \
                 `MCP_MESH_TLS_KEY` of the registry"
                    .into(),
            ),
            Self::TrustFolder => Some(
                "the registry's log says which folder `MCP_MESH_TRUST_DIR` names, and why".into(),
            ),
            _ => None,
        }
    }
}

impl From<WriteError> for ApiError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Store(_) => Self::Store, // The writer has logged it.
            WriteError::Refused(cycle) => Self::Invalid(cycle.to_string()),
            WriteError::Closed => Self::Closing,
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "store failed");
        Self::Store
    }
}

/// Routes describe their errors by hand.
impl OperationOutput for ApiError {
    type Inner = ErrorBody;
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Self::Parameter { .. } = self {
            let body = ParameterError {
                msg: self.to_string(),
            };
            return json(self.status(), &body);
        }
        json(self.status(), &self.body())
    }
}
