//! `/trace/…`: what a registry answers that collects no traces.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `GET /trace/status`, `/trace/info` and `/trace/stats`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct TraceStatus {
    /// Whether traces are collected.
    pub enabled: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// `GET /trace/{trace_id}` when there is no such trace.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct NoTrace {
    /// For people.
    pub error: String,
    /// Whether traces are collected; present when they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// The trace that was asked for, when they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}
