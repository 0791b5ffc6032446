//! `POST /heartbeat`: what an agent says of itself. Registration and full refresh are one document.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{DependencyEntry, nullable};

/// The whole description of an agent. Every POST replaces the one before.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct Registration {
    /// The agent's id, unique in the mesh.
    #[serde(default, deserialize_with = "nullable")]
    pub agent_id: String,
    /// The name that replicas share; the id if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// See [`AgentType`]; `mcp_agent` if absent. Text, because an unknown type is refused by a
    /// readable answer and not by a parse error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_type: Option<String>,
    /// The agent's own version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// One line about the agent; cut to 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The host under which the agent can be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_host: Option<String>,
    /// The port under which the agent can be called; 0 or less means that it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_port: Option<i64>,
    /// How the agent is called there: `http` or `https`; `http` if absent. Agents of release 3 never
    /// say it. Text, for the reason that `agent_type` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_scheme: Option<String>,
    /// The agent's namespace; `default` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The agent's own verdict: `healthy`, `degraded` or `unhealthy`. The registry judges by silence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// See [`Runtime`]; `python` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// The time at the sender; ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Box<RawValue>>,
    /// The functions that the agent offers.
    #[serde(default, deserialize_with = "nullable")]
    pub tools: Vec<Tool>,
    /// A2A surfaces of the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surfaces: Option<Vec<Surface>>,
    /// Whether the agent offers A2A surfaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub a2a_producer: Option<bool>,
    /// Whether the agent calls A2A surfaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub a2a_consumer: Option<bool>,
    /// What the agent's LLM functions ask for, function by function; accepted, not kept. The
    /// registry goes by each tool's `llm_filter` and `llm_provider`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub llm_agents: Option<Box<RawValue>>,
}

/// A function of an agent.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    /// The MCP tool name.
    #[serde(default, deserialize_with = "nullable")]
    pub function_name: String,
    /// What others ask for; empty when the tool only consumes.
    #[serde(default, deserialize_with = "nullable")]
    pub capability: String,
    /// The version of the capability; `1.0.0` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What consumers may select by.
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub tags: Vec<String>,
    /// What the tool does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What the tool needs, one entry per position; the order is the order of the answer.
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub dependencies: Vec<DependencyEntry>,
    /// JSON Schema of the arguments.
    #[serde(
        default,
        rename = "inputSchema",
        skip_serializing_if = "Option::is_none"
    )]
    pub input_schema: Option<Box<RawValue>>,
    /// JSON Schema of the result; accepted, not kept.
    #[serde(
        default,
        rename = "outputSchema",
        skip_serializing_if = "Option::is_none"
    )]
    pub output_schema: Option<Box<RawValue>>,
    /// The canonical form of `inputSchema`.
    #[serde(
        default,
        rename = "inputSchemaCanonical",
        skip_serializing_if = "Option::is_none"
    )]
    pub input_schema_canonical: Option<Box<RawValue>>,
    /// Its hash, `sha256:` and 64 hex digits.
    #[serde(
        default,
        rename = "inputSchemaHash",
        skip_serializing_if = "Option::is_none"
    )]
    pub input_schema_hash: Option<String>,
    /// The canonical form of `outputSchema`.
    #[serde(
        default,
        rename = "outputSchemaCanonical",
        skip_serializing_if = "Option::is_none"
    )]
    pub output_schema_canonical: Option<Box<RawValue>>,
    /// Its hash, `sha256:` and 64 hex digits.
    #[serde(
        default,
        rename = "outputSchemaHash",
        skip_serializing_if = "Option::is_none"
    )]
    pub output_schema_hash: Option<String>,
    /// What canonicalisation lost.
    #[serde(
        default,
        rename = "schemaWarnings",
        deserialize_with = "nullable",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub schema_warnings: Vec<String>,
    /// Which tools an LLM function may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub llm_filter: Option<Box<RawValue>>,
    /// Which LLM provider an LLM function asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub llm_provider: Option<Box<RawValue>>,
    /// Free form; handed to consumers as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kwargs: Option<Box<RawValue>>,
}

/// An A2A surface.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct Surface {
    /// The path under which it is served.
    #[serde(default, deserialize_with = "nullable")]
    pub path: String,
    /// The id of its skill.
    #[serde(default, deserialize_with = "nullable")]
    pub skill_id: String,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Media types that it reads.
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub input_modes: Vec<String>,
    /// Media types that it writes.
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub output_modes: Vec<String>,
    /// What clients may select by.
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub tags: Vec<String>,
}

macro_rules! wire_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Reads the wire's spelling.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$variant),)+
                    _ => None,
                }
            }

            /// The wire's spelling.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use wire_enum;

wire_enum! {
    /// What kind of process an agent is.
    AgentType {
        /// Serves MCP tools.
        McpAgent = "mcp_agent",
        /// An HTTP gateway that only consumes.
        Api = "api",
        /// Serves A2A surfaces.
        A2a = "a2a",
        /// An older spelling that some agents still send.
        MeshTool = "mesh_tool",
        /// An older spelling that some agents still send.
        DecoratorAgent = "decorator_agent",
    }
}

wire_enum! {
    /// The language of the agent's SDK.
    Runtime {
        /// Python.
        Python = "python",
        /// TypeScript and JavaScript.
        Typescript = "typescript",
        /// Java.
        Java = "java",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_means_nothing_as_in_go() {
        let text = r#"{"agent_id":"a","name":null,"tools":[{"function_name":"f","capability":null,
            "tags":null,"dependencies":[{"capability":"c","tags":null,"required":null}]}]}"#;
        let registration: Registration = serde_json::from_str(text).unwrap();
        assert_eq!(registration.tools[0].capability, "");
        assert!(registration.tools[0].dependencies[0].first.tags.is_empty());
        assert!(
            serde_json::from_str::<Registration>(r#"{"tools":null}"#)
                .unwrap()
                .tools
                .is_empty()
        );
    }

    #[test]
    fn what_is_only_passed_on_keeps_its_text() {
        let text =
            r#"{"agent_id":"a","tools":[],"llm_agents":[{"function_id":"chat_1","n": 1.0}]}"#;
        let registration: Registration = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&registration).unwrap(), text);
        let silent: Registration = serde_json::from_str(r#"{"agent_id":"a"}"#).unwrap();
        let written = serde_json::to_string(&silent).unwrap();
        assert_eq!(written, r#"{"agent_id":"a","tools":[]}"#);
    }

    #[test]
    fn a_wrong_type_is_an_error() {
        for text in [
            r#"{"agent_id":3}"#,
            r#"{"tools":{}}"#,
            r#"{"http_port":"80"}"#,
            "3",
        ] {
            assert!(
                serde_json::from_str::<Registration>(text).is_err(),
                "{text}"
            );
        }
    }
}
