//! Waiting until the agents of this `start` are in the mesh.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mesh_client::RegistryClient;
use mesh_core::Timestamp;
use mesh_core::env::{EnvVars, Environment};
use mesh_core::wire::AgentInfo;
use tokio::time::{Instant, sleep};

use super::plan::Plan;
use super::settings::{Output, StartSettings};
use crate::error::CliError;
use crate::mesh_view::{is_healthy, public_tools};
use crate::python_env::INSTALL_HINT;
use crate::settings::is_true;
use crate::supervisor::Launched;
use crate::tool_call::{command, input_schema, needed_arguments};

/// The shortest time between two questions to the registry.
const POLL: Duration = Duration::from_millis(20);
/// How long an agent that is registered may take to become healthy before that is reported.
const UNHEALTHY_PATIENCE: Duration = Duration::from_secs(3);
/// How long the registry may take for one answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long an agent may take to describe its tools.
const DESCRIPTION_TIMEOUT: Duration = Duration::from_secs(3);

/// How far an agent came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It can be called.
    Healthy,
    /// It is registered, and not healthy.
    Unhealthy,
    /// It runs, and is not registered in time.
    Silent,
    /// It runs, and was told not to register.
    Alone,
}

/// What became of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Arrival {
    pub(super) outcome: Outcome,
    /// Where it can be called.
    pub(super) endpoint: Option<String>,
    /// A tool that it offers, if it is healthy.
    offer: Option<Offer>,
    /// A call of that tool that can be typed.
    pub(super) call: Option<String>,
}

/// A tool, and how it is told from others.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Offer {
    function: String,
    /// As `call` takes it.
    target: String,
}

impl Arrival {
    fn of(outcome: Outcome, agent: Option<&AgentInfo>, list: &[AgentInfo]) -> Self {
        let offer = agent
            .filter(|_| outcome == Outcome::Healthy)
            .and_then(|agent| Offer::of(agent, list));
        Self {
            outcome,
            endpoint: agent.map(|agent| agent.endpoint.clone()),
            offer,
            call: None,
        }
    }

    /// The port in its endpoint.
    pub(super) fn port(&self) -> Option<u16> {
        let url = url::Url::parse(self.endpoint.as_deref()?).ok()?;
        url.port_or_known_default()
    }
}

impl Offer {
    fn of(agent: &AgentInfo, list: &[AgentInfo]) -> Option<Self> {
        let tool = public_tools(agent).find(|tool| tool.available)?;
        let function = tool.function_name.clone();
        let others = || {
            let others = list.iter().filter(|other| is_healthy(other));
            others.filter(|other| other.id != agent.id)
        };
        let has_it = |other: &AgentInfo| {
            let mut tools = other.capabilities.iter();
            tools.any(|tool| tool.function_name == function)
        };
        let target = if !others().any(has_it) {
            function.clone()
        } else if others().all(|other| other.name != agent.name) {
            format!("{}:{function}", agent.name)
        } else {
            format!("{}:{function}", agent.id)
        };
        Some(Self { function, target })
    }
}

/// The agents that must appear in the registry's list.
#[derive(Debug)]
pub(super) struct Registrations {
    client: RegistryClient,
    /// The name under which each agent will appear, if that is known.
    names: Vec<Option<String>>,
    /// Who was there before, and when it was heard last.
    before: BTreeMap<String, Timestamp>,
    /// The id that every agent of this environment uses.
    fixed_id: Option<String>,
    alone: bool,
}

impl Registrations {
    /// Notes who is in the mesh before anything is started.
    pub(super) async fn expected(
        plans: &[Plan],
        settings: &StartSettings,
    ) -> Result<Self, CliError> {
        let client = settings.address.client(TIMEOUT)?;
        let before = if plans.is_empty() {
            Vec::new()
        } else {
            client.agents().await?.agents
        };
        Ok(Self {
            client,
            names: plans
                .iter()
                .map(|plan| {
                    settings
                        .agent_name
                        .clone()
                        .or_else(|| plan.declared.clone())
                })
                .collect(),
            before: before
                .into_iter()
                .map(|agent| (agent.id, agent.last_seen))
                .collect(),
            fixed_id: settings
                .environment
                .get(EnvVars::MCP_MESH_AGENT_ID)
                .map(str::to_owned),
            alone: stays_alone(&settings.environment),
        })
    }

    /// Waits for all agents, in the order of the plans, as long as `check` finds nothing wrong.
    pub(super) async fn wait(
        self,
        settings: &StartSettings,
        check: impl FnMut() -> Result<(), CliError>,
    ) -> Result<Vec<Arrival>, CliError> {
        let mut arrivals = self.arrive(settings, check).await?;
        if settings.output == Output::Prose {
            self.propose(&mut arrivals).await;
        }
        Ok(arrivals)
    }

    /// Finds out how a tool of theirs is called.
    async fn propose(&self, arrivals: &mut [Arrival]) {
        let found = arrivals.iter_mut().find(|it| it.offer.is_some());
        if let Some(Arrival {
            offer: Some(Offer { function, target }),
            endpoint: Some(endpoint),
            call,
            ..
        }) = found
        {
            let tool = (endpoint.as_str(), function.as_str());
            // A call that may lack an argument is not proposed.
            if let Ok(schema) = input_schema(&self.client, tool, DESCRIPTION_TIMEOUT).await {
                let arguments = needed_arguments(schema.as_deref());
                *call = Some(command(target, arguments.as_deref()));
            }
        }
    }

    async fn arrive(
        &self,
        settings: &StartSettings,
        mut check: impl FnMut() -> Result<(), CliError>,
    ) -> Result<Vec<Arrival>, CliError> {
        let deadline = Instant::now() + settings.startup_timeout;
        let mut sick_since = None;
        loop {
            check()?;
            if self.alone || self.names.is_empty() {
                return Ok(vec![
                    Arrival::of(Outcome::Alone, None, &[]);
                    self.names.len()
                ]);
            }
            let asked = Instant::now();
            // An answer that fails now may succeed in a moment; the deadline decides.
            let list = self
                .client
                .agents()
                .await
                .map_or_else(|_| Vec::new(), |list| list.agents);
            let arrivals = self.judge(&list);
            let now = Instant::now();
            let all_healthy = arrivals.iter().all(|it| it.outcome == Outcome::Healthy);
            if all_healthy || now >= deadline {
                return Ok(arrivals);
            }
            if arrivals.iter().any(|it| it.outcome == Outcome::Silent) {
                sick_since = None;
            } else if now - *sick_since.get_or_insert(now) >= UNHEALTHY_PATIENCE {
                return Ok(arrivals);
            }
            // A big mesh takes long to list; ask it less often.
            sleep(POLL.max((now - asked) * 4)).await;
        }
    }

    /// How far each agent came, by the registry's list.
    fn judge(&self, list: &[AgentInfo]) -> Vec<Arrival> {
        let mut new: Vec<&AgentInfo> = list.iter().filter(|agent| self.is_new(agent)).collect();
        // A healthy instance is preferred to one that is not.
        new.sort_by_key(|agent| !is_healthy(agent));
        let mut taken = BTreeSet::new();
        let named: BTreeSet<&str> = self.names.iter().flatten().map(String::as_str).collect();
        self.names
            .iter()
            .map(|name| {
                let found = new.iter().find(|agent| {
                    let fits = match name {
                        Some(name) => agent.name == *name,
                        // Its name is known to itself only; another's it is not.
                        None => !named.contains(agent.name.as_str()),
                    };
                    fits && !taken.contains(&agent.id)
                });
                match found {
                    Some(agent) => {
                        taken.insert(&agent.id);
                        let outcome = if is_healthy(agent) {
                            Outcome::Healthy
                        } else {
                            Outcome::Unhealthy
                        };
                        Arrival::of(outcome, Some(agent), list)
                    }
                    None => Arrival::of(Outcome::Silent, None, list),
                }
            })
            .collect()
    }

    /// Whether the agent came since the beginning. An earlier instance may still be listed.
    fn is_new(&self, agent: &AgentInfo) -> bool {
        match self.before.get(&agent.id) {
            None => true,
            Some(before) => self.fixed_id.as_ref() == Some(&agent.id) && agent.last_seen > *before,
        }
    }
}

/// Whether the environment keeps agents from registering, so that nobody can wait for them.
fn stays_alone(environment: &Environment) -> bool {
    let says = |name| environment.get(name).map(is_true);
    says(EnvVars::MCP_MESH_STANDALONE) == Some(true)
        || says(EnvVars::MCP_MESH_ENABLED) == Some(false)
}

/// An agent that ended is an error, with the end of its log.
pub(super) fn refuse_ended(agent: &mut Launched) -> Result<(), CliError> {
    let Some(status) = agent.ended() else {
        return Ok(());
    };
    let name = &agent.name;
    let log = agent.log_excerpt();
    // Where an interpreter's packages cannot be seen, only this tells.
    let lacks_package = log
        .iter()
        .any(|line| line.ends_with("ModuleNotFoundError: No module named 'mesh'"));
    let hint = if lacks_package {
        INSTALL_HINT.to_owned()
    } else {
        format!("its whole log: `meshctl logs {name}`")
    };
    Err(CliError::new(format!(
        "agent '{name}' ended before it registered ({status})"
    ))
    .details(log)
    .hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh_view::tests::agent;

    fn registrations(names: &[Option<&str>], before: &[AgentInfo]) -> Registrations {
        Registrations {
            client: RegistryClient::new(
                "http://localhost:1",
                mesh_client::ClientOptions::default(),
            )
            .expect("a URL"),
            names: names.iter().map(|name| name.map(str::to_owned)).collect(),
            before: before
                .iter()
                .map(|agent| (agent.id.clone(), agent.last_seen))
                .collect(),
            fixed_id: Some("fixed".to_owned()),
            alone: false,
        }
    }

    fn outcomes(expected: &Registrations, list: &[AgentInfo]) -> Vec<Outcome> {
        let arrivals = expected.judge(list);
        arrivals.iter().map(|arrival| arrival.outcome).collect()
    }

    #[test]
    fn an_earlier_instance_is_not_taken_for_the_new_one() {
        let old = agent("a-1", "a", "healthy");
        let expected = registrations(&[Some("a")], std::slice::from_ref(&old));
        assert_eq!(
            outcomes(&expected, std::slice::from_ref(&old)),
            [Outcome::Silent]
        );
        let new = agent("a-2", "a", "healthy");
        assert_eq!(outcomes(&expected, &[old, new]), [Outcome::Healthy]);
    }

    #[test]
    fn a_tool_is_named_so_that_no_other_agent_is_meant() {
        let offering = |id: &str, name: &str| {
            let mut agent = agent(id, name, "healthy");
            let tool = serde_json::json!({
                "function_name": "greet", "name": "greeting", "version": "1.0.0", "available": true,
            });
            let tool = serde_json::from_value(tool).expect("a valid capability");
            agent.capabilities.push(tool);
            agent
        };
        let target = |list: &[AgentInfo]| Offer::of(&list[0], list).map(|offer| offer.target);
        let one = offering("a-1", "a");
        assert_eq!(target(std::slice::from_ref(&one)).as_deref(), Some("greet"));
        let other = offering("b-1", "b");
        assert_eq!(target(&[one.clone(), other]).as_deref(), Some("a:greet"));
        let twin = offering("a-2", "a");
        assert_eq!(target(&[one, twin]).as_deref(), Some("a-1:greet"));
        assert_eq!(target(&[agent("c-1", "c", "healthy")]), None);
    }

    #[test]
    fn a_fixed_id_counts_once_it_is_heard_again() {
        let old = agent("fixed", "a", "healthy");
        let expected = registrations(&[Some("a")], std::slice::from_ref(&old));
        assert_eq!(
            outcomes(&expected, std::slice::from_ref(&old)),
            [Outcome::Silent]
        );
        let mut again = old;
        again.last_seen = again.last_seen.after(Duration::from_secs(1));
        assert_eq!(outcomes(&expected, &[again]), [Outcome::Healthy]);
    }

    #[test]
    fn an_agent_without_a_declared_name_is_anybody_new() {
        let expected = registrations(&[None, Some("b")], &[]);
        let b = agent("b-1", "b", "unhealthy");
        assert_eq!(
            outcomes(&expected, std::slice::from_ref(&b)),
            [Outcome::Silent, Outcome::Unhealthy]
        );
        let api = agent("api-1", "api", "healthy");
        assert_eq!(
            outcomes(&expected, &[b, api]),
            [Outcome::Healthy, Outcome::Unhealthy]
        );
    }
}
