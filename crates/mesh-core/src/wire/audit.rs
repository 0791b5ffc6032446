//! The `data` of an event that tells how a dependency was resolved.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::nullable;

/// How one dependency of an agent was resolved, stage by stage.
///
/// A candidate is called `<agent id>:<function>`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct AuditTrace {
    /// The agent that needs it.
    pub consumer: String,
    /// The position among the dependencies of the function.
    pub dep_index: usize,
    /// What was asked for.
    pub spec: AuditSpec,
    /// What every stage kept; the last stage that is told left nothing, or chose.
    #[serde(default, deserialize_with = "nullable")]
    pub stages: Vec<AuditStage>,
    /// The winner; absent when nobody is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chosen: Option<AuditChoice>,
    /// The agent that won the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prior_chosen: Option<String>,
}

/// What a dependency asks for.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct AuditSpec {
    /// The capability's name.
    pub capability: String,
    /// The tags, with their operators; groups of alternatives are left out.
    #[serde(default, deserialize_with = "nullable")]
    pub tags: Vec<String>,
    /// The version constraint; may be empty.
    #[serde(default, deserialize_with = "nullable")]
    pub version_constraint: String,
    /// `subset`, `strict` or `none`.
    pub schema_mode: String,
}

/// One stage of resolution.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct AuditStage {
    /// `health`, `capability_match`, `tags`, `version`, `schema` or `tiebreaker`.
    pub stage: String,
    /// The candidates that passed.
    #[serde(default, deserialize_with = "nullable")]
    pub kept: Vec<String>,
    /// The candidates that did not.
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub evicted: Vec<AuditEviction>,
    /// How many more candidates there were than are listed; absent if all are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub omitted: Option<usize>,
    /// The winner, in the last stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chosen: Option<String>,
    /// Why it won.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Why a candidate did not pass.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct AuditEviction {
    /// The candidate.
    pub id: String,
    /// `Unhealthy`, `Unavailable`, `MissingTag`, `ExtraTagDisallowed`, `VersionConstraintFailed` or
    /// `SchemaIncompatible`.
    pub reason: String,
    /// What about it; the keys depend on the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
}

/// The provider that a dependency is wired to.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct AuditChoice {
    /// The provider.
    pub agent_id: String,
    /// Its base URL.
    pub endpoint: String,
    /// The MCP tool to call.
    pub function_name: String,
}
