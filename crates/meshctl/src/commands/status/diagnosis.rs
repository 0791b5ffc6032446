//! Why an agent is as it is, as far as it is known, and what to type next.

use std::time::Duration;

use mesh_client::{EventQuery, RegistryClient};
use mesh_core::Timestamp;
use mesh_core::wire::{AgentInfo, AgentStatus, EventInfo, EventKind};
use schemars::JsonSchema;
use serde::Serialize;

use super::unresolved::{self, Obstacle, Unresolved};
use crate::census::Census;
use crate::error::CliError;
use crate::home::ProcessName;
use crate::log_file;
use crate::mesh_view::{is_healthy, span};
use crate::presence::is_deserted;
use crate::supervisor::{State, Supervisor};

/// So many events of an agent are asked for.
const EVENTS: u32 = 100;
/// So many lines at the end of a log are searched for errors, and so many errors are shown.
const SEARCHED: usize = 200;
const SHOWN: usize = 3;

/// What is wrong with an agent.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct Diagnosis {
    /// Why it is not healthy, in sentences; empty if it is.
    pub(crate) reasons: Vec<String>,
    /// Its log on this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) log: Option<String>,
    /// The last errors in that log.
    pub(crate) errors: Vec<String>,
    /// Dependencies without a provider.
    pub(crate) unresolved: Vec<Unresolved>,
    /// What to type next.
    pub(crate) next: Vec<Step>,
    /// Whether the registry is wrong about it.
    #[serde(skip)]
    pub(super) is_lost: bool,
}

/// Something to type.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Step {
    pub(crate) command: String,
    /// What it does for whoever reads this.
    pub(crate) purpose: String,
}

impl Diagnosis {
    /// What is wrong with one of `agents`; nothing if all is well. The registry is asked once more, and
    /// only if something is wrong.
    pub(super) async fn of(
        agent: &AgentInfo,
        agents: &[AgentInfo],
        client: &RegistryClient,
        (supervisor, now): (&Supervisor, Timestamp),
    ) -> Result<Option<Self>, CliError> {
        let lost = Self::of_lost(agent, (supervisor, now)).await?;
        if is_healthy(agent) && unresolved::is_complete(agent) {
            return Ok(lost);
        }
        let query = EventQuery {
            agent_id: Some(agent.id.clone()),
            limit: Some(EVENTS),
            ..EventQuery::default()
        };
        // What is known without them is told in any case.
        let events = client.events(&query).await.map(|list| list.events);
        let events = events.unwrap_or_default();
        let mut diagnosis = lost.unwrap_or_default();
        if !is_healthy(agent) {
            diagnosis.explain(agent, &events, now);
            match successor(agent, agents) {
                Some(newer) => diagnosis.superseded(newer),
                None => diagnosis.look_around(agent, supervisor)?,
            }
        }
        diagnosis.unresolved = unresolved::unresolved(agent, agents, &events);
        diagnosis.advise(agent);
        Ok(Some(diagnosis))
    }

    /// What this machine knows better than the registry: an agent that is called healthy, was started here
    /// and is served by nobody any more.
    pub(super) async fn of_lost(
        agent: &AgentInfo,
        (supervisor, now): (&Supervisor, Timestamp),
    ) -> Result<Option<Self>, CliError> {
        let Ok(name) = ProcessName::parse(&agent.name) else {
            return Ok(None);
        };
        let is_known =
            supervisor.recorded(&name)?.is_some() || supervisor.home().log(&agent.name).is_file();
        if !(is_known && is_healthy(agent) && is_deserted(&agent.endpoint).await) {
            return Ok(None);
        }
        let mut diagnosis = Self {
            is_lost: true,
            ..Self::default()
        };
        diagnosis.reasons.push(format!(
            "the registry heard it {} ago and still calls it healthy, but nobody serves {}",
            span(now.since(agent.last_seen)),
            agent.endpoint
        ));
        diagnosis.look_around(agent, supervisor)?;
        Ok(Some(diagnosis))
    }

    fn step(&mut self, command: String, purpose: &str) {
        if self.next.iter().all(|step| step.command != command) {
            self.next.push(Step {
                command,
                purpose: purpose.to_owned(),
            });
        }
    }

    /// What the registry knows.
    fn explain(&mut self, agent: &AgentInfo, events: &[EventInfo], now: Timestamp) {
        let ago = |moment| span(now.since(moment));
        let heard = ago(agent.last_seen);
        let end = events.iter().find(|event| {
            let kinds = [
                EventKind::Register,
                EventKind::Unregister,
                EventKind::Unhealthy,
            ];
            kinds.contains(&event.event_type)
        });
        let kind = end.map(|event| (event.event_type, ago(event.timestamp)));
        self.reasons.push(match kind {
            _ if agent.status == AgentStatus::Unknown => {
                format!("the registry has not judged it; it was last heard {heard} ago")
            }
            Some((EventKind::Unregister, when)) => format!("it said goodbye {when} ago"),
            Some((EventKind::Unhealthy, when)) if !was_stale(end) => format!(
                "no heartbeat came for too long: it was last heard {heard} ago, and given up {when} ago"
            ),
            Some((EventKind::Unhealthy, _)) => format!(
                "it was last heard {heard} ago, before the registry was started"
            ),
            _ => format!("it was last heard {heard} ago"),
        });
    }

    fn superseded(&mut self, newer: &AgentInfo) {
        self.reasons.push(format!(
            "{}, a newer instance, is {}",
            newer.id, newer.status
        ));
        self.step(
            format!("meshctl status {}", newer.id),
            "shows the newer instance",
        );
    }

    /// What this machine knows.
    fn look_around(&mut self, agent: &AgentInfo, supervisor: &Supervisor) -> Result<(), CliError> {
        let log = supervisor.home().log(&agent.name);
        let has_log = log.is_file();
        let mut is_over = false;
        if let Ok(name) = ProcessName::parse(&agent.name) {
            let process = supervisor.agent(&name)?;
            match process.map(|process| (process.pid, process.state())) {
                Some((pid, State::Running)) => {
                    self.reasons.push(format!(
                        "a process of that name runs on this machine (PID {})",
                        pid.as_u32()
                    ));
                    if agent.endpoint.starts_with("http") && !self.is_lost {
                        let probe = format!("curl {}/health", agent.endpoint);
                        self.step(probe, "asks its own health check, if it answers");
                    }
                }
                Some((pid, _)) => {
                    self.reasons.push(format!(
                        "its process on this machine (PID {}) has ended, and others that it started go on",
                        pid.as_u32()
                    ));
                    self.step(format!("meshctl stop {name}"), "ends what is left of it");
                }
                None if supervisor.watcher(&name)?.is_some() => self.reasons.push(
                    "its process on this machine has ended; a file that changes starts it again"
                        .to_owned(),
                ),
                None => match supervisor.recorded(&name)? {
                    Some(process) => {
                        self.reasons.push(format!(
                            "its process on this machine (PID {}) has ended, and nobody stopped it",
                            process.pid
                        ));
                        is_over = true;
                    }
                    None if has_log => {
                        self.reasons.push(
                            "an agent of that name ran on this machine once; none runs here now"
                                .to_owned(),
                        );
                        is_over = true;
                    }
                    None => {}
                },
            }
        }
        if has_log {
            self.errors = errors(&log_file::tail(&log, SEARCHED));
            self.log = Some(log.display().to_string());
            self.step(
                format!("meshctl logs {}", agent.name),
                "shows what it wrote",
            );
        }
        if is_over {
            self.step(
                "meshctl start FILE".to_owned(),
                "starts it again, from its file",
            );
        }
        Ok(())
    }

    fn advise(&mut self, agent: &AgentInfo) {
        let mut sick = Vec::new();
        let mut was_a_choice = false;
        for slot in &self.unresolved {
            match slot.reason {
                Obstacle::ProviderDown | Obstacle::ProviderUnavailable => {
                    sick.extend(slot.providers.first().cloned());
                }
                Obstacle::NoMatch | Obstacle::Unknown => was_a_choice = true,
                Obstacle::NobodyOffersIt => {}
            }
        }
        for provider in sick {
            self.step(
                format!("meshctl status {provider}"),
                "tells why it cannot be used",
            );
        }
        if was_a_choice {
            self.step(
                format!("meshctl audit {} --explain", agent.id),
                "shows who was considered, and why not",
            );
        }
        let nobody = |slot: &Unresolved| slot.reason == Obstacle::NobodyOffersIt;
        if self.unresolved.iter().any(nobody) {
            self.step("meshctl list --tools".to_owned(), "shows what is offered");
        }
    }
}

/// Whether the registry gave the agent up when it was started itself.
fn was_stale(event: Option<&EventInfo>) -> bool {
    let data = event.and_then(|event| event.data.as_ref());
    let data = data.and_then(|data| serde_json::from_str::<serde_json::Value>(data.get()).ok());
    data.is_some_and(|data| data["reason"] == "stale_on_startup")
}

/// The newest instance of the same name, if it came later.
fn successor<'a>(agent: &AgentInfo, agents: &'a [AgentInfo]) -> Option<&'a AgentInfo> {
    let census = Census::of(agents);
    if census.is_newest(agent) {
        return None;
    }
    agents
        .iter()
        .find(|other| other.name == agent.name && census.is_newest(other))
}

/// The last lines of a log that tell of errors.
fn errors(log: &str) -> Vec<String> {
    let is_error = |line: &&str| {
        let levels = ["ERROR", "CRITICAL", "FATAL"];
        let level = line
            .split_whitespace()
            .take(5)
            .any(|word| levels.contains(&word.trim_matches(|c: char| !c.is_ascii_alphabetic())));
        // The last line of a traceback: `package.SomethingError: what happened`.
        let exception = line.split([':', ' ']).next().unwrap_or_default();
        level || exception.ends_with("Error") || exception.ends_with("Exception")
    };
    let mut found: Vec<String> = log
        .lines()
        .rev()
        .filter(is_error)
        .take(SHOWN)
        .map(crate::error::one_line)
        .collect();
    found.reverse();
    found
}

/// How long the registry may take; the list was asked for with the same patience.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_found_among_other_lines() {
        let log = "2026-11-23 10:00:00 ERROR    first\n\
            2026-11-23 10:00:00 INFO     no ERROR here, but far to the right: ERROR\n\
            Traceback (most recent call last):\n  File \"x\"\nValueError: odd\n\
            [ERROR] third\nmy.PackageError: fourth\n";
        assert_eq!(
            errors(log),
            [
                "ValueError: odd",
                "[ERROR] third",
                "my.PackageError: fourth"
            ]
        );
        assert!(errors("all is well\n").is_empty());
    }
}
