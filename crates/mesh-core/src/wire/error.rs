//! The body of every error that is not a plain 404.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// What went wrong.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ErrorBody {
    /// For people: the thing, the value, what is allowed.
    pub error: String,
    /// What to try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// When.
    pub timestamp: Timestamp,
}
