//! `GET /agents`: who is in the mesh.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::SlotStatus;
use super::answer::known_or_unresolved;
use super::nullable;
use super::registration::wire_enum;
use crate::Timestamp;

wire_enum! {
    /// The registry's verdict on an agent.
    AgentStatus {
        /// Heard from recently.
        Healthy = "healthy",
        /// Silent for too long, or gone.
        Unhealthy = "unhealthy",
        /// Not judged.
        Unknown = "unknown",
    }
}

/// Reads a word that this release does not have as "unknown": one odd agent must not hide the others.
fn known_or_unknown<'de, D: Deserializer<'de>>(deserializer: D) -> Result<AgentStatus, D::Error> {
    let text = Option::<Cow<'_, str>>::deserialize(deserializer)?;
    let known = text.and_then(|text| AgentStatus::parse(&text));
    Ok(known.unwrap_or(AgentStatus::Unknown))
}

/// Every agent that the registry knows.
// The registry renders the agents one by one, so they need not be a vector there.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(bound(deserialize = "A: Default + Deserialize<'de>"))]
#[schemars(rename = "AgentList")]
#[schemars(bound = "A: Default + Serialize + JsonSchema")]
pub struct AgentList<A = Vec<AgentInfo>> {
    /// The agents, by id.
    #[serde(default, deserialize_with = "nullable")]
    pub agents: A,
    /// How many.
    pub count: usize,
    /// When this was true.
    pub timestamp: Timestamp,
}

/// One agent.
// The registry keeps the two long lists as text, because they are rendered far more often than they
// change.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(bound(deserialize = "C: Default + Deserialize<'de>, D: Default + Deserialize<'de>"))]
#[schemars(rename = "AgentInfo")]
#[schemars(bound = "C: Default + Serialize + JsonSchema, D: Default + Serialize + JsonSchema")]
pub struct AgentInfo<C = Vec<CapabilityInfo>, D = Vec<DependencyResolution>> {
    /// Its id.
    pub id: String,
    /// The name that replicas share.
    pub name: String,
    /// What kind of process it is.
    pub agent_type: String,
    /// The language of its SDK.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// Its own version.
    #[serde(default, deserialize_with = "nullable")]
    pub version: String,
    /// One line about it.
    #[serde(default, deserialize_with = "nullable")]
    pub description: String,
    /// Whether it offers A2A surfaces.
    #[serde(default)]
    pub a2a_producer: bool,
    /// Whether it calls A2A surfaces.
    #[serde(default)]
    pub a2a_consumer: bool,
    /// The registry's verdict.
    #[serde(deserialize_with = "known_or_unknown")]
    pub status: AgentStatus,
    /// Its base URL; `stdio://<id>` when it cannot be called.
    pub endpoint: String,
    /// How many dependencies it declares.
    #[serde(default)]
    pub total_dependencies: usize,
    /// How many of them are wired.
    #[serde(default)]
    pub dependencies_resolved: usize,
    /// What it offers.
    #[serde(default, deserialize_with = "nullable")]
    pub capabilities: C,
    /// Where its dependencies are.
    #[serde(default, deserialize_with = "nullable")]
    pub dependency_resolutions: D,
    /// Which tools its LLM functions were given.
    #[serde(default, deserialize_with = "nullable")]
    pub llm_tool_resolutions: Vec<LlmToolResolution>,
    /// Which LLM providers its functions were given.
    #[serde(default, deserialize_with = "nullable")]
    pub llm_provider_resolutions: Vec<LlmProviderResolution>,
    /// When it registered first.
    pub created_at: Timestamp,
    /// When it was heard last.
    pub last_seen: Timestamp,
    /// The certificate's entity that claimed the id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity_id: Option<String>,
}

/// One capability of an agent.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct CapabilityInfo {
    /// The MCP tool name.
    pub function_name: String,
    /// The capability.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it does.
    #[serde(default, deserialize_with = "nullable")]
    pub description: String,
    /// What consumers may select by.
    #[serde(default, deserialize_with = "nullable")]
    pub tags: Vec<String>,
    /// Which tools an LLM function may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub llm_filter: Option<Box<RawValue>>,
    /// Which LLM provider it asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub llm_provider: Option<Box<RawValue>>,
    /// `true` for a job producer, else absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<bool>,
    /// Whether consumers can be wired to it.
    pub available: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unavailable_reason: Option<String>,
}

/// Where one dependency of an agent is.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct DependencyResolution {
    /// The function that needs it.
    pub function_name: String,
    /// The capability that it needs.
    pub capability: String,
    /// Whether it is wired.
    #[serde(default, deserialize_with = "known_or_unresolved")]
    pub status: SlotStatus,
    /// The tags that it asks for; groups of alternatives are left out.
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub tags: Vec<String>,
    /// The provider's function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mcp_tool: Option<String>,
    /// The provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_agent_id: Option<String>,
    /// The provider's base URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// One tool that an LLM function was given.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct LlmToolResolution {
    /// The function that asks.
    pub function_name: String,
    /// Whether it is wired.
    #[serde(default, deserialize_with = "known_or_unresolved")]
    pub status: SlotStatus,
    /// `all`, `best_match` or `*`.
    #[serde(default, deserialize_with = "nullable")]
    pub filter_mode: String,
    /// The capability that the filter names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter_capability: Option<String>,
    /// The tags that the filter names; groups of alternatives are left out.
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub filter_tags: Vec<String>,
    /// The provider's function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mcp_tool: Option<String>,
    /// The provider's capability.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_capability: Option<String>,
    /// The provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_agent_id: Option<String>,
    /// The provider's base URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// The LLM provider that a function was given.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct LlmProviderResolution {
    /// The function that asks.
    pub function_name: String,
    /// The capability that it asks for.
    pub required_capability: String,
    /// Whether it is wired.
    #[serde(default, deserialize_with = "known_or_unresolved")]
    pub status: SlotStatus,
    /// The tags that it asks for; groups of alternatives are left out.
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub required_tags: Vec<String>,
    /// The provider's function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mcp_tool: Option<String>,
    /// The provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_agent_id: Option<String>,
    /// The provider's base URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}
