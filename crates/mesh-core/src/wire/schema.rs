//! `GET /schemas`: the canonical schemas that agents published.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::nullable;
use crate::Timestamp;

/// Schemas, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct SchemaList {
    /// The schemas.
    #[serde(default, deserialize_with = "nullable")]
    pub schemas: Vec<SchemaInfo>,
    /// How many.
    pub count: usize,
}

/// One schema.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct SchemaInfo {
    /// `sha256:` and 64 hex digits, over the canonical form.
    pub hash: String,
    /// The canonical form.
    pub canonical: Box<RawValue>,
    /// The runtime of the agent that published it first.
    pub runtime_origin: String,
    /// When that was.
    pub created_at: Timestamp,
}
