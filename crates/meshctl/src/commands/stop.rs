//! `meshctl stop`.

use std::error::Error as _;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::join_all;
use mesh_core::env::{EnvVars, Environment};

use super::Context;
use crate::error::{CliError, Kind};
use crate::home::{Home, ProcessName};
use crate::suggestion::{closest, suggest};
use crate::supervisor::{Lock, StopError, Supervised, Supervisor};

/// Stop agents and the registry
///
/// Without arguments everything that was started from this state directory ends. The registry
/// stays while an agent needs it.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Examples:
  meshctl stop                 all agents, and the registry
  meshctl stop planner         one agent; the registry if nobody else needs it
  meshctl stop --agents        leave the registry running
  meshctl stop --clean         forget everything: database, logs, pid files")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct StopArgs {
    /// The agents to stop; none means all
    #[arg(value_name = "AGENT", conflicts_with_all = ["registry", "agents", "clean"])]
    names: Vec<String>,
    /// Stop the registry only, even if agents need it
    #[arg(long, conflicts_with_all = ["agents", "keep_registry", "clean"])]
    registry: bool,
    /// Stop the agents only
    #[arg(long, conflicts_with = "clean")]
    agents: bool,
    /// Leave the registry running
    #[arg(long, conflicts_with = "clean")]
    keep_registry: bool,
    /// Delete the database, the logs and the pid files as well
    #[arg(long)]
    clean: bool,
    /// End processes at once instead of asking them
    #[arg(long)]
    force: bool,
    /// Seconds that a process may take to end before it is killed
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    timeout: u64,
    /// Print warnings and errors only
    #[arg(long)]
    quiet: bool,
    /// Stop the dashboard only; there is none yet
    #[arg(long, hide = true, conflicts_with_all = ["names", "registry", "agents", "clean"])]
    ui: bool,
    /// Leave the dashboard running; there is none yet
    #[arg(long, hide = true, conflicts_with = "clean")]
    keep_ui: bool,
}

impl StopArgs {
    /// The registry and nothing else, even if agents need it.
    pub(crate) fn registry_alone(timeout: u64, quiet: bool) -> Self {
        Self {
            registry: true,
            timeout,
            quiet,
            ..Self::default()
        }
    }
}

/// What is to end.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Scope {
    /// These agents, and a registry that nobody needs then.
    Named(Vec<String>),
    /// All agents, and a registry that nobody needs then.
    Everything,
    /// All agents, but not the registry.
    Agents,
    /// The registry, whoever needs it.
    Registry,
}

pub(crate) async fn run(args: StopArgs, context: &mut Context) -> Result<(), CliError> {
    let StopArgs {
        names,
        registry,
        agents,
        keep_registry,
        clean,
        force,
        timeout,
        quiet,
        ui,
        keep_ui: _,
    } = args;
    context.quiet(quiet);
    if ui {
        return Ok(context.printer.say("No dashboard running in background")?);
    }
    let scope = match (registry, agents, names) {
        (true, _, _) => Scope::Registry,
        (_, true, _) => Scope::Agents,
        (_, _, names) if names.is_empty() => Scope::Everything,
        (_, _, names) => Scope::Named(names),
    };
    let grace = if force {
        Duration::ZERO
    } else {
        Duration::from_secs(timeout)
    };
    let supervisor = Supervisor::open(Home::resolve(&context.environment)?)?;
    let lock = supervisor.lock().await?;
    let stop = Stop {
        supervisor: &supervisor,
        lock: &lock,
        grace,
    };
    let problems = match scope {
        Scope::Registry => stop.registry(context).await?,
        Scope::Agents => stop.all_agents(context).await?,
        Scope::Everything => {
            let mut problems = stop.all_agents(context).await?;
            problems.add(stop.unneeded_registry(keep_registry, context).await?);
            problems
        }
        Scope::Named(names) => {
            let (stopped, mut problems) = stop.named(&names, context).await?;
            // Whoever stopped nothing did not mean the registry either.
            let keep_registry = keep_registry || stopped == 0;
            problems.add(stop.unneeded_registry(keep_registry, context).await?);
            problems
        }
    };
    stop.sweep(context)?;
    problems.into_result()?;
    if clean {
        self::clean(&supervisor, &lock, &context.environment)?;
        context
            .printer
            .say("Deleted the database, the logs and the pid files")?;
    }
    Ok(())
}

/// What could not be stopped.
#[derive(Debug, Default)]
struct Problems {
    /// Agents that do not run, and what was perhaps meant.
    unknown: Vec<String>,
    meant: Vec<String>,
    /// Processes that still run.
    surviving: Vec<String>,
}

impl Problems {
    fn add(&mut self, other: Self) {
        self.unknown.extend(other.unknown);
        self.meant.extend(other.meant);
        self.surviving.extend(other.surviving);
    }

    /// Nothing of that name runs; perhaps one of `running` was meant.
    fn add_unknown(&mut self, name: &str, running: &[Supervised]) {
        self.unknown.push(format!("agent '{name}' is not running"));
        for meant in closest(name, running.iter().map(|running| running.name.as_str())) {
            if !self.meant.iter().any(|known| known == meant) {
                self.meant.push(meant.to_owned());
            }
        }
    }

    fn add_surviving(&mut self, what: &str, error: &StopError) {
        let mut message = format!("cannot stop {what}: {error}");
        if let Some(cause) = error.source() {
            message = format!("{message}: {cause}");
        }
        self.surviving.push(message);
    }

    fn into_result(self) -> Result<(), CliError> {
        let Self {
            unknown,
            meant,
            surviving,
        } = self;
        let kind = match (unknown.is_empty(), surviving.is_empty()) {
            (true, true) => return Ok(()),
            (false, true) => Kind::NotFound,
            (_, false) => Kind::Failed,
        };
        let message = [unknown, surviving].concat().join("; ");
        let error = CliError::new(message).of_kind(kind);
        let meant: Vec<&str> = meant.iter().map(String::as_str).collect();
        Err(match suggest(&meant) {
            Some(hint) => error.hint(hint),
            None => error,
        })
    }
}

/// One run of the command.
struct Stop<'a> {
    supervisor: &'a Supervisor,
    lock: &'a Lock,
    grace: Duration,
}

impl Stop<'_> {
    /// Stops all agents; what went wrong.
    async fn all_agents(&self, context: &mut Context) -> Result<Problems, CliError> {
        let agents = self.supervisor.supervised()?;
        if agents.is_empty() {
            context.printer.say("No agents running in background")?;
            return Ok(Problems::default());
        }
        let count = agents.len();
        context
            .printer
            .say(format_args!("Stopping {count} agent(s) in parallel..."))?;
        let problems = self.agents(agents, context).await?;
        let stopped = count - problems.surviving.len();
        context
            .printer
            .say(format_args!("Stopped {stopped} agent(s)"))?;
        Ok(problems)
    }

    /// Stops the agents called so; how many were stopped, and what went wrong.
    async fn named(
        &self,
        names: &[String],
        context: &mut Context,
    ) -> Result<(usize, Problems), CliError> {
        let running = self.supervisor.supervised()?;
        let mut problems = Problems::default();
        let mut wanted: Vec<Supervised> = Vec::new();
        for name in names {
            match running.iter().find(|running| running.name.as_str() == name) {
                Some(found) if !wanted.contains(found) => wanted.push(found.clone()),
                Some(_) => {}
                None => problems.add_unknown(name, &running),
            }
        }
        let count = wanted.len();
        let failed = self.agents(wanted, context).await?;
        let stopped = count - failed.surviving.len();
        problems.add(failed);
        Ok((stopped, problems))
    }

    async fn agents(
        &self,
        agents: Vec<Supervised>,
        context: &mut Context,
    ) -> Result<Problems, CliError> {
        let mut problems = Problems::default();
        let outcomes = join_all(agents.iter().map(|agent| self.agent(agent))).await;
        for (Supervised { name, .. }, outcome) in agents.iter().zip(outcomes) {
            match outcome {
                Ok(()) => {
                    self.supervisor.forget(self.lock, name)?;
                    context
                        .printer
                        .say(format_args!("Agent '{name}' stopped"))?;
                }
                Err(error) => problems.add_surviving(&format!("agent '{name}'"), &error),
            }
        }
        Ok(problems)
    }

    /// Ends whoever would start the agent anew, then the agent.
    async fn agent(&self, agent: &Supervised) -> Result<(), StopError> {
        // One in the foreground ends with its agents: it finds its record gone.
        if let Some(watcher) = agent.watcher.as_ref().filter(|it| it.is_left_behind()) {
            watcher.stop(self.grace).await?;
        }
        match &agent.agent {
            Some(process) => process.stop(self.grace).await,
            None => Ok(()),
        }
    }

    /// Stops the registry although agents may need it.
    async fn registry(&self, context: &mut Context) -> Result<Problems, CliError> {
        let dependents: Vec<String> = self
            .supervisor
            .supervised()?
            .into_iter()
            .map(|agent| agent.name.as_str().to_owned())
            .collect();
        if self.supervisor.registry()?.is_none() {
            context.printer.say("No registry running in background")?;
            return Ok(Problems::default());
        }
        if !dependents.is_empty() {
            context.printer.warn(format_args!(
                "these agents lose their registry: {}",
                dependents.join(", ")
            ))?;
        }
        self.stop_registry(context).await
    }

    /// Stops the registry unless an agent needs it.
    async fn unneeded_registry(
        &self,
        keep: bool,
        context: &mut Context,
    ) -> Result<Problems, CliError> {
        let dependents = self.supervisor.dependents()?;
        if keep || self.supervisor.registry()?.is_none() {
            return Ok(Problems::default());
        }
        // A dead agent needs nothing; its line goes with the sweep.
        let mut needed_by = Vec::new();
        for name in dependents {
            if self.supervisor.is_supervised(&name) {
                needed_by.push(name.as_str().to_owned());
            }
        }
        if !needed_by.is_empty() {
            context.printer.say(format_args!(
                "The registry keeps running for: {}",
                needed_by.join(", ")
            ))?;
            return Ok(Problems::default());
        }
        self.stop_registry(context).await
    }

    async fn stop_registry(&self, context: &mut Context) -> Result<Problems, CliError> {
        let mut problems = Problems::default();
        let Some(registry) = self.supervisor.registry()? else {
            return Ok(problems);
        };
        let pid = registry.process.pid;
        context
            .printer
            .say(format_args!("Stopping registry (PID: {pid})..."))?;
        match registry.process.stop(self.grace).await {
            Ok(()) => {
                self.supervisor
                    .forget(self.lock, &ProcessName::registry())?;
                context.printer.say("registry stopped")?;
            }
            Err(error) => problems.add_surviving("the registry", &error),
        }
        Ok(problems)
    }

    fn sweep(&self, context: &mut Context) -> Result<(), CliError> {
        let swept = self.supervisor.sweep(self.lock)?;
        if swept.records + swept.dependents > 0 {
            context.printer.say(format_args!(
                "GC: cleaned {} pid file(s), {} dependency line(s)",
                swept.records, swept.dependents
            ))?;
        }
        Ok(())
    }
}

/// Deletes what was left by processes that are all gone.
fn clean(supervisor: &Supervisor, lock: &Lock, environment: &Environment) -> Result<(), CliError> {
    let home = supervisor.home();
    let database = environment
        .get(EnvVars::MCP_MESH_DB_PATH)
        .map_or_else(|| home.database(), PathBuf::from);
    let mut files = vec![database.clone()];
    for ending in ["-wal", "-shm", ".lock"] {
        let mut name = database.clone().into_os_string();
        name.push(ending);
        files.push(name.into());
    }
    let logs = fs::read_dir(home.logs()).into_iter().flatten().flatten();
    files.extend(logs.map(|entry| entry.path()));
    for file in files {
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let message = format!("cannot delete `{}`", file.display());
                return Err(CliError::new(message).because(error));
            }
            _ => {}
        }
    }
    supervisor.forget_all(lock)
}
