//! The processes of one `start`, which begin together and, if one fails, end together.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use futures_util::future::join_all;
use mesh_client::ClientError;

use super::plan::Plan;
use super::registration::Registrations;
use super::settings::{Mode, Purpose, StartSettings};
use crate::commands::Context;
use crate::error::{CliError, Kind};
use crate::home::ProcessName;
use crate::reload::Orders;
use crate::supervisor::platform::{Platform, ProcessGroups as _};
use crate::supervisor::{GroupId, Launched, Lock, State, Supervisor, own_program};

/// How long a registry may take to say that it is there.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);

/// Ends when the user interrupts, if only while the agents were being started.
pub(super) type Interruption = Pin<Box<dyn Future<Output = io::Result<()>>>>;

/// What this `start` started.
pub(super) struct Session<'a> {
    pub(super) supervisor: &'a Supervisor,
    pub(super) settings: &'a StartSettings,
    group: GroupId,
    pub(super) agents: Vec<Launched>,
    /// How to watch those that are to be watched.
    pub(super) orders: Vec<Orders>,
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
    ) -> Result<(Self, Registrations, Interruption), CliError> {
        let lock = supervisor.lock().await?;
        supervisor.sweep(&lock)?;
        for plan in &plans {
            refuse_second(supervisor, &plan.name)?;
        }
        let mut session = Self {
            supervisor,
            settings,
            group,
            agents: Vec::new(),
            orders: Vec::new(),
            registry: None,
        };
        match session.start_all(&lock, plans, context).await {
            Ok((registrations, interruption)) => Ok((session, registrations, interruption)),
            Err(error) => {
                let grace = settings.shutdown_timeout;
                session.take_back(&lock, grace).await?;
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
        context: &mut Context,
    ) -> Result<(Registrations, Interruption), CliError> {
        self.ensure_registry(lock, context).await?;
        // From here on there is something that an interrupt would leave behind.
        let interruption = Box::pin(Platform::interrupted());
        let settings = self.settings;
        let registrations = Registrations::expected(&plans, settings).await?;
        if plans.is_empty() {
            return Ok((registrations, interruption));
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
        self.supervisor.add_dependents(lock, &self.group, &names)?;
        for plan in plans {
            let launch = plan.launch(settings, &self.group);
            let home = self.supervisor.home();
            self.orders.extend(plan.orders(settings, &launch, home));
            self.agents.push(self.supervisor.launch(lock, launch)?);
        }
        Ok((registrations, interruption))
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
                .hint("a registry that is started here serves plain `http` without a path"));
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
            Ok(lock) => {
                let grace = self.settings.shutdown_timeout;
                self.take_back(&lock, grace).await
            }
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
    pub(super) async fn end(&mut self) -> Result<Vec<ProcessName>, CliError> {
        let lock = self.supervisor.lock().await?;
        self.take_back(&lock, self.settings.shutdown_timeout).await
    }

    /// The same at once.
    pub(super) async fn kill(&mut self) -> Result<Vec<ProcessName>, CliError> {
        let lock = self.supervisor.lock().await?;
        self.take_back(&lock, Duration::ZERO).await
    }

    async fn take_back(
        &mut self,
        lock: &Lock,
        grace: Duration,
    ) -> Result<Vec<ProcessName>, CliError> {
        let mut problem = None;
        let mut ours = Vec::new();
        for agent in &self.agents {
            match self.supervisor.agent(&agent.name)? {
                // The same, or what its watcher made of it.
                Some(current) if current.group.as_ref() == Some(&self.group) => {
                    ours.push((agent, Some(current)));
                }
                // Somebody started it anew, once it had ended.
                Some(_) => {}
                None => ours.push((agent, None)),
            }
        }
        let stopped = ours.iter().map(async |(_, process)| match process {
            Some(process) => process.stop(grace).await,
            None => Ok(()),
        });
        let outcomes = join_all(stopped).await;
        for ((agent, _), outcome) in ours.into_iter().zip(outcomes) {
            match outcome {
                Ok(()) => self.supervisor.forget(lock, &agent.name)?,
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

    /// Leaves a watcher of each agent behind; `ports` are where they listen, by name.
    pub(super) async fn leave_watchers(
        &mut self,
        ports: &BTreeMap<ProcessName, u16>,
    ) -> Result<(), CliError> {
        if self.orders.is_empty() {
            return Ok(());
        }
        let lock = self.supervisor.lock().await?;
        let settings = self.settings;
        let program = own_program(settings.program.as_deref(), &settings.environment)
            .ok_or_else(|| CliError::new("meshctl cannot find itself, to watch files"))?;
        for mut orders in self.orders.drain(..) {
            let name = orders.launch.name.clone();
            // Somebody may have stopped it meanwhile.
            let current = self.supervisor.agent(&name)?;
            if current.and_then(|process| process.group).as_ref() != Some(&self.group) {
                continue;
            }
            orders.port = ports.get(&name).copied();
            let orders = serde_json::to_vec(&orders).map_err(|error| {
                CliError::new("cannot tell a watcher what to do").because(error)
            })?;
            self.supervisor
                .launch_watcher(&lock, &program, (&name, &self.group), &orders)?;
        }
        Ok(())
    }

    /// Makes this process the watcher of the agents that are to be watched.
    pub(super) async fn watch_from_here(&mut self) -> Result<Vec<Orders>, CliError> {
        if !self.orders.is_empty() {
            let lock = self.supervisor.lock().await?;
            for orders in &self.orders {
                self.supervisor
                    .watch_from_here(&lock, &orders.launch.name)?;
            }
        }
        Ok(std::mem::take(&mut self.orders))
    }
}

/// Two processes under one name could not be told apart later.
fn refuse_second(supervisor: &Supervisor, name: &ProcessName) -> Result<(), CliError> {
    let Some(process) = supervisor.agent(name)? else {
        return match supervisor.watcher(name)? {
            Some(watcher) => Err(CliError::new(format!(
                "agent '{name}' ended, and is started anew when its files change (PID {}). Stop it first with 'meshctl stop {name}'.",
                watcher.pid
            ))
            .of_kind(Kind::Conflict)),
            None => Ok(()),
        };
    };
    let pid = process.pid;
    Err(CliError::new(match process.state() {
        State::Orphaned => format!(
            "agent '{name}' (PID {pid}) ended, but processes that it started are still running. Stop them first with 'meshctl stop {name}'."
        ),
        _ => format!(
            "agent '{name}' is already running (PID {pid}). Stop it first with 'meshctl stop {name}'."
        ),
    })
    .of_kind(Kind::Conflict))
}
