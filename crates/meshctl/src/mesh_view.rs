//! Agents as people see and name them: who is meant, how old, where, what kind.

use std::time::Duration;

use mesh_core::wire::{AgentInfo, AgentStatus, CapabilityInfo};

use crate::error::{CliError, Kind};
use crate::suggestion::did_you_mean;

/// Tools of the framework start so; people do not call them.
const FRAMEWORK_PREFIX: &str = "__mesh_";

/// Which agents a name may mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Among {
    /// Those that can be called.
    Healthy,
    /// All.
    Everyone,
}

/// The one agent that `wanted` means: a name or id, or else the start of one.
pub(crate) fn find<'a>(
    agents: &'a [AgentInfo],
    wanted: &str,
    among: Among,
) -> Result<&'a AgentInfo, CliError> {
    let mut candidates: Vec<&AgentInfo> = agents
        .iter()
        .filter(|agent| among == Among::Everyone || is_healthy(agent))
        .collect();
    candidates.sort_by(|one, other| one.id.cmp(&other.id));
    let lower = wanted.to_lowercase();
    let exact = |agent: &&&AgentInfo| agent.name == wanted || agent.id == wanted;
    let starts = |agent: &&&AgentInfo| {
        agent.name.to_lowercase().starts_with(&lower) || agent.id.to_lowercase().starts_with(&lower)
    };
    let mut matching: Vec<&AgentInfo> = candidates.iter().filter(exact).copied().collect();
    if matching.is_empty() {
        matching = candidates.iter().filter(starts).copied().collect();
    }
    let healthy: Vec<&AgentInfo> = matching
        .iter()
        .copied()
        .filter(|agent| is_healthy(agent))
        .collect();
    match (matching.as_slice(), healthy.as_slice()) {
        ([one], _) | (_, [one]) => Ok(one),
        ([], _) => {
            let names = candidates.iter().map(|agent| agent.name.as_str());
            let hint = did_you_mean(wanted, names)
                .unwrap_or_else(|| "`meshctl list --all` shows every agent".to_owned());
            Err(CliError::new(match among {
                Among::Healthy => format!("no healthy agent found matching '{wanted}'"),
                Among::Everyone => format!("no agent found matching '{wanted}'"),
            })
            .of_kind(Kind::NotFound)
            .hint(hint))
        }
        ([first, ..], []) => Ok(first),
        (_, several) => {
            let lines: Vec<String> = several
                .iter()
                .map(|agent| {
                    format!(
                        "  - {} (ID: {}, Status: {})",
                        agent.name, agent.id, agent.status
                    )
                })
                .collect();
            Err(CliError::new(format!(
                "multiple agents match '{wanted}'\n\nMatching agents:\n{}\n\nUse a more precise name or a whole id.",
                lines.join("\n")
            ))
            .of_kind(Kind::Conflict))
        }
    }
}

pub(crate) fn is_healthy(agent: &AgentInfo) -> bool {
    agent.status == AgentStatus::Healthy
}

/// What the agent offers to people.
pub(crate) fn public_tools(agent: &AgentInfo) -> impl Iterator<Item = &CapabilityInfo> {
    tools_of(agent, false)
}

/// What the agent offers to people, and with `with_framework` to other agents' runtimes.
pub(crate) fn tools_of(
    agent: &AgentInfo,
    with_framework: bool,
) -> impl Iterator<Item = &CapabilityInfo> {
    agent
        .capabilities
        .iter()
        .filter(move |capability| with_framework || !is_framework_tool(capability))
}

/// Whether the tool belongs to the framework rather than to the agent's author.
fn is_framework_tool(capability: &CapabilityInfo) -> bool {
    capability.function_name.starts_with(FRAMEWORK_PREFIX)
        || capability.name.starts_with(FRAMEWORK_PREFIX)
}

/// `host:port` of a URL; what is no URL stays as it is.
pub(crate) fn host_and_port(endpoint: &str) -> &str {
    let rest = endpoint
        .split_once("://")
        .map_or(endpoint, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

/// The kind of an agent, for the TYPE column.
pub(crate) fn kind(agent: &AgentInfo) -> &'static str {
    match agent.agent_type.as_str() {
        "mcp_agent" | "decorator_agent" => "Agent",
        "api" => "API",
        "mesh_tool" => "Tool",
        "a2a" => "A2A",
        _ => "Unknown",
    }
}

/// The language of an agent's SDK, for the RUNTIME column.
pub(crate) fn runtime(agent: &AgentInfo) -> &str {
    match agent.runtime.as_deref() {
        Some("python") => "Python",
        Some("typescript") => "TypeScript",
        Some("java") => "Java",
        Some(other) if !other.is_empty() => other,
        _ => "-",
    }
}

/// A span of time for people: `42s`, `5m`, `2h5m`, `3d4h`.
pub(crate) fn span(duration: Duration) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let two = |big: u64, unit: char, small: u64, small_unit: char| match small {
        0 => format!("{big}{unit}"),
        _ => format!("{big}{unit}{small}{small_unit}"),
    };
    match duration.as_secs() {
        seconds if seconds < MINUTE => format!("{seconds}s"),
        seconds if seconds < HOUR => format!("{}m", seconds / MINUTE),
        seconds if seconds < DAY => two(seconds / HOUR, 'h', seconds % HOUR / MINUTE, 'm'),
        seconds => two(seconds / DAY, 'd', seconds % DAY / HOUR, 'h'),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use mesh_core::Timestamp;

    use super::*;

    /// An agent as the registry lists it.
    pub(crate) fn agent(id: &str, name: &str, status: &str) -> AgentInfo {
        let at = Timestamp::from_seconds(1_790_000_000);
        serde_json::from_value(serde_json::json!({
            "id": id, "name": name, "agent_type": "mcp_agent", "status": status,
            "endpoint": "http://127.0.0.1:9000", "created_at": at, "last_seen": at,
        }))
        .expect("a valid agent")
    }

    fn found(wanted: &str, among: Among) -> Result<String, String> {
        let agents = [
            agent("greeter-2", "greeter", "unhealthy"),
            agent("greeter-1", "greeter", "healthy"),
            agent("great-1", "great", "healthy"),
            agent("sick-2", "sick", "unhealthy"),
            agent("sick-1", "sick", "unhealthy"),
        ];
        find(&agents, wanted, among)
            .map(|agent| agent.id.clone())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_name_an_id_or_the_start_of_one_is_enough() {
        assert_eq!(found("greeter", Among::Healthy).unwrap(), "greeter-1");
        assert_eq!(found("greeter-2", Among::Everyone).unwrap(), "greeter-2");
        assert_eq!(found("GREETER", Among::Everyone).unwrap(), "greeter-1");
        assert_eq!(found("sick", Among::Everyone).unwrap(), "sick-1");
        insta::assert_snapshot!(found("sick", Among::Healthy).unwrap_err(), @"no healthy agent found matching 'sick'");
        insta::assert_snapshot!(found("gre", Among::Healthy).unwrap_err(), @r"
        multiple agents match 'gre'

        Matching agents:
          - great (ID: great-1, Status: healthy)
          - greeter (ID: greeter-1, Status: healthy)

        Use a more precise name or a whole id.
        ");
    }

    #[test]
    fn spans_are_short() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (119, "1m"),
            (7200, "2h"),
            (7500, "2h5m"),
            (86_400 * 3 + 3600 * 4, "3d4h"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn an_endpoint_is_shown_without_its_scheme() {
        assert_eq!(host_and_port("http://h:1/x"), "h:1");
        assert_eq!(host_and_port("stdio://agent-1"), "agent-1");
    }
}
