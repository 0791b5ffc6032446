//! The table of agents, and the same as JSON.

use mesh_client::{ClientError, RegistryClient};
use mesh_core::Timestamp;
use mesh_core::wire::{AgentInfo, AgentList, HealthReport};

use super::picture::Picture;
use super::report::{self, AgentReport, ListReport, RegistryReport};
use super::{Format, Scope, View};
use crate::commands::Context;
use crate::error::{CliError, Kind};
use crate::home::Home;
use crate::mesh_view::is_healthy;
use crate::presence;
use crate::supervisor::Supervisor;

pub(super) async fn run(
    client: &RegistryClient,
    view: &View,
    context: &mut Context,
) -> Result<(), CliError> {
    // Both at once: the uptime costs no second round trip.
    let both = async { tokio::join!(client.agents(), client.health()) };
    let (agents, health) = context.printer.during("asking the registry", both).await;
    let agents = match agents {
        Ok(list) => Some(list),
        // Nobody there is a state that readiness loops ask for.
        Err(error @ ClientError::Unreachable { .. }) if !error.is_distrust() => {
            context.conclude(Kind::Unreachable);
            None
        }
        Err(error) => return Err(error.into()),
    };
    // The uptime is an ornament: a registry that lists its agents runs.
    let health = health.ok();
    match view.format {
        Format::Json => print_json(client, agents.as_ref(), health.as_ref(), (view, context)).await,
        Format::Table | Format::Wide => match &agents {
            Some(list) => print_table(client, list, health.as_ref(), (view, context)).await,
            None => Ok(context
                .printer
                .result(format_args!("Registry: not running ({})", client.base()))?),
        },
    }
}

async fn print_json(
    client: &RegistryClient,
    list: Option<&AgentList>,
    health: Option<&HealthReport>,
    (view, context): (&View, &mut Context),
) -> Result<(), CliError> {
    let supervisor = Supervisor::of(Home::resolve(&context.environment)?);
    let processes = report::processes(&supervisor)?;
    let all = list.map_or(&[][..], |list| &list.agents);
    let now = context.clock.now();
    let shown: Vec<&AgentInfo> = all
        .iter()
        .filter(|agent| view.scope == Scope::Everyone || is_healthy(agent))
        .filter(|agent| view.selects(agent, now))
        .collect();
    let gone = presence::gone(all, &supervisor).await?;
    let healthy_count = all.iter().filter(|agent| is_healthy(agent)).count();
    let report = ListReport {
        registry: RegistryReport {
            status: if list.is_some() {
                "running"
            } else {
                "not running"
            },
            url: client.base(),
            agent_count: all.len(),
            healthy_count,
            unhealthy_count: all.len() - healthy_count,
            start_time: health.map(|health| {
                let uptime = std::time::Duration::from_secs(health.uptime_seconds);
                Timestamp::from_seconds(now.before(uptime).as_seconds())
            }),
        },
        agents: shown
            .into_iter()
            .map(|agent| AgentReport::new(agent, &processes).without(gone.get(&agent.id)))
            .collect(),
        processes,
        timestamp: now,
    };
    context.printer.json(&report)
}

async fn print_table(
    client: &RegistryClient,
    list: &AgentList,
    health: Option<&HealthReport>,
    (view, context): (&View, &mut Context),
) -> Result<(), CliError> {
    let supervisor = Supervisor::of(Home::resolve(&context.environment)?);
    let processes = if view.verbose {
        report::processes(&supervisor)?
    } else {
        Vec::new()
    };
    let gone = presence::gone(&list.agents, &supervisor).await?;
    let picture = Picture::new(view, list, context.clock.now()).knowing(&gone);
    let printer = &mut context.printer;
    printer.result(picture.header(client.base(), health))?;
    printer.result("")?;
    if let Some(table) = picture.table() {
        if view.format == Format::Wide {
            printer.result(table.render())?;
        } else {
            printer.table(&table)?;
        }
        printer.result("")?;
    }
    printer.result(picture.footer())?;
    if view.verbose {
        for block in picture.blocks(|agent| report::pid(agent, &processes)) {
            printer.result(format_args!("\n{block}"))?;
        }
    }
    for (id, pid) in &gone {
        printer.warn(format_args!(
            "the registry still calls {id} healthy, but its process (PID {pid}) is gone; `meshctl status {id}` tells more"
        ))?;
    }
    Ok(())
}
