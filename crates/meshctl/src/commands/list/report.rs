//! `list --json` and `status --json`: the shape that scripts read.

use mesh_core::Timestamp;
use mesh_core::wire::{
    AgentInfo, CapabilityInfo, DependencyResolution, LlmProviderResolution, LlmToolResolution,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::commands::status::diagnosis::Diagnosis;
use crate::error::CliError;
use crate::supervisor::{State, Supervisor};

const RUNNING: &str = "running";

/// All of `list --json`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ListReport<'a> {
    /// The registry that was asked.
    pub(crate) registry: RegistryReport<'a>,
    /// The healthy ones, or all with `--all`.
    pub(crate) agents: Vec<AgentReport<'a>>,
    /// What `meshctl start` started on this machine and still runs.
    pub(crate) processes: Vec<ProcessReport>,
    /// When this was put together.
    pub(crate) timestamp: Timestamp,
}

/// The registry that was asked.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RegistryReport<'a> {
    /// `running` or `not running`.
    pub(crate) status: &'static str,
    pub(crate) url: &'a str,
    /// How many agents it knows, listed here or not.
    pub(crate) agent_count: usize,
    /// How many of them are healthy.
    pub(crate) healthy_count: usize,
    /// How many of them are not.
    pub(crate) unhealthy_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) start_time: Option<Timestamp>,
}

/// One agent.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AgentReport<'a> {
    id: &'a str,
    name: &'a str,
    agent_type: &'a str,
    status: &'a str,
    runtime: Option<&'a str>,
    endpoint: &'a str,
    tools: Vec<ToolReport<'a>>,
    dependency_resolutions: &'a [DependencyResolution],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    llm_tool_resolutions: &'a [LlmToolResolution],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    llm_provider_resolutions: &'a [LlmProviderResolution],
    /// How many dependencies have a provider.
    dependencies_resolved: usize,
    /// How many dependencies there are.
    dependencies_total: usize,
    last_heartbeat: Timestamp,
    created_at: Timestamp,
    updated_at: Timestamp,
    version: &'a str,
    /// Of an agent that runs under this state directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    /// The process that was started here for it, if that is gone while the registry calls it healthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    process_gone: Option<u32>,
    /// What is wrong with it; `status AGENT` tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) diagnosis: Option<Diagnosis>,
}

/// One tool of an agent.
#[derive(Debug, Serialize, JsonSchema)]
struct ToolReport<'a> {
    id: usize,
    /// The same as `capability`; scripts know it by either name.
    name: &'a str,
    capability: &'a str,
    function_name: &'a str,
    description: &'a str,
    version: &'a str,
    tags: &'a [String],
    available: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    unavailable_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    llm_filter: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    llm_provider: Option<&'a RawValue>,
}

/// One process of this state directory.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ProcessReport {
    pub(crate) pid: u32,
    pub(crate) name: String,
    #[serde(rename = "type")]
    kind: &'static str,
    /// `running`, or `ended` while processes that it started go on.
    status: &'static str,
}

impl<'a> AgentReport<'a> {
    pub(crate) fn new(agent: &'a AgentInfo, processes: &[ProcessReport]) -> Self {
        Self {
            id: &agent.id,
            name: &agent.name,
            agent_type: &agent.agent_type,
            status: agent.status.as_str(),
            runtime: agent.runtime.as_deref(),
            endpoint: &agent.endpoint,
            tools: agent
                .capabilities
                .iter()
                .enumerate()
                .map(|(id, capability)| ToolReport::new(id, capability))
                .collect(),
            dependency_resolutions: &agent.dependency_resolutions,
            llm_tool_resolutions: &agent.llm_tool_resolutions,
            llm_provider_resolutions: &agent.llm_provider_resolutions,
            dependencies_resolved: agent.dependencies_resolved,
            dependencies_total: agent.total_dependencies,
            last_heartbeat: agent.last_seen,
            created_at: agent.created_at,
            updated_at: agent.last_seen,
            version: &agent.version,
            pid: pid(agent, processes),
            process_gone: None,
            diagnosis: None,
        }
    }

    /// Adds the process that is gone, if one is.
    pub(crate) fn without(mut self, process: Option<&u32>) -> Self {
        self.process_gone = process.copied();
        self
    }
}

impl<'a> ToolReport<'a> {
    fn new(id: usize, capability: &'a CapabilityInfo) -> Self {
        Self {
            id,
            name: &capability.name,
            capability: &capability.name,
            function_name: &capability.function_name,
            description: &capability.description,
            version: &capability.version,
            tags: &capability.tags,
            available: capability.available,
            unavailable_reason: capability.unavailable_reason.as_deref(),
            llm_filter: capability.llm_filter.as_deref(),
            llm_provider: capability.llm_provider.as_deref(),
        }
    }
}

/// The process of an agent that runs under this state directory.
pub(crate) fn pid(agent: &AgentInfo, processes: &[ProcessReport]) -> Option<u32> {
    processes
        .iter()
        .find(|process| process.kind == "agent" && process.name == agent.name)
        .filter(|process| process.status == RUNNING)
        .map(|process| process.pid)
        // A pid file of an older instance says nothing about one that is down.
        .filter(|_| crate::mesh_view::is_healthy(agent))
}

/// What runs under this state directory.
pub(crate) fn processes(supervisor: &Supervisor) -> Result<Vec<ProcessReport>, CliError> {
    let registry = supervisor.registry()?.map(|registry| ProcessReport {
        pid: registry.process.pid.as_u32(),
        name: "registry".to_owned(),
        kind: "registry",
        status: RUNNING,
    });
    let agents = supervisor.agents()?;
    let agents = agents.into_iter().map(|(name, process)| ProcessReport {
        pid: process.pid.as_u32(),
        name: name.as_str().to_owned(),
        kind: "agent",
        status: match process.state() {
            State::Running => RUNNING,
            // It ended, and what it started goes on.
            State::Orphaned | State::Gone => "ended",
        },
    });
    Ok(registry.into_iter().chain(agents).collect())
}
