//! Which agent's tool `[agent:]tool` means.

use mesh_core::wire::{AgentInfo, CapabilityInfo};

use crate::error::{CliError, Kind};
use crate::mesh_view::{self, Among, is_healthy};
use crate::suggestion::did_you_mean;

/// A tool of an agent.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    pub(crate) agent: &'a AgentInfo,
    pub(crate) tool: &'a CapabilityInfo,
}

/// Finds the tool: by function name, or else by capability. Several agents that have it are an
/// error that lists how each would be named.
pub(crate) fn find<'a>(
    agents: &'a [AgentInfo],
    wanted: &str,
    among: Among,
) -> Result<Target<'a>, CliError> {
    let (agents, tool, owner) = if let Some((agent, tool)) = wanted.split_once(':') {
        let agent = mesh_view::find(agents, agent, among)?;
        (vec![agent], tool, Some(agent))
    } else {
        let agents = agents
            .iter()
            .filter(|agent| among == Among::Everyone || is_healthy(agent))
            .collect();
        (agents, wanted, None)
    };
    let by_function = offers(&agents, |offered| offered.function_name == tool);
    let mut targets = if by_function.is_empty() {
        offers(&agents, |offered| offered.name == tool)
    } else {
        by_function
    };
    if targets.len() > 1 {
        return Err(ambiguous(tool, &targets));
    }
    targets.pop().ok_or_else(|| {
        let message = match owner {
            Some(agent) => format!("tool '{tool}' not found on agent '{}'", agent.name),
            None => format!("no agent found with tool '{tool}'"),
        };
        let names = agents
            .iter()
            .flat_map(|agent| mesh_view::public_tools(agent))
            .map(|tool| tool.function_name.as_str());
        let hint = did_you_mean(tool, names)
            .unwrap_or_else(|| "`meshctl list --tools` shows every tool".to_owned());
        CliError::new(message).of_kind(Kind::NotFound).hint(hint)
    })
}

fn offers<'a>(
    agents: &[&'a AgentInfo],
    wanted: impl Fn(&CapabilityInfo) -> bool,
) -> Vec<Target<'a>> {
    agents
        .iter()
        .filter_map(|agent| {
            let tool = agent.capabilities.iter().find(|offered| wanted(offered))?;
            Some(Target { agent, tool })
        })
        .collect()
}

fn ambiguous(tool: &str, targets: &[Target<'_>]) -> CliError {
    let lines: Vec<String> = targets
        .iter()
        .map(|Target { agent, .. }| format!("  - {}:{tool} (agent name: {})", agent.id, agent.name))
        .collect();
    let example = targets
        .first()
        .map_or_else(String::new, |target| format!("{}:{tool}", target.agent.id));
    CliError::new(format!(
        "several agents have the tool '{tool}':\n{}",
        lines.join("\n")
    ))
    .of_kind(Kind::Conflict)
    .hint(format!("say which one, as in `{example}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh_view::tests::agent;

    fn with_tool(mut agent: AgentInfo, function: &str, capability: &str) -> AgentInfo {
        let tool = serde_json::json!({
            "function_name": function, "name": capability, "version": "1.0.0", "available": true,
        });
        agent
            .capabilities
            .push(serde_json::from_value(tool).expect("a valid capability"));
        agent
    }

    fn found(wanted: &str) -> Result<String, String> {
        let agents = [
            with_tool(agent("a-1", "a", "healthy"), "hello", "greeting"),
            with_tool(agent("b-1", "b", "healthy"), "hello", "greeting"),
            with_tool(agent("b-1x", "c", "healthy"), "greeting", "other"),
            with_tool(agent("d-1", "d", "unhealthy"), "sick", "sick"),
        ];
        find(&agents, wanted, Among::Healthy)
            .map(|target| format!("{} {}", target.agent.id, target.tool.function_name))
            .map_err(|error| {
                let hint = error.hint_text().unwrap_or_default();
                format!("{error}\n{hint}")
            })
    }

    #[test]
    fn functions_come_before_capabilities() {
        assert_eq!(found("greeting").unwrap(), "b-1x greeting");
        assert_eq!(found("a:greeting").unwrap(), "a-1 hello");
        assert_eq!(found("b-1:hello").unwrap(), "b-1 hello");
    }

    #[test]
    fn what_is_not_one_tool_is_an_error() {
        insta::assert_snapshot!(found("hello").unwrap_err(), @r"
        several agents have the tool 'hello':
          - a-1:hello (agent name: a)
          - b-1:hello (agent name: b)
        say which one, as in `a-1:hello`
        ");
        insta::assert_snapshot!(found("sick").unwrap_err(), @r"
        no agent found with tool 'sick'
        `meshctl list --tools` shows every tool
        ");
        insta::assert_snapshot!(found("a:nothing").unwrap_err(), @r"
        tool 'nothing' not found on agent 'a'
        `meshctl list --tools` shows every tool
        ");
    }
}
