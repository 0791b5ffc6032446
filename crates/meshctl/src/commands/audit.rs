//! `meshctl audit`.

mod explain;

use mesh_client::EventQuery;
use mesh_core::Timestamp;
use mesh_core::wire::{AuditTrace, EventInfo, EventKind};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

use super::Context;
use crate::error::CliError;
use crate::mesh_view::{self, Among};
use crate::printer::Tone;
use crate::settings::QueryArgs;
use crate::table::{Cell, Table};

/// How many more events are asked for than shown, since those of other kinds are left out.
const OTHER_KINDS: u32 = 2;

/// Show how an agent's dependencies were decided
///
/// The newest decision first. The registry writes one down when there was a choice, or when the choice
/// changed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl audit planner                 what was chosen, and what it was before
  meshctl audit planner --explain       who was considered at every stage, and why not
  meshctl audit planner --dep 0 --json  one dependency, for scripts")]
pub(crate) struct AuditArgs {
    /// Name or id of the agent, or the start of one
    agent: String,
    /// Show every stage of each decision
    #[arg(long)]
    explain: bool,
    /// At most so many decisions
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// Only the dependency at this position of its function, from 0; -1 is all
    #[arg(long = "dep", value_name = "POSITION", default_value_t = -1, allow_negative_numbers = true, value_parser = clap::value_parser!(i64).range(-1..))]
    dependency: i64,
    /// Only dependencies of this function
    #[arg(long, value_name = "FUNCTION")]
    function: Option<String>,
    /// Whether decisions that found nobody are shown
    #[arg(long, value_name = "BOOL", default_value_t = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    include_unresolved: bool,
    #[command(flatten)]
    query: QueryArgs,
}

/// What `--json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct AuditReport {
    /// Newest first.
    events: Vec<Decision>,
    count: usize,
}

/// One decision.
#[derive(Debug, Serialize, JsonSchema)]
struct Decision {
    event_type: EventKind,
    agent_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_name: Option<String>,
    timestamp: Timestamp,
    /// What the registry sent, to the letter.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Box<RawValue>>,
    /// The same, as far as this release knows it.
    trace: AuditTrace,
}

impl Decision {
    /// The event, unless it tells of something else.
    fn of(event: EventInfo) -> Option<Self> {
        let kinds = [
            EventKind::DependencyResolved,
            EventKind::DependencyUnresolved,
        ];
        if !kinds.contains(&event.event_type) {
            return None;
        }
        let trace = serde_json::from_str(event.data.as_ref()?.get()).ok()?;
        Some(Self {
            event_type: event.event_type,
            agent_id: event.agent_id,
            agent_name: event.agent_name,
            function_name: event.function_name,
            timestamp: event.timestamp,
            data: event.data,
            trace,
        })
    }

    fn function(&self) -> &str {
        self.function_name.as_deref().unwrap_or("-")
    }

    /// What was another way before.
    fn change(&self) -> Option<String> {
        let before = self.trace.prior_chosen.as_deref()?;
        match &self.trace.chosen {
            None => Some(format!("(lost: {before})")),
            Some(now) if now.agent_id != before => Some(format!("(was: {before})")),
            Some(_) => None,
        }
    }
}

pub(crate) async fn run(args: AuditArgs, context: &mut Context) -> Result<(), CliError> {
    let AuditArgs {
        agent,
        explain,
        limit,
        dependency,
        function,
        include_unresolved,
        query,
    } = args;
    let (client, json) = context.query(query)?;
    let printer = &mut context.printer;
    let list = printer
        .during("asking the registry", client.agents())
        .await?;
    let agent = mesh_view::find(&list.agents, &agent, Among::Everyone)?;
    let query = EventQuery {
        agent_id: Some(agent.id.clone()),
        function_name: function,
        event_type: None,
        limit: Some(limit.saturating_mul(OTHER_KINDS)),
    };
    let events = printer
        .during("asking the registry", client.events(&query))
        .await?;
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    let decisions: Vec<Decision> = events
        .events
        .into_iter()
        .filter_map(Decision::of)
        .filter(|decision| include_unresolved || decision.trace.chosen.is_some())
        .filter(|decision| match usize::try_from(dependency) {
            Ok(wanted) => decision.trace.dep_index == wanted,
            Err(_) => true,
        })
        .take(shown)
        .collect();
    if json {
        let count = decisions.len();
        return printer.json(&AuditReport {
            events: decisions,
            count,
        });
    }
    if decisions.is_empty() {
        printer.result(format_args!(
            "No decisions about dependencies of {}",
            agent.id
        ))?;
        printer
            .note("Only decisions between several candidates, and changes, are written down.")?;
        return Ok(());
    }
    printer.result(format_args!(
        "Decisions about dependencies of {} ({} shown)",
        agent.id,
        decisions.len()
    ))?;
    printer.result("")?;
    if explain {
        for (index, decision) in decisions.iter().enumerate() {
            if index > 0 {
                printer.result("")?;
            }
            printer.result(explain::tree(decision))?;
        }
        return Ok(());
    }
    printer.table(&table(&decisions))?;
    Ok(())
}

fn table(decisions: &[Decision]) -> Table {
    let titles = [
        "TIMESTAMP",
        "DEP",
        "FUNCTION",
        "CHOSEN",
        "CANDIDATES",
        "CHANGE",
    ];
    let mut table = Table::new(&titles).giving_way(&["CHANGE", "FUNCTION"]);
    for decision in decisions {
        let trace = &decision.trace;
        let chosen = match &trace.chosen {
            Some(chosen) => Cell::new(chosen.agent_id.as_str()),
            None => Cell::toned("(unresolved)", Tone::Bad),
        };
        table.row(vec![
            moment(decision.timestamp).into(),
            format!("[{}]", trace.dep_index).into(),
            decision.function().into(),
            chosen,
            candidates(trace).into(),
            decision.change().unwrap_or_default().into(),
        ]);
    }
    table
}

/// How many candidates there were at first, and how many passed every stage.
fn candidates(trace: &AuditTrace) -> String {
    let Some(first) = trace.stages.first() else {
        return "0".to_owned();
    };
    let before = first.kept.len() + first.evicted.len() + first.omitted.unwrap_or(0);
    let after = trace.stages.last().map_or(0, |last| last.kept.len());
    format!("{before} → {after}")
}

/// To the second, which is what people compare.
fn moment(timestamp: Timestamp) -> String {
    let text = timestamp.to_string();
    match text.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => text,
    }
}
