//! `GET /events`: what happened in the mesh.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::nullable;
use super::registration::wire_enum;
use crate::Timestamp;

wire_enum! {
    /// What happened.
    EventKind {
        /// An agent joined or came back.
        Register = "register",
        /// An agent changed between two states that are neither a loss nor a return.
        Update = "update",
        /// An agent left.
        Unregister = "unregister",
        /// An agent went silent.
        Unhealthy = "unhealthy",
        /// An agent was asked to register again.
        Rotate = "rotate",
        /// A dependency was wired.
        DependencyResolved = "dependency_resolved",
        /// A dependency lost its provider, or found none.
        DependencyUnresolved = "dependency_unresolved",
    }
}

/// Events, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct EventList {
    /// How many.
    pub count: usize,
    /// The events.
    #[serde(default, deserialize_with = "nullable")]
    pub events: Vec<EventInfo>,
}

/// One event.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct EventInfo {
    /// What happened.
    pub event_type: EventKind,
    /// To whom.
    pub agent_id: String,
    /// The agent's name, while it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_name: Option<String>,
    /// The function concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function_name: Option<String>,
    /// When.
    pub timestamp: Timestamp,
    /// Details; the keys depend on the kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<RawValue>>,
}
