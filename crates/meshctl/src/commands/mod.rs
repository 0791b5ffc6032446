//! The verbs, one file each; this one only dispatches.

mod administration;
mod audit;
mod call;
mod completion;
mod config;
mod doctor;
mod entity;
mod job;
mod list;
mod logs;
mod man;
mod registry;
mod scaffold;
mod schema;
mod schemas;
mod self_update;
mod start;
mod status;
mod stop;
mod trace;
mod tui;
mod ui;
mod version;
mod watch_agent;

pub(crate) use schemas::json_schemas;

use std::path::PathBuf;
use std::time::Duration;

use mesh_client::RegistryClient;
use mesh_client::mcp::{CallerOptions, McpCaller};
use mesh_core::Clock;
use mesh_core::env::Environment;

use crate::error::{CliError, Kind};
use crate::printer::{Printer, Verbosity};
use crate::settings::{
    ConfigFile, ConnectionArgs, QueryArgs, RegistryAddress, Verification, client_tls,
};
use crate::supervisor::WATCH_COMMAND;

/// What every command may use.
pub(crate) struct Context {
    /// What this program was called as.
    pub(crate) program: Option<PathBuf>,
    pub(crate) environment: Environment,
    pub(crate) clock: Clock,
    pub(crate) printer: Printer,
    /// What the exit code tells, on request, of a command that did what it was asked.
    pub(crate) verdict: Option<Kind>,
    /// Whether the user was told that certificates are not verified.
    pub(crate) warned_unverified: bool,
}

impl Context {
    /// The registry that is meant.
    pub(crate) fn registry(
        &mut self,
        connection: ConnectionArgs,
    ) -> Result<RegistryAddress, CliError> {
        let verification = connection.verification();
        let address = RegistryAddress::resolve(connection, &self.environment)?;
        if address.is_encrypted() {
            self.warn_unverified(verification)?;
        }
        Ok(address)
    }

    /// A client of the registry that is meant; touches no network.
    pub(crate) fn client(
        &mut self,
        connection: ConnectionArgs,
        timeout: Duration,
    ) -> Result<RegistryClient, CliError> {
        self.registry(connection)?.client(timeout)
    }

    /// A client for a question to the registry, and whether its answer shall be JSON.
    pub(crate) fn query(&mut self, query: QueryArgs) -> Result<(RegistryClient, bool), CliError> {
        let timeout = query.timeout();
        Ok((self.client(query.connection, timeout)?, query.json))
    }

    /// What calls the agent or the registry at `url`; touches no network.
    pub(crate) fn caller(
        &mut self,
        url: &str,
        verification: Verification,
    ) -> Result<McpCaller, CliError> {
        let mut options = CallerOptions::default();
        if url.starts_with("https:") {
            self.warn_unverified(verification)?;
            options.tls = client_tls(verification, &self.environment)?;
        }
        Ok(McpCaller::new(&options))
    }

    /// Once a command.
    fn warn_unverified(&mut self, verification: Verification) -> Result<(), CliError> {
        let switch = verification.switched_off_by(&self.environment);
        if let (Some(switch), false) = (switch, self.warned_unverified) {
            self.warned_unverified = true;
            self.printer.warn(format_args!(
                "certificates are not verified ({switch}): anyone may be at the other end"
            ))?;
        }
        Ok(())
    }

    /// The answer is printed and it is bad news, as when the tool that was called failed: `--exit-code`
    /// makes it the exit code, which is 0 otherwise.
    pub(crate) fn conclude(&mut self, verdict: Kind) {
        self.verdict = Some(verdict);
    }

    /// Leaves informational lines out from here on, if `quiet`.
    pub(crate) fn quiet(&mut self, quiet: bool) {
        if quiet {
            self.printer.set_verbosity(Verbosity::Quiet);
        }
    }
}

/// The verbs of meshctl.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Start(Box<start::StartArgs>),
    Stop(stop::StopArgs),
    List(list::ListArgs),
    Status(status::StatusArgs),
    Audit(audit::AuditArgs),
    Schema(schema::SchemaArgs),
    Call(call::CallArgs),
    Trace(trace::TraceArgs),
    Logs(logs::LogsArgs),
    Job(job::JobArgs),
    Registry(registry::RegistryArgs),
    Entity(entity::EntityArgs),
    Man(man::ManArgs),
    Doctor(doctor::DoctorArgs),
    Config(config::ConfigArgs),
    Scaffold(Box<scaffold::ScaffoldArgs>),
    Completion(completion::CompletionArgs),
    Version(version::VersionArgs),
    Tui(tui::TuiArgs),
    Ui(ui::UiArgs),
    #[command(name = WATCH_COMMAND)]
    WatchAgent(watch_agent::WatchAgentArgs),
    #[command(name = "self")]
    OfItself(self_update::SelfArgs),
}

impl Command {
    /// Whether a broken configuration file stands in the way. What mends it, and what has no use for
    /// it, works without.
    fn needs_configuration(&self) -> bool {
        !matches!(
            self,
            Self::Doctor(_)
                | Self::Config(_)
                | Self::Completion(_)
                | Self::Version(_)
                | Self::Ui(_)
                | Self::OfItself(_)
        )
    }

    pub(crate) async fn run(self, context: &mut Context) -> Result<(), CliError> {
        if self.needs_configuration() {
            // Who has no home has no file in it.
            if let Ok(file) = ConfigFile::locate(&context.environment) {
                context.environment = file.load()?.below(&context.environment);
            }
        }
        match self {
            Self::Start(args) => start::run(*args, context).await,
            Self::Stop(args) => stop::run(args, context).await,
            Self::List(args) => list::run(args, context).await,
            Self::Status(args) => status::run(args, context).await,
            Self::Audit(args) => audit::run(args, context).await,
            Self::Schema(args) => schema::run(args, context).await,
            Self::Call(args) => call::run(args, context).await,
            Self::Trace(args) => trace::run(args, context).await,
            Self::Logs(args) => logs::run(args, context).await,
            Self::Job(args) => job::run(args, context).await,
            Self::Registry(args) => registry::run(args, context).await,
            Self::Entity(args) => entity::run(args, context).await,
            Self::Man(args) => man::run(args, context),
            Self::Doctor(args) => doctor::run(args, context).await,
            Self::Config(args) => config::run(args, context),
            Self::Scaffold(args) => scaffold::run(*args, context).await,
            Self::Completion(args) => completion::run(&args, context),
            Self::Version(args) => version::run(&args, context),
            Self::Tui(args) => tui::run(args, context).await,
            Self::Ui(args) => ui::run(&args),
            Self::WatchAgent(args) => watch_agent::run(args, context).await,
            Self::OfItself(args) => self_update::run(args, context).await,
        }
    }
}
