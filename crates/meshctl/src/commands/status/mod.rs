//! `meshctl status`.

pub(super) mod details;
pub(super) mod diagnosis;
mod unresolved;

use mesh_core::wire::AgentInfo;

use super::Context;
use super::list::report::{AgentReport, processes};
use crate::census::{Census, Standing};
use crate::error::CliError;
use crate::home::Home;
use crate::mesh_view::{self, Among, is_healthy};
use crate::presence;
use crate::printer::Tone;
use crate::settings::ConnectionArgs;
use crate::supervisor::Supervisor;
use diagnosis::{Diagnosis, TIMEOUT};

/// Show what an agent offers and how it is wired
///
/// Without a name, all healthy agents, and the names of those that are down. With one, the agent in
/// whatever state it is: why it is down, why dependencies have no provider, and what to type next, as far
/// as the registry and this machine know.
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
    let gone = presence::gone(&list.agents, &supervisor).await?;
    if let Some(agent) = one {
        let known = (&supervisor, context.clock.now());
        let asked = Diagnosis::of(agent, &list.agents, &client, known);
        let diagnosis = context.printer.during("asking the registry", asked).await?;
        if json {
            let report = AgentReport::new(agent, &processes);
            let mut report = report.without(gone.get(&agent.id));
            report.diagnosis = diagnosis;
            return context.printer.json(&report);
        }
        return details::print(agent, &processes, diagnosis.as_ref(), context);
    }
    let healthy: Vec<&AgentInfo> = list.agents.iter().filter(|one| is_healthy(one)).collect();
    if json {
        let reports: Vec<_> = healthy
            .into_iter()
            .map(|agent| AgentReport::new(agent, &processes).without(gone.get(&agent.id)))
            .collect();
        return context.printer.json(&reports);
    }
    context.printer.result(if healthy.is_empty() {
        "No healthy agents found".to_owned()
    } else {
        format!("Found {} healthy agent(s):", healthy.len())
    })?;
    for agent in healthy {
        context.printer.result("")?;
        let diagnosis = Diagnosis::of_lost(agent, (&supervisor, context.clock.now())).await?;
        details::print(agent, &processes, diagnosis.as_ref(), context)?;
    }
    if let Some(text) = down(&Census::of(&list.agents)) {
        context.printer.result(format_args!("\n{text}"))?;
    }
    Ok(())
}

/// Who is down and was not replaced, those first that are missed.
fn down(census: &Census<'_>) -> Option<String> {
    let of = |wanted| {
        let agents = census.agents.iter();
        agents.filter(move |agent| census.standing(agent) == wanted)
    };
    let missed = of(Standing::Blocking).map(|agent| Tone::Bad.paint(&agent.id));
    let others = of(Standing::Inactive).map(|agent| Tone::Dim.paint(&agent.id));
    let names: Vec<String> = missed.chain(others).collect();
    let first = of(Standing::Blocking)
        .chain(of(Standing::Inactive))
        .next()?;
    let plural = if names.len() == 1 { " is" } else { "s are" };
    Some(format!(
        "{} agent{plural} down: {}; `meshctl status {}` tells why",
        names.len(),
        names.join(", "),
        first.id
    ))
}
