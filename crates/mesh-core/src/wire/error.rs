//! The body of every error that is not a plain 404.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// What went wrong.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ErrorBody {
    /// For people: the thing, the value, what is allowed.
    pub error: String,
    /// What to try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// When.
    pub timestamp: Timestamp,
}

/// A query or path parameter of the wrong type; the protocol has a shape of its own for it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ParameterError {
    /// For people: the parameter and what is wrong with it.
    pub msg: String,
}
