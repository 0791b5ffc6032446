//! `GET /`, `/health` and `/ready`: the registry about itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// The service's name on the wire.
pub const SERVICE: &str = "mcp-mesh-registry";
/// The version of the protocol, which clients compare; not the version of the release.
pub const PROTOCOL_VERSION: &str = "1.0.0";

/// `GET /`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Banner {
    /// [`SERVICE`].
    pub service: String,
    /// [`PROTOCOL_VERSION`].
    pub version: String,
    /// `running`.
    pub status: String,
    /// Where to go from here.
    pub endpoints: Vec<String>,
}

/// `GET /health`: the process is alive; nothing else is asked.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct HealthReport {
    /// `healthy`.
    pub status: String,
    /// [`PROTOCOL_VERSION`].
    pub version: String,
    /// Seconds since the registry started.
    pub uptime_seconds: u64,
    /// Now.
    pub timestamp: Timestamp,
    /// [`SERVICE`].
    pub service: String,
}

/// `GET /ready`: the store answers too.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ReadyReport {
    /// Whether requests will be served.
    pub ready: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Now.
    pub timestamp: Timestamp,
}
