//! The processes of one `start`, which begin together and, if one fails, end together.

use std::time::Duration;

use futures_util::future::join_all;
use mesh_client::ClientError;

use super::plan::Plan;
use super::registration::Registrations;
use super::settings::{Mode, Purpose, StartSettings};
use crate::commands::Context;
use crate::error::{CliError, Kind};
use crate::home::ProcessName;
use crate::supervisor::{GroupId, Launched, Lock, State, Supervisor};

/// How long a registry may take to say that it is there.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);

/// What this `start` started.
pub(super) struct Session<'a> {
    supervisor: &'a Supervisor,
    settings: &'a StartSettings,
    pub(super) agents: Vec<Launched>,
    /// None if it ran already.
    pub(super) registry: Option<Launched>,
}

impl<'a> Session<'a> {
    /// Starts the registry if it must, then the agents; how they will appear in the registry.
    pub(super) async fn start(
        supervisor: &'a Supervisor,
        settings: &'a StartSettings,
        plans: Vec<Plan>,
        group: GroupId,
        context: &mut Context,
    ) -> Result<(Self, Registrations), CliError> {
        let lock = supervisor.lock().await?;
        supervisor.sweep(&lock)?;
        for plan in &plans {
            refuse_second(supervisor, &plan.name)?;
        }
        let mut session = Self {
            supervisor,
            settings,
            agents: Vec::new(),
            registry: None,
        };
        match session.start_all(&lock, plans, &group, context).await {
            Ok(registrations) => Ok((session, registrations)),
            Err(error) => {
                session.take_back(&lock).await?;
                Err(error)
            }
        }
    }

    /// What the user waits for: the agents, or else the registry.
    pub(super) fn main_processes(&mut self) -> Vec<&mut Launched> {
        if self.agents.is_empty() {
            self.registry.as_mut().into_iter().collect()
        } else {
            self.agents.iter_mut().collect()
        }
    }

    async fn start_all(
        &mut self,
        lock: &Lock,
        plans: Vec<Plan>,
        group: &GroupId,
        context: &mut Context,
    ) -> Result<Registrations, CliError> {
        self.ensure_registry(lock, context).await?;
        let settings = self.settings;
        let registrations = Registrations::expected(&plans, settings).await?;
        if plans.is_empty() {
            return Ok(registrations);
        }
        let names: Vec<ProcessName> = plans.iter().map(|plan| plan.name.clone()).collect();
        if let (Mode::Detached, true) = (settings.mode, names.len() > 1) {
            let list: Vec<&str> = names.iter().map(ProcessName::as_str).collect();
            context.printer.say(format_args!(
                "Starting {} agents in detach: {}",
                names.len(),
                list.join(", ")
            ))?;
        }
        self.supervisor.add_dependents(lock, group, &names)?;
        for plan in plans {
            let launch = plan.launch(settings, group);
            self.agents.push(self.supervisor.launch(lock, launch)?);
        }
        Ok(registrations)
    }

    async fn ensure_registry(
        &mut self,
        lock: &Lock,
        context: &mut Context,
    ) -> Result<(), CliError> {
        let settings = self.settings;
        let address = &settings.address;
        let client = address.client(HEALTH_TIMEOUT)?;
        let problem = match client.health().await {
            Ok(_) if settings.purpose == Purpose::RegistryOnly => {
                return Err(
                    CliError::new(format!("registry is already running at {address}"))
                        .of_kind(Kind::Conflict)
                        .hint("stop it first with `meshctl stop --registry`, or use another port"),
                );
            }
            Ok(_) => return Ok(()),
            Err(problem) => problem,
        };
        let may_start = settings.purpose != Purpose::ConnectOnly && address.is_local();
        if !may_start {
            return Err(problem.into());
        }
        if !matches!(problem, ClientError::Unreachable { .. }) {
            // Somebody listens there who is no registry; a second one could not.
            return Err(CliError::new(format!("another program uses {address}"))
                .because(CliError::from(problem))
                .of_kind(Kind::Conflict)
                .hint("end that program, or choose another `--registry-port`"));
        }
        if !address.is_plain() {
            return Err(CliError::from(problem)
                .or_hint("a registry that is started here serves plain `http` without a path"));
        }
        if let Some(other) = self.supervisor.registry()? {
            let url = other.url.unwrap_or_else(|| "another address".to_owned());
            return Err(CliError::new(format!(
                "another registry (PID {}) runs at {url}, not at {address}",
                other.process.pid
            ))
            .of_kind(Kind::Conflict)
            .hint("use it with `--registry-url`, or stop it with `meshctl stop --registry`"));
        }
        let launch = settings.registry_launch()?;
        let launched = self
            .supervisor
            .launch_registry(lock, launch, settings.startup_timeout)
            .await?;
        let pid = launched.process.pid;
        self.registry = Some(launched);
        context
            .printer
            .say(format_args!("Registry started (PID: {pid})"))?;
        context
            .printer
            .say(format_args!("Registry URL: {address}"))?;
        Ok(())
    }

    /// Stops everything that was started, because of `error`; which it returns.
    pub(super) async fn abandon(mut self, error: CliError) -> CliError {
        let undone = match self.supervisor.lock().await {
            Ok(lock) => self.take_back(&lock).await,
            Err(problem) => Err(problem),
        };
        match undone {
            Ok(_) => error,
            Err(problem) => {
                let mut lines = error.detail_lines().to_vec();
                lines.push(format!("Cleaning up failed as well: {problem}"));
                error.details(lines)
            }
        }
    }

    /// Stops everything that was started, and the registry only if nobody else needs it; returns
    /// who does.
    pub(super) async fn end(mut self) -> Result<Vec<ProcessName>, CliError> {
        let lock = self.supervisor.lock().await?;
        self.take_back(&lock).await
    }

    async fn take_back(&mut self, lock: &Lock) -> Result<Vec<ProcessName>, CliError> {
        let grace = self.settings.shutdown_timeout;
        let mut problem = None;
        let outcomes = join_all(self.agents.iter().map(|agent| agent.process.stop(grace))).await;
        for (agent, outcome) in self.agents.iter().zip(outcomes) {
            match outcome {
                // Somebody may have started it anew, once it had ended.
                Ok(()) if self.is_ours(agent)? => self.supervisor.forget(lock, &agent.name)?,
                Ok(()) => {}
                Err(error) => {
                    let message = format!("cannot stop agent '{}'", agent.name);
                    problem = Some(CliError::new(message).because(error));
                }
            }
        }
        self.supervisor.sweep(lock)?;
        let dependents = self.supervisor.dependents()?;
        if let (Some(registry), true) = (&self.registry, dependents.is_empty()) {
            match registry.process.stop(grace).await {
                Ok(()) => self.supervisor.forget(lock, &registry.name)?,
                Err(error) => {
                    problem = Some(CliError::new("cannot stop the registry").because(error));
                }
            }
        }
        match problem {
            None if self.registry.is_some() => Ok(dependents),
            None => Ok(Vec::new()),
            Some(problem) => Err(problem),
        }
    }

    fn is_ours(&self, agent: &Launched) -> Result<bool, CliError> {
        Ok(self
            .supervisor
            .agent(&agent.name)?
            .is_none_or(|current| current.pid == agent.process.pid))
    }
}

/// Two processes under one name could not be told apart later.
fn refuse_second(supervisor: &Supervisor, name: &ProcessName) -> Result<(), CliError> {
    let Some(process) = supervisor.agent(name)? else {
        return Ok(());
    };
    let pid = process.pid;
    Err(CliError::new(match process.state() {
        State::Orphaned => format!(
            "agent '{name}' (PID {pid}) ended, but processes that it started are still running. Stop them first with 'meshctl stop {name}'."
        ),
        _ => format!(
            "agent '{name}' is already running (PID {pid}). Stop it first with 'meshctl stop {name}'."
        ),
    }))
}
