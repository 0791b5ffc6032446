//! Names that only the mesh, or the state directory, knows.

use std::fs;
use std::time::Duration;

use mesh_core::env::Environment;
use mesh_core::wire::AgentInfo;

use super::Candidate;
use crate::home::Home;
use crate::mesh_view::{is_healthy, public_tools};
use crate::settings::{ConfigFile, ConnectionArgs, RegistryAddress};
use crate::supervisor::Supervisor;
use crate::trust_folder::TrustFolder;

/// People notice what takes longer than 100 ms.
const PATIENCE: Duration = Duration::from_millis(70);

/// Where names come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// Agents that the registry knows.
    Agents,
    /// Tools that can be called, as `tool` or `agent:tool`.
    Tools,
    /// Agents that run under this state directory.
    Running,
    /// Logs in this state directory.
    Logs,
    /// Entities in the trust folder.
    Entities,
}

impl Source {
    /// What may stand where `current` does. Whatever goes wrong, it is nothing.
    pub(super) fn candidates(self, current: &str, environment: &Environment) -> Vec<Candidate> {
        let environment = &match ConfigFile::locate(environment).and_then(|file| file.load()) {
            Ok(configuration) => configuration.below(environment),
            Err(_) => return Vec::new(),
        };
        let found = match self {
            Self::Agents => agents(environment).map(|agents| of_agents(&agents)),
            Self::Tools => agents(environment).map(|agents| of_tools(&agents, current)),
            Self::Running => running(environment),
            Self::Logs => logs(environment),
            Self::Entities => entities(environment),
        };
        found.unwrap_or_default()
    }
}

fn agents(environment: &Environment) -> Option<Vec<AgentInfo>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .ok()?;
    runtime.block_on(async {
        let address = RegistryAddress::resolve(ConnectionArgs::default(), environment).ok()?;
        let client = address.client(PATIENCE).ok()?;
        // The client's own limit does not cover what comes before the connection.
        let list = tokio::time::timeout(PATIENCE, client.agents()).await;
        Some(list.ok()?.ok()?.agents)
    })
}

fn of_agents(agents: &[AgentInfo]) -> Vec<Candidate> {
    let mut names: Vec<Candidate> = agents
        .iter()
        .map(|agent| Candidate::new(&agent.name, agent.status.as_str()))
        .collect();
    names.sort_by(|one, other| one.value.cmp(&other.value));
    names.dedup_by(|one, other| one.value == other.value);
    names
}

fn of_tools(agents: &[AgentInfo], current: &str) -> Vec<Candidate> {
    let qualified = current.contains(':');
    let mut tools: Vec<Candidate> = agents
        .iter()
        .filter(|agent| is_healthy(agent))
        .flat_map(|agent| public_tools(agent).map(move |tool| (agent, tool)))
        .map(|(agent, tool)| {
            if qualified {
                let name = format!("{}:{}", agent.name, tool.function_name);
                Candidate::new(name, &tool.description)
            } else {
                Candidate::new(&tool.function_name, &tool.description)
            }
        })
        .collect();
    tools.sort_by(|one, other| one.value.cmp(&other.value));
    tools.dedup_by(|one, other| one.value == other.value);
    tools
}

fn running(environment: &Environment) -> Option<Vec<Candidate>> {
    let supervisor = Supervisor::of(Home::resolve(environment).ok()?);
    let agents = supervisor.agents().ok()?;
    Some(
        agents
            .into_iter()
            .map(|(name, _)| Candidate::new(name.as_str(), "running"))
            .collect(),
    )
}

fn logs(environment: &Environment) -> Option<Vec<Candidate>> {
    let folder = Home::resolve(environment).ok()?.logs();
    let mut names: Vec<Candidate> = fs::read_dir(folder)
        .ok()?
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let stem = name.strip_suffix(".log")?;
            // An earlier generation has a number behind its name.
            (!stem.contains('.')).then(|| Candidate::new(stem, "log"))
        })
        .collect();
    names.sort_by(|one, other| one.value.cmp(&other.value));
    Some(names)
}

fn entities(environment: &Environment) -> Option<Vec<Candidate>> {
    let folder = TrustFolder::locate(None, environment).ok()?;
    let names = folder.names().ok()?;
    Some(
        names
            .into_iter()
            .map(|name| Candidate::new(name, "entity"))
            .collect(),
    )
}
