//! `GET /a2a/agents`: the A2A surfaces of the whole mesh.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{SurfaceAnswer, nullable};

/// Every surface of every healthy A2A agent.
// The registry keeps the surfaces with their agents and lends them.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SurfaceList")]
#[serde(bound(deserialize = "S: Deserialize<'de>"))]
pub struct SurfaceList<S = SurfaceAnswer> {
    /// The surfaces, by agent.
    #[serde(default, deserialize_with = "nullable")]
    pub surfaces: Vec<S>,
}
