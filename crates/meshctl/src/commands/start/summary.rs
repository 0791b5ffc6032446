//! What was started, where it is, and what to do next.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use super::registration::{Arrival, Outcome};
use super::session::Session;
use super::settings::Mode;
use crate::commands::Context;
use crate::error::CliError;
use crate::printer::Tone;
use crate::supervisor::Launched;

/// The result of a `start`, as `--json` prints it.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::commands) struct Summary {
    registry: Registry,
    /// In the order in which they were named.
    agents: Vec<Agent>,
    /// A call of a tool of theirs.
    #[serde(skip)]
    call: Option<String>,
}

/// The registry that they joined.
#[derive(Debug, Serialize, JsonSchema)]
struct Registry {
    url: String,
    /// Whether this `start` started it; otherwise it ran already.
    started: bool,
    /// Known if it was started from this state directory.
    pid: Option<u32>,
}

/// One agent that was started.
#[derive(Debug, Serialize, JsonSchema)]
struct Agent {
    name: String,
    /// Of the agent itself.
    pid: u32,
    /// `healthy`, `unhealthy`, `unregistered` or `standalone`.
    status: &'static str,
    /// Where it can be called; null while it is not registered.
    endpoint: Option<String>,
    log: PathBuf,
    /// Whether it starts anew when its files change.
    watched: bool,
}

impl Summary {
    pub(super) fn of(session: &Session<'_>, arrivals: &[Arrival]) -> Result<Self, CliError> {
        let url = session.settings.address.to_string();
        let registry = session.supervisor.registry()?;
        let registry = registry.filter(|running| running.url.as_ref() == Some(&url));
        let agents = session.agents.iter().zip(arrivals);
        Ok(Self {
            registry: Registry {
                url,
                started: session.registry.is_some(),
                pid: registry.map(|running| running.process.pid.as_u32()),
            },
            agents: agents
                .map(|(agent, arrival)| Agent::of(agent, arrival, session))
                .collect(),
            call: arrivals.iter().find_map(|arrival| arrival.call.clone()),
        })
    }

    /// For people, in a frame, beside the result.
    pub(super) fn print(&self, mode: Mode, context: &mut Context) -> Result<(), CliError> {
        if self.agents.is_empty() {
            return Ok(());
        }
        let mut lines = vec![("╭", "Running".to_owned())];
        for row in self.rows() {
            lines.push(("│", row));
        }
        lines.push(("├", "Next".to_owned()));
        let next = self.next(mode);
        let width = next
            .iter()
            .map(|(command, _)| command.chars().count())
            .max();
        let width = width.unwrap_or_default();
        for (command, effect) in next {
            lines.push((
                "│",
                format!("{command:width$}  {}", Tone::Dim.paint(effect)),
            ));
        }
        lines.push(("╰", String::new()));
        for (frame, text) in lines {
            let frame = Tone::Dim.paint(frame);
            let line = format!("{frame} {text}");
            context.printer.note(line.trim_end())?;
        }
        Ok(())
    }

    fn rows(&self) -> Vec<String> {
        let mut rows = Vec::new();
        for agent in &self.agents {
            let tone = match agent.status {
                "healthy" => Tone::Good,
                "unhealthy" | "unregistered" => Tone::Doubtful,
                _ => Tone::Dim,
            };
            let endpoint = agent.endpoint.clone().unwrap_or_else(|| "-".to_owned());
            let mut rest = format!("{}  PID {}", agent.log.display(), agent.pid);
            if agent.watched {
                rest.push_str("  watched");
            }
            rows.push((agent.name.as_str(), tone, agent.status, endpoint, rest));
        }
        let pid = self.registry.pid.map(|pid| format!("PID {pid}"));
        let status = if self.registry.started {
            "started"
        } else {
            "joined"
        };
        let url = self.registry.url.clone();
        rows.push(("registry", Tone::Good, status, url, pid.unwrap_or_default()));
        let longest = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or_default();
        let name_width = longest(&mut rows.iter().map(|row| row.0.chars().count()));
        let status_width = longest(&mut rows.iter().map(|row| row.2.len()));
        let endpoint_width = longest(&mut rows.iter().map(|row| row.3.chars().count()));
        rows.into_iter()
            .map(|(name, tone, status, endpoint, rest)| {
                let status = tone.paint(format_args!("{status:status_width$}"));
                format!("{name:name_width$}  {status}  {endpoint:endpoint_width$}  {rest}")
            })
            .collect()
    }

    fn next(&self, mode: Mode) -> Vec<(String, &'static str)> {
        let mut next = vec![("meshctl list".to_owned(), "who is in the mesh")];
        if let Some(call) = &self.call {
            next.push((call.clone(), "call a tool"));
        }
        match (mode, self.agents.as_slice()) {
            (Mode::Foreground, _) => next.push(("Ctrl+C".to_owned(), "stop all of it")),
            // Said with the result.
            (Mode::Detached, [_]) => {}
            (Mode::Detached, agents) => {
                let name = agents.first().map_or("", |agent| agent.name.as_str());
                next.push((format!("meshctl logs {name} -f"), "what an agent writes"));
                next.push(("meshctl stop".to_owned(), "stop all of it"));
            }
        }
        next
    }
}

impl Agent {
    fn of(agent: &Launched, arrival: &Arrival, session: &Session<'_>) -> Self {
        Self {
            name: agent.name.as_str().to_owned(),
            pid: agent.process.pid.as_u32(),
            status: match arrival.outcome {
                Outcome::Healthy => "healthy",
                Outcome::Unhealthy => "unhealthy",
                Outcome::Silent => "unregistered",
                Outcome::Alone => "standalone",
            },
            endpoint: arrival.endpoint.clone(),
            log: agent.log.clone(),
            watched: session.settings.watch.is_some(),
        }
    }
}

/// Warns of agents that are not as they should be.
pub(super) fn warn(
    session: &Session<'_>,
    arrivals: &[Arrival],
    context: &mut Context,
) -> Result<(), CliError> {
    for (agent, arrival) in session.agents.iter().zip(arrivals) {
        let name = &agent.name;
        match arrival.outcome {
            Outcome::Healthy | Outcome::Alone => {}
            Outcome::Unhealthy => context.printer.warn(format_args!(
                "agent '{name}' is registered but not healthy; see `meshctl logs {name}`"
            ))?,
            Outcome::Silent => {
                context.printer.warn(format_args!(
                    "agent '{name}' runs but did not register within {} s; see `meshctl logs {name}`",
                    session.settings.startup_timeout.as_secs()
                ))?;
                // The reason is there, if the agent knows one.
                for line in agent.log_excerpt() {
                    context.printer.note(line)?;
                }
            }
        }
    }
    Ok(())
}
