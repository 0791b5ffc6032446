//! The verbs, one file each; this one only dispatches.

mod call;
mod completion;
mod list;
mod logs;
mod self_update;
mod start;
mod status;
mod stop;
mod version;

use std::path::PathBuf;

use mesh_core::Clock;
use mesh_core::env::Environment;

use crate::error::{CliError, Kind};
use crate::printer::{Printer, Verbosity};

/// What every command may use.
pub(crate) struct Context {
    /// What this program was called as.
    pub(crate) program: Option<PathBuf>,
    pub(crate) environment: Environment,
    pub(crate) clock: Clock,
    pub(crate) printer: Printer,
    /// What the exit code tells, on request, of a command that did what it was asked.
    pub(crate) verdict: Option<Kind>,
}

impl Context {
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
    Start(start::StartArgs),
    Stop(stop::StopArgs),
    List(list::ListArgs),
    Status(status::StatusArgs),
    Call(call::CallArgs),
    Logs(logs::LogsArgs),
    Completion(completion::CompletionArgs),
    Version(version::VersionArgs),
    #[command(name = "self")]
    OfItself(self_update::SelfArgs),
}

impl Command {
    pub(crate) async fn run(self, context: &mut Context) -> Result<(), CliError> {
        match self {
            Self::Start(args) => start::run(args, context).await,
            Self::Stop(args) => stop::run(args, context).await,
            Self::List(args) => list::run(args, context).await,
            Self::Status(args) => status::run(args, context).await,
            Self::Call(args) => call::run(args, context).await,
            Self::Logs(args) => logs::run(args, context).await,
            Self::Completion(args) => completion::run(&args, context),
            Self::Version(args) => version::run(&args, context),
            Self::OfItself(args) => self_update::run(args, context).await,
        }
    }
}
