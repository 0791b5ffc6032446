//! `meshctl registry start` and `stop`: the registry alone, as `start` and `stop` do it.

use std::path::PathBuf;

use crate::commands::Context;
use crate::commands::start::{self, StartArgs};
use crate::commands::stop::{self, StopArgs};
use crate::error::CliError;

/// Start the registry and leave it running
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl registry start                          in the background, on port 8000
  meshctl registry start --registry-port 9000")]
pub(crate) struct RegistryStartArgs {
    /// Host of the registry [default: localhost]
    #[arg(long, value_name = "HOST")]
    registry_host: Option<String>,
    /// Port of the registry [default: 8000]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    registry_port: Option<u16>,
    /// Its database
    #[arg(long, value_name = "FILE")]
    db_path: Option<PathBuf>,
    /// Log everything
    #[arg(long)]
    debug: bool,
    /// Print warnings and errors only
    #[arg(long)]
    quiet: bool,
}

/// Stop the registry, even if agents need it
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl registry stop")]
pub(crate) struct RegistryStopArgs {
    /// Seconds that it may take to end before it is killed
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    timeout: u64,
    /// Print warnings and errors only
    #[arg(long)]
    quiet: bool,
}

pub(super) async fn start(args: RegistryStartArgs, context: &mut Context) -> Result<(), CliError> {
    let RegistryStartArgs {
        registry_host,
        registry_port,
        db_path,
        debug,
        quiet,
    } = args;
    let mut args = StartArgs::registry_alone();
    args.registry_host = registry_host;
    args.registry_port = registry_port;
    args.db_path = db_path;
    args.debug = debug;
    args.quiet = quiet;
    start::run(args, context).await
}

pub(super) async fn stop(args: RegistryStopArgs, context: &mut Context) -> Result<(), CliError> {
    let RegistryStopArgs { timeout, quiet } = args;
    stop::run(StopArgs::registry_alone(timeout, quiet), context).await
}
