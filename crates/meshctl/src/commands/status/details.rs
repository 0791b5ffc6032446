//! All that is known about one agent, for people.

use mesh_core::wire::{AgentInfo, SlotStatus};

use super::diagnosis::Diagnosis;
use crate::commands::Context;
use crate::commands::list::report::{ProcessReport, pid};
use crate::error::CliError;
use crate::mesh_view::{is_healthy, kind, public_tools, runtime, span};
use crate::printer::Tone;
use crate::table::{Cell, Table};

/// Prints all that is known about an agent.
pub(super) fn print(
    agent: &AgentInfo,
    processes: &[ProcessReport],
    diagnosis: Option<&Diagnosis>,
    context: &mut Context,
) -> Result<(), CliError> {
    let now = context.clock.now();
    let is_lost = diagnosis.is_some_and(|diagnosis| diagnosis.is_lost);
    let status = if is_lost {
        format!("{}, says the registry", Tone::Bad.paint(agent.status))
    } else if is_healthy(agent) {
        Tone::Good.paint(agent.status)
    } else {
        Tone::Bad.paint(agent.status)
    };
    let mut facts = vec![
        ("Agent:", agent.name.clone()),
        ("ID:", agent.id.clone()),
        ("Type:", kind(agent).to_owned()),
        ("Runtime:", runtime(agent).to_owned()),
        ("Status:", status),
        ("Endpoint:", agent.endpoint.clone()),
        ("Version:", or_dash(&agent.version).to_owned()),
        (
            "Dependencies:",
            format!(
                "{}/{}",
                agent.dependencies_resolved, agent.total_dependencies
            ),
        ),
        (
            "Last seen:",
            format!("{} ago", span(now.since(agent.last_seen))),
        ),
        ("Created:", agent.created_at.to_string()),
    ];
    if let Some(pid) = pid(agent, processes) {
        facts.push(("PID:", pid.to_string()));
    }
    for (label, value) in facts
        .into_iter()
        .chain(diagnosis.iter().flat_map(|one| why(one)))
    {
        context.printer.result(format_args!("{label:<14}{value}"))?;
    }
    let explained = diagnosis
        .into_iter()
        .flat_map(|one| [unresolved(one), next(one)]);
    for (title, table) in sections(agent).chain(explained.flatten()) {
        context.printer.result(format_args!("\n{title}"))?;
        context.printer.table(&table)?;
    }
    Ok(())
}

/// What the agent offers and how it is wired.
pub(in crate::commands) fn sections(agent: &AgentInfo) -> impl Iterator<Item = (String, Table)> {
    [
        capabilities(agent),
        dependencies(agent),
        llm_tools(agent),
        llm_providers(agent),
    ]
    .into_iter()
    .flatten()
}

/// Why the agent is not healthy, and what its log has to say.
fn why(diagnosis: &Diagnosis) -> Vec<(&'static str, String)> {
    let labels = ["Why:"].into_iter().chain(std::iter::repeat(""));
    let mut lines: Vec<_> = labels.zip(diagnosis.reasons.iter().cloned()).collect();
    lines.extend(diagnosis.log.iter().map(|log| ("Log:", log.clone())));
    lines.extend(
        diagnosis
            .errors
            .iter()
            .map(|line| ("", format!("| {line}"))),
    );
    lines
}

fn unresolved(diagnosis: &Diagnosis) -> Section {
    let mut table = Table::new(&["DEPENDENCY", "FUNCTION", "WHY"]);
    for slot in &diagnosis.unresolved {
        table.row(vec![
            slot.capability.as_str().into(),
            slot.function_name.as_str().into(),
            slot.message.as_str().into(),
        ]);
    }
    let count = diagnosis.unresolved.len();
    (count > 0).then(|| (format!("Unresolved ({count}):"), table))
}

fn next(diagnosis: &Diagnosis) -> Section {
    let mut table = Table::new(&["COMMAND", "PURPOSE"]);
    for step in &diagnosis.next {
        table.row(vec![
            step.command.as_str().into(),
            step.purpose.as_str().into(),
        ]);
    }
    (!diagnosis.next.is_empty()).then(|| ("Next:".to_owned(), table))
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

type Section = Option<(String, Table)>;

fn capabilities(agent: &AgentInfo) -> Section {
    let tools: Vec<_> = public_tools(agent).collect();
    let mut table =
        Table::new(&["CAPABILITY", "TOOL", "VERSION", "TAGS", "AVAILABLE"]).giving_way(&["TAGS"]);
    for tool in &tools {
        let available = match (tool.available, &tool.unavailable_reason) {
            (true, _) => Cell::toned("yes", Tone::Good),
            (false, Some(reason)) => Cell::toned(format!("no: {reason}"), Tone::Bad),
            (false, None) => Cell::toned("no", Tone::Bad),
        };
        table.row(vec![
            tool.name.as_str().into(),
            tool.function_name.as_str().into(),
            tool.version.as_str().into(),
            tool.tags.join(",").into(),
            available,
        ]);
    }
    (!tools.is_empty()).then(|| (format!("Capabilities ({}):", tools.len()), table))
}

fn dependencies(agent: &AgentInfo) -> Section {
    let mut table = Table::new(&["DEPENDENCY", "FUNCTION", "PROVIDER", "TOOL", "ENDPOINT"]);
    for dependency in &agent.dependency_resolutions {
        table.row(vec![
            dependency.capability.as_str().into(),
            dependency.function_name.as_str().into(),
            provider(dependency.provider_agent_id.as_deref(), dependency.status),
            dependency.mcp_tool.as_deref().unwrap_or("-").into(),
            dependency.endpoint.as_deref().unwrap_or("-").into(),
        ]);
    }
    let count = agent.dependency_resolutions.len();
    (count > 0).then(|| (format!("Dependencies ({count}):"), table))
}

fn llm_tools(agent: &AgentInfo) -> Section {
    let mut table = Table::new(&["FUNCTION", "FILTER", "PROVIDER", "TOOL"]);
    for resolution in &agent.llm_tool_resolutions {
        table.row(vec![
            resolution.function_name.as_str().into(),
            resolution
                .filter_capability
                .as_deref()
                .unwrap_or("-")
                .into(),
            provider(resolution.provider_agent_id.as_deref(), resolution.status),
            resolution.mcp_tool.as_deref().unwrap_or("-").into(),
        ]);
    }
    let count = agent.llm_tool_resolutions.len();
    (count > 0).then(|| (format!("LLM Tool Resolutions ({count}):"), table))
}

fn llm_providers(agent: &AgentInfo) -> Section {
    let mut table = Table::new(&["FUNCTION", "CAPABILITY", "PROVIDER", "TOOL"]);
    for resolution in &agent.llm_provider_resolutions {
        table.row(vec![
            resolution.function_name.as_str().into(),
            resolution.required_capability.as_str().into(),
            provider(resolution.provider_agent_id.as_deref(), resolution.status),
            resolution.mcp_tool.as_deref().unwrap_or("-").into(),
        ]);
    }
    let count = agent.llm_provider_resolutions.len();
    (count > 0).then(|| (format!("LLM Provider Resolutions ({count}):"), table))
}

fn provider(id: Option<&str>, status: SlotStatus) -> Cell {
    match id {
        Some(id) if status == SlotStatus::Available => Cell::new(id),
        Some(id) => Cell::toned(format!("{id} ({status})"), Tone::Bad),
        None => Cell::toned("NOT FOUND", Tone::Bad),
    }
}
