//! The answer to `POST /heartbeat`: where an agent's dependencies are.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::nullable;
use super::registration::wire_enum;
use crate::Timestamp;

/// What the registry answers to a registration.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Answer {
    /// The agent that asked.
    pub agent_id: String,
    /// Whether the registration was taken.
    pub status: AnswerStatus,
    /// When.
    pub timestamp: Timestamp,
    /// For people: what happened, or why it was refused.
    pub message: String,
    /// By function, one entry per declared dependency, in the declared order. Absent on refusal.
    #[serde(default, deserialize_with = "nullable")]
    pub dependencies_resolved: BTreeMap<String, Vec<DependencyAnswer>>,
    /// By function, the tools that its filter selects.
    #[serde(default, deserialize_with = "nullable")]
    pub llm_tools: BTreeMap<String, Vec<LlmToolAnswer>>,
    /// By function, the LLM provider that was found.
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub llm_providers: BTreeMap<String, LlmProviderAnswer>,
    /// The agent's A2A surfaces with their public addresses.
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub surfaces: Vec<SurfaceAnswer>,
    /// What was changed in the registration.
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub warnings: Vec<String>,
}

/// The members of an [`Answer`] that differ each time. A refusal is nothing else.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct AnswerHead<'a> {
    /// The agent that asked.
    pub agent_id: &'a str,
    /// Whether the registration was taken.
    pub status: AnswerStatus,
    /// When.
    pub timestamp: Timestamp,
    /// For people: what happened, or why it was refused.
    pub message: &'a str,
}

/// The members of an [`Answer`] that stay the same until the wiring changes.
///
/// A tool is spelled once, as an [`LlmToolAnswer`], whoever may use it.
#[derive(Debug, Clone, Serialize)]
pub struct AnswerTail<'a> {
    /// By function, one entry per declared dependency, in the declared order.
    pub dependencies_resolved: BTreeMap<&'a str, Vec<DependencyAnswer>>,
    /// By function, the tools that its filter selects.
    pub llm_tools: BTreeMap<&'a str, Vec<&'a RawValue>>,
    /// By function, the LLM provider that was found.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub llm_providers: BTreeMap<&'a str, LlmProviderAnswer>,
    /// The agent's A2A surfaces with their public addresses.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub surfaces: &'a [SurfaceAnswer],
    /// What was changed in the registration.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub warnings: &'a [String],
}

wire_enum! {
    /// Whether a registration was taken.
    AnswerStatus {
        /// It was stored.
        Success = "success",
        /// It was refused; `message` says why.
        Error = "error",
    }
}

wire_enum! {
    /// Whether a dependency is wired.
    #[derive(Default)]
    SlotStatus {
        /// A provider was found.
        Available = "available",
        /// A provider was found; an older registry's word for it.
        Healthy = "healthy",
        /// The provider left.
        Unavailable = "unavailable",
        /// Nobody fits.
        #[default]
        Unresolved = "unresolved",
    }
}

/// Reads a word that this release does not know as "not wired": one odd entry must not cost an
/// agent the rest of its wiring.
pub(super) fn known_or_unresolved<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<SlotStatus, D::Error> {
    let text = Option::<Cow<'_, str>>::deserialize(deserializer)?;
    Ok(text
        .and_then(|text| SlotStatus::parse(&text))
        .unwrap_or_default())
}

impl SlotStatus {
    /// Whether a client may call what the entry names.
    #[must_use]
    pub fn is_wired(self) -> bool {
        matches!(self, Self::Available | Self::Healthy)
    }
}

/// One dependency's provider, or the placeholder that keeps the positions aligned.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct DependencyAnswer {
    /// The provider; empty in a placeholder.
    #[serde(default, deserialize_with = "nullable")]
    pub agent_id: String,
    /// The capability that was asked for.
    #[serde(default, deserialize_with = "nullable")]
    pub capability: String,
    /// The provider's base URL; empty in a placeholder.
    #[serde(default, deserialize_with = "nullable")]
    pub endpoint: String,
    /// The MCP tool to call; empty in a placeholder.
    #[serde(default, deserialize_with = "nullable")]
    pub function_name: String,
    /// The provider's `kwargs`, keys sorted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kwargs: Option<Box<RawValue>>,
    /// Whether it is wired.
    #[serde(default, deserialize_with = "known_or_unresolved")]
    pub status: SlotStatus,
}

impl DependencyAnswer {
    /// The entry for a dependency that nobody fits.
    #[must_use]
    pub fn placeholder(capability: &str) -> Self {
        Self {
            agent_id: String::new(),
            capability: capability.to_owned(),
            endpoint: String::new(),
            function_name: String::new(),
            kwargs: None,
            status: SlotStatus::Unresolved,
        }
    }
}

/// A tool that an LLM function may use.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct LlmToolAnswer {
    /// The MCP tool name.
    pub name: String,
    /// Its capability.
    pub capability: String,
    /// What it does.
    #[serde(default, deserialize_with = "nullable")]
    pub description: String,
    /// The provider's base URL.
    pub endpoint: String,
    /// JSON Schema of its arguments.
    #[serde(
        default,
        rename = "inputSchema",
        skip_serializing_if = "Option::is_none"
    )]
    pub input_schema: Option<Box<RawValue>>,
    /// Its tags.
    #[serde(default, deserialize_with = "nullable")]
    pub tags: Vec<String>,
    /// Its version.
    #[serde(default, deserialize_with = "nullable")]
    pub version: String,
    /// Whose it is, as other registries say; ours leaves it at the endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub agent_id: Option<String>,
}

/// The LLM provider that a function was given.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct LlmProviderAnswer {
    /// The provider.
    pub agent_id: String,
    /// The MCP tool to call.
    pub name: String,
    /// The provider's base URL.
    pub endpoint: String,
    /// Its capability.
    #[serde(default, deserialize_with = "nullable")]
    pub capability: String,
    /// Whether it is wired.
    #[serde(default, deserialize_with = "known_or_unresolved")]
    pub status: SlotStatus,
    /// The LLM's maker, or `unknown`.
    #[serde(default, deserialize_with = "nullable")]
    pub vendor: String,
    /// Its tags.
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub tags: Vec<String>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its `kwargs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kwargs: Option<Box<RawValue>>,
    /// The model, as other registries name it; ours is told of the vendor alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub model: Option<String>,
}

/// An A2A surface as the public sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SurfaceAnswer {
    /// The path under which the agent serves it.
    pub path: String,
    /// The id of its skill.
    pub skill_id: String,
    /// Its public address, when the registry knows the public prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// Where its agent card is, when the registry knows the public prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_card_url: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_and_tail_make_an_answer() {
        let head = AnswerHead {
            agent_id: "report-1",
            status: AnswerStatus::Success,
            timestamp: Timestamp::from_seconds(1_790_000_000),
            message: "stored",
        };
        let tail = AnswerTail {
            dependencies_resolved: [("use", vec![DependencyAnswer::placeholder("time")])].into(),
            llm_tools: BTreeMap::new(),
            llm_providers: BTreeMap::new(),
            surfaces: &[],
            warnings: &["cut".to_owned()],
        };
        let head = serde_json::to_string(&head).unwrap();
        let refusal: Answer = serde_json::from_str(&head).unwrap();
        assert_eq!(refusal.message, "stored");

        let tail = serde_json::to_string(&tail).unwrap();
        let text = format!("{},{}", head.trim_end_matches('}'), &tail[1..]);
        let answer: Answer = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&answer).unwrap(), text);
    }

    #[test]
    fn a_slot_of_unknown_status_is_not_wired() {
        for status in [r#""warming""#, "null"] {
            let text = format!(r#"{{"agent_id":"a","status":{status}}}"#);
            let entry: DependencyAnswer = serde_json::from_str(&text).unwrap();
            assert_eq!(entry.status, SlotStatus::Unresolved);
        }
        let entry: DependencyAnswer = serde_json::from_str(r#"{"status":"healthy"}"#).unwrap();
        assert!(entry.status.is_wired());
    }
}
