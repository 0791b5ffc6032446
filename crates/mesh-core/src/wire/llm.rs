//! What an LLM function asks for: tools that it may use, and a provider that does the thinking.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::registration::wire_enum;
use super::{TagEntry, nullable};

/// A tool's `llm_filter`. Loosely typed, because a filter of the wrong shape must not cost an agent
/// its registration.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct LlmFilter {
    /// A list of capability names, `*` and [`LlmSelector`]s; a tool is selected by any of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Value>,
    /// A [`FilterMode`]; `all` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter_mode: Option<Value>,
}

wire_enum! {
    /// What is made of the tools that a filter selects.
    #[derive(Default)]
    FilterMode {
        /// All of them.
        #[default]
        All = "all",
        /// One tool per capability: the highest version, then the one with the most tags.
        BestMatch = "best_match",
        /// Every tool in the mesh, whatever the filter says.
        Everything = "*",
    }
}

/// An entry of a filter, and a tool's `llm_provider`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LlmSelector {
    /// The capability's name; a provider's must be given, in a filter all will do without it.
    #[serde(default, deserialize_with = "nullable")]
    pub capability: String,
    /// Tags to require, prefer or exclude.
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub tags: Vec<TagEntry>,
    /// A version constraint; empty accepts every version.
    #[serde(default, deserialize_with = "nullable")]
    pub version: String,
}
