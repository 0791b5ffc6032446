//! The table of tools, and the description of one.

use std::time::Duration;

use mesh_client::RegistryClient;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Format, Scope, View};
use crate::commands::Context;
use crate::error::CliError;
use crate::json_text::indented;
use crate::mesh_view::{Among, is_healthy, tools_of};
use crate::printer::Tone;
use crate::table::{Cell, Table};
use crate::tool_call;
use crate::tool_target::{self, Target};

/// How long the agent may take to describe its tools.
const TOOLS_TIMEOUT: Duration = Duration::from_secs(10);

/// One tool in `list --tools --json`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ToolReport<'a> {
    tool_name: &'a str,
    agent_name: &'a str,
    agent_id: &'a str,
    capability: &'a str,
    description: &'a str,
    version: &'a str,
    /// Joined by commas.
    tags: String,
    endpoint: &'a str,
    available: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    unavailable_reason: Option<&'a str>,
    /// Of one tool that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    input_schema: Option<&'a RawValue>,
}

impl<'a> ToolReport<'a> {
    fn new(target: &Target<'a>, input_schema: Option<&'a RawValue>) -> Self {
        let Target { agent, tool } = *target;
        Self {
            tool_name: &tool.function_name,
            agent_name: &agent.name,
            agent_id: &agent.id,
            capability: &tool.name,
            description: &tool.description,
            version: &tool.version,
            tags: tool.tags.join(","),
            endpoint: &agent.endpoint,
            available: tool.available,
            unavailable_reason: tool.unavailable_reason.as_deref(),
            input_schema,
        }
    }
}

pub(super) async fn run_all(
    client: &RegistryClient,
    view: &View,
    with_framework: bool,
    context: &mut Context,
) -> Result<(), CliError> {
    let list = client.agents().await?;
    let now = context.clock.now();
    let mut targets: Vec<Target<'_>> = list
        .agents
        .iter()
        .filter(|agent| view.scope == Scope::Everyone || is_healthy(agent))
        .filter(|agent| view.selects(agent, now))
        .flat_map(|agent| tools_of(agent, with_framework).map(move |tool| Target { agent, tool }))
        .collect();
    targets.sort_by_key(|Target { agent, tool }| (&tool.name, &tool.function_name, &agent.id));
    if view.format == Format::Json {
        let reports: Vec<_> = targets
            .iter()
            .map(|target| ToolReport::new(target, None))
            .collect();
        return print_json(&reports, context);
    }
    if targets.is_empty() {
        return Ok(context.printer.result("No tools found")?);
    }
    let mut table =
        Table::new(&["TOOL", "AGENT", "CAPABILITY", "TAGS", "STATUS"]).giving_way(&["TAGS"]);
    for Target { agent, tool } in &targets {
        table.row(vec![
            tool.function_name.as_str().into(),
            agent.id.as_str().into(),
            tool.name.as_str().into(),
            tool.tags.join(",").into(),
            if tool.available {
                Cell::new("")
            } else {
                Cell::toned("unavailable", Tone::Bad)
            },
        ]);
    }
    if view.format == Format::Wide {
        context.printer.result(table.render())?;
    } else {
        context.printer.table(&table)?;
    }
    context
        .printer
        .result(format_args!("\n{} tool(s) found", targets.len()))?;
    Ok(())
}

pub(super) async fn run_one(
    client: &RegistryClient,
    view: &View,
    wanted: &str,
    context: &mut Context,
) -> Result<(), CliError> {
    let list = client.agents().await?;
    let among = match view.scope {
        Scope::Healthy => Among::Healthy,
        Scope::Current | Scope::Everyone => Among::Everyone,
    };
    let target = tool_target::find(&list.agents, wanted, among)?;
    let asked = (
        target.agent.endpoint.as_str(),
        target.tool.function_name.as_str(),
    );
    let schema = tool_call::input_schema(client, asked, TOOLS_TIMEOUT).await;
    if view.format == Format::Json {
        let schema = schema.as_ref().ok().and_then(|schema| schema.as_deref());
        return print_json(&ToolReport::new(&target, schema), context);
    }
    let Target { agent, tool } = target;
    let availability = match (tool.available, &tool.unavailable_reason) {
        (true, _) => Tone::Good.paint("available"),
        (false, Some(reason)) => format!("{} ({reason})", Tone::Bad.paint("unavailable")),
        (false, None) => Tone::Bad.paint("unavailable"),
    };
    let printer = &mut context.printer;
    printer.result(format_args!("Tool:         {}", tool.function_name))?;
    printer.result(format_args!("Agent:        {} ({})", agent.name, agent.id))?;
    printer.result(format_args!("Capability:   {}", tool.name))?;
    printer.result(format_args!("Availability: {availability}"))?;
    printer.result(format_args!("Description:  {}", tool.description))?;
    printer.result(format_args!("Version:      {}", tool.version))?;
    let tags = match tool.tags.as_slice() {
        [] => "-".to_owned(),
        tags => tags.join(", "),
    };
    printer.result(format_args!("Tags:         {tags}"))?;
    match &schema {
        Ok(Some(schema)) => {
            printer.result(format_args!("\nInput Schema:\n{}", indented(schema.get())))?;
        }
        Ok(None) => printer.result("\nInput Schema: none")?,
        // The rest of the answer stands without it.
        Err(error) => printer.warn(format_args!("the input schema cannot be fetched: {error}"))?,
    }
    // Its name is nicer to type, where it is the only one called so.
    let namesakes = list.agents.iter().filter(|other| other.name == agent.name);
    let owner = match namesakes.count() {
        1 => &agent.name,
        _ => &agent.id,
    };
    let schema = schema.as_ref().ok().and_then(|schema| schema.as_deref());
    let arguments = tool_call::needed_arguments(schema);
    let example = tool_call::command(
        &format!("{owner}:{}", tool.function_name),
        Some(arguments.as_deref().unwrap_or("{}")),
    );
    printer.result(format_args!("\nExample:\n  {example}"))?;
    Ok(())
}

fn print_json(report: &impl Serialize, context: &mut Context) -> Result<(), CliError> {
    context.printer.json(report)
}
