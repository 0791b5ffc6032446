//! `meshctl status`.

use std::time::Duration;

use mesh_core::wire::{AgentInfo, SlotStatus};

use super::Context;
use super::list::report::{AgentReport, ProcessReport, processes};
use crate::error::CliError;
use crate::home::Home;
use crate::mesh_view::{self, Among, is_healthy, kind, public_tools, runtime, span};
use crate::printer::Tone;
use crate::settings::ConnectionArgs;
use crate::supervisor::Supervisor;
use crate::table::{Cell, Table};

/// How long the registry may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Show what an agent offers and how it is wired
///
/// Without a name, all healthy agents; with one, the agent in whatever state it is.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl status                    every healthy agent
  meshctl status planner            one agent, in whatever state it is
  meshctl status planner --json")]
pub(crate) struct StatusArgs {
    /// Name or id of the agent, or the start of one
    agent: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Nothing more to tell; kept for scripts
    #[arg(long, hide = true)]
    verbose: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
}

pub(crate) async fn run(args: StatusArgs, context: &mut Context) -> Result<(), CliError> {
    let StatusArgs {
        agent,
        json,
        verbose: _,
        connection,
    } = args;
    let client = context.client(connection, TIMEOUT)?;
    let list = context
        .printer
        .during("asking the registry", client.agents())
        .await?;
    let supervisor = Supervisor::of(Home::resolve(&context.environment)?);
    let processes = processes(&supervisor)?;
    let one = agent
        .map(|wanted| mesh_view::find(&list.agents, &wanted, Among::Everyone))
        .transpose()?;
    let agents: Vec<&AgentInfo> = match one {
        Some(agent) => vec![agent],
        None => list
            .agents
            .iter()
            .filter(|agent| is_healthy(agent))
            .collect(),
    };
    if json {
        let reports: Vec<_> = agents
            .iter()
            .map(|agent| AgentReport::new(agent, &processes))
            .collect();
        return match (one, reports.as_slice()) {
            (Some(_), [report]) => context.printer.json(report),
            _ => context.printer.json(&reports),
        };
    }
    if one.is_none() {
        context.printer.result(if agents.is_empty() {
            "No healthy agents found".to_owned()
        } else {
            format!("Found {} healthy agent(s):", agents.len())
        })?;
    }
    for agent in agents {
        if one.is_none() {
            context.printer.result("")?;
        }
        print_agent(agent, &processes, context)?;
    }
    Ok(())
}

fn print_agent(
    agent: &AgentInfo,
    processes: &[ProcessReport],
    context: &mut Context,
) -> Result<(), CliError> {
    let now = context.clock.now();
    let status = if is_healthy(agent) {
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
    if let Some(process) = processes
        .iter()
        .find(|process| process.name == agent.name && is_healthy(agent))
    {
        facts.push(("PID:", process.pid.to_string()));
    }
    for (label, value) in facts {
        context.printer.result(format_args!("{label:<14}{value}"))?;
    }
    for (title, table) in [capabilities(agent), dependencies(agent)]
        .into_iter()
        .chain([llm_tools(agent), llm_providers(agent)])
        .flatten()
    {
        context.printer.result(format_args!("\n{title}"))?;
        context.printer.table(&table)?;
    }
    Ok(())
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
