//! `/admin/entities` and `/admin/rotate`: whom the registry trusts, and fresh certificates.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::nullable;

/// `GET /admin/entities`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct EntityList {
    /// The entities, by name.
    #[serde(default, deserialize_with = "nullable")]
    pub entities: Vec<EntityInfo>,
    /// Files that hold no certificate that can be read, each with the reason.
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub warnings: Vec<String>,
}

/// One trusted entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EntityInfo {
    /// The name under which it was registered.
    pub name: String,
    /// The subject of its certificate.
    pub subject: String,
    /// The last day on which the certificate is valid, as `YYYY-MM-DD`.
    pub expires: String,
}

/// `POST /admin/rotate`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct RotationReport {
    /// For people.
    pub message: String,
    /// How many agents will register again at their next heartbeat.
    pub affected_agents: usize,
    /// The entity whose agents these are; empty for all.
    #[serde(default, deserialize_with = "nullable")]
    pub entity_id: String,
}
