//! `meshctl start`: flags become settings, paths become plans, plans become processes.
//!
//! * [`args`] is the command line, [`settings`] what it means together with the environment.
//! * [`plan`] finds script, name and interpreter of each agent, before anything is started.
//! * [`session`] starts the registry and the agents, and takes everything back if one fails.
//! * [`registration`] waits until the agents are in the mesh, [`foreground`] until they end, with
//!   what they write on the [`screen`].
//! * [`summary`] says what came of it.

mod args;
mod foreground;
mod plan;
mod registration;
mod screen;
mod session;
mod settings;
mod summary;

pub(crate) use args::StartArgs;
pub(super) use summary::Summary;

use super::Context;
use crate::error::CliError;
use crate::home::Home;
use crate::supervisor::{GroupId, Supervisor};
use plan::Plan;
use registration::{Registrations, refuse_ended};
use session::{Interruption, Session};
use settings::{Mode, Output, Purpose, StartSettings};

pub(crate) async fn run(args: StartArgs, context: &mut Context) -> Result<(), CliError> {
    let settings = StartSettings::resolve(args, context)?;
    context.quiet(settings.output != Output::Prose);
    for remark in &settings.remarks {
        context.printer.warn(remark)?;
    }
    let plans = Plan::of_all(&settings)?;
    for plan in &plans {
        for reason in &plan.passed_over {
            context.printer.note(format_args!("Passed over {reason}"))?;
        }
    }
    let supervisor = Supervisor::open(Home::resolve(&settings.environment)?)?;
    let group = GroupId::mint(&context.clock);
    let (session, registrations, interruption) =
        Session::start(&supervisor, &settings, plans, group, context).await?;
    match settings.mode {
        Mode::Foreground => foreground::attend(session, registrations, interruption, context).await,
        Mode::Detached => detach(session, registrations, interruption, context).await,
    }
}

/// Waits until every agent is in the mesh, then leaves everything running.
async fn detach(
    mut session: Session<'_>,
    registrations: Registrations,
    interruption: Interruption,
    context: &mut Context,
) -> Result<(), CliError> {
    let settings = session.settings;
    let waiting = async {
        tokio::select! {
            arrivals = registrations.wait(settings, || {
                session.agents.iter_mut().try_for_each(refuse_ended)
            }) => arrivals,
            interrupted = interruption => {
                interrupted?;
                Err(CliError::new("interrupted before the agents were registered"))
            }
        }
    };
    let arrivals = match waiting.await {
        Ok(arrivals) => arrivals,
        Err(error) => return Err(session.abandon(error).await),
    };
    let ports = session.agents.iter().zip(&arrivals);
    let ports = ports.filter_map(|(agent, arrival)| Some((agent.name.clone(), arrival.port()?)));
    if let Err(error) = session.leave_watchers(&ports.collect()).await {
        return Err(session.abandon(error).await);
    }
    let summary = Summary::of(&session, &arrivals)?;
    summary::warn(&session, &arrivals, context)?;
    if settings.output == Output::Json {
        return context.printer.json(&summary);
    }
    summary.print(settings.mode, context)?;
    for agent in &session.agents {
        let name = &agent.name;
        context
            .printer
            .say(format_args!("Started '{name}' in detach"))?;
    }
    if settings.purpose != Purpose::RegistryOnly
        && let [agent] = session.agents.as_slice()
    {
        let name = &agent.name;
        context.printer.say(format_args!(
            "  Logs: meshctl logs {name}\n  Stop: meshctl stop {name}"
        ))?;
    }
    Ok(())
}
