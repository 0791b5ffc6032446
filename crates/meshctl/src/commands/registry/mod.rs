//! `meshctl registry`.

mod drain;
mod process;

use super::Context;
use crate::error::CliError;

/// Start, stop and drain the registry
///
/// A draining registry hands out no jobs; those that run end undisturbed, and new ones are taken and
/// wait. Where `MCP_MESH_ADMIN_PORT` is set, draining is switched at that port only: pass it with
/// `--registry-url`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl registry start
  meshctl registry status
  meshctl registry drain --wait --wait-timeout 300
  meshctl registry resume
  meshctl registry stop")]
pub(crate) struct RegistryArgs {
    #[command(subcommand)]
    command: RegistryCommand,
}

#[derive(Debug, clap::Subcommand)]
enum RegistryCommand {
    Start(process::RegistryStartArgs),
    Stop(process::RegistryStopArgs),
    Status(drain::StatusArgs),
    Drain(drain::DrainArgs),
    Resume(drain::ResumeArgs),
}

pub(crate) async fn run(args: RegistryArgs, context: &mut Context) -> Result<(), CliError> {
    match args.command {
        RegistryCommand::Start(args) => process::start(args, context).await,
        RegistryCommand::Stop(args) => process::stop(args, context).await,
        RegistryCommand::Status(args) => drain::status(args, context).await,
        RegistryCommand::Drain(args) => drain::drain(args, context).await,
        RegistryCommand::Resume(args) => drain::resume(args, context).await,
    }
}
