//! Staying with the agents: their output on the terminal until they end or the user ends them.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::process::ExitStatus;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::sleep;

use super::registration::{Arrival, Registrations};
use super::screen::{Screen, Stage};
use super::session::{Interruption, Session};
use super::settings::{Mode, StartSettings};
use super::summary::{self, Summary};
use crate::commands::Context;
use crate::error::CliError;
use crate::home::ProcessName;
use crate::reload::{Orders, Watcher};
use crate::supervisor::Supervisor;
use crate::supervisor::platform::{Platform, ProcessGroups};

/// How often logs and processes are looked at.
const POLL: Duration = Duration::from_millis(50);

/// What the attendance learns from what goes on beside it.
#[derive(Default)]
struct News {
    /// Where agents listen, as far as they said; in the order of their start.
    ports: Vec<(ProcessName, Cell<Option<u16>>)>,
    /// The agents that are watched.
    watched: RefCell<Vec<ProcessName>>,
    /// How far the agents came, once that is decided.
    arrivals: RefCell<Option<Vec<Arrival>>>,
}

/// Shows what the processes write. Returns when all ended, or when the user interrupts; then
/// everything that was started here is stopped first.
pub(super) async fn attend(
    mut session: Session<'_>,
    registrations: Registrations,
    interruption: Interruption,
    context: &mut Context,
) -> Result<(), CliError> {
    let orders = match session.watch_from_here().await {
        Ok(orders) => orders,
        Err(error) => return Err(session.abandon(error).await),
    };
    let mut screen = Screen::of(&session);
    if !session.agents.is_empty() {
        context
            .printer
            .say("Agents are running. Press Ctrl+C to stop all services.")?;
    }
    let outcome = {
        let names = session.agents.iter().map(|agent| agent.name.clone());
        let news = News {
            ports: names.map(|name| (name, Cell::default())).collect(),
            watched: orders
                .iter()
                .map(|it| it.launch.name.clone())
                .collect::<Vec<_>>()
                .into(),
            ..News::default()
        };
        let beside = beside(registrations, orders, session.settings, &news);
        tokio::select! {
            outcome = stay(&mut session, &mut screen, &news, context) => outcome,
            () = beside => Ok(()),
            interrupted = interruption => interrupted.map_err(CliError::from),
        }
    };
    // A second interrupt means "at once".
    let users = tokio::select! {
        users = session.end() => users,
        _ = Platform::interrupted() => session.kill().await,
    };
    screen.print(Stage::Ended, context)?;
    let users = users?;
    outcome?;
    if !users.is_empty() {
        let users: Vec<&str> = users.iter().map(ProcessName::as_str).collect();
        context.printer.say(format_args!(
            "The registry keeps running for: {}",
            users.join(", ")
        ))?;
    }
    Ok(())
}

/// What goes on beside the output: agents arrive in the mesh, and start anew. Never returns.
async fn beside(
    registrations: Registrations,
    orders: Vec<Orders>,
    settings: &StartSettings,
    news: &News,
) {
    let arriving = async {
        // Nobody waits for it here: an agent that does not come says so in its own log.
        if let Ok(arrivals) = registrations.wait(settings, || Ok(())).await {
            for (port, arrival) in news.ports.iter().zip(&arrivals) {
                port.1.set(arrival.port());
            }
            news.arrivals.replace(Some(arrivals));
        }
    };
    let unknown = Cell::default();
    let watching = orders.into_iter().map(async |orders| {
        let name = orders.launch.name.clone();
        let port = news.ports.iter().find(|(agent, _)| *agent == name);
        let port = port.map_or(&unknown, |(_, port)| port);
        // What went wrong stands in the log.
        let _ = Watcher::new(orders).run(port).await;
        news.watched.borrow_mut().retain(|watched| *watched != name);
    });
    tokio::join!(arriving, join_all(watching));
    pending::<()>().await;
}

/// Returns when all processes ended; an error if one failed.
async fn stay(
    session: &mut Session<'_>,
    screen: &mut Screen,
    news: &News,
    context: &mut Context,
) -> Result<(), CliError> {
    let supervisor = session.supervisor;
    let mut ended: Vec<ProcessName> = Vec::new();
    let mut failures = Vec::new();
    let mut details = Vec::new();
    loop {
        let mut news_of_end = Vec::new();
        let mut all_ended = true;
        for process in session.main_processes() {
            // Always asked, so that the system may forget it.
            let status = process.ended();
            if ended.contains(&process.name) {
                continue;
            }
            let is_watched = news.watched.borrow().contains(&process.name);
            match status {
                Some(status) if !is_watched => news_of_end.push((process.name.clone(), status)),
                _ => all_ended = false,
            }
        }
        let arrivals = news.arrivals.take();
        // After the question, so that the last words of whoever ended are read as well.
        screen.print(Stage::Running, context)?;
        if let Some(arrivals) = arrivals {
            summary::warn(session, &arrivals, context)?;
            Summary::of(session, &arrivals)?.print(Mode::Foreground, context)?;
        }
        for (name, status) in news_of_end {
            context
                .printer
                .note(format_args!("'{name}' ended ({status})"))?;
            if failed(supervisor, &name, status).await? {
                failures.push(format!("'{name}' failed ({status})"));
                details.extend(supervisor.log_excerpt(&name));
            }
            ended.push(name);
        }
        if all_ended {
            break;
        }
        sleep(POLL).await;
    }
    screen.print(Stage::Ended, context)?;
    if failures.is_empty() {
        Ok(())
    } else {
        Err(CliError::new(failures.join("; ")).details(details))
    }
}

/// Whether the process ended by itself, and not well.
async fn failed(
    supervisor: &Supervisor,
    name: &ProcessName,
    status: ExitStatus,
) -> Result<bool, CliError> {
    if status.success() || Platform::was_terminated(status) {
        return Ok(false);
    }
    // Whoever stops it by force takes its record away before the lock.
    let _lock = supervisor.lock().await?;
    Ok(supervisor.recorded(name)?.is_some())
}
