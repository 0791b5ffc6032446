//! `meshctl job`.

mod events;
mod list;
mod reclaim;
mod status;

use mesh_client::ClientError;
use mesh_core::Timestamp;

use super::Context;
use crate::error::{CliError, Kind};

/// Look at jobs, and take one from its owner
///
/// A job is a call that outlives its caller: it waits in the registry until an agent claims it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl job list --status working
  meshctl job status 8f2b4e6a-1c3d-4e5f-9a0b-1c2d3e4f5a6b
  meshctl job events 8f2b4e6a-1c3d-4e5f-9a0b-1c2d3e4f5a6b
  meshctl job reclaim 8f2b4e6a-1c3d-4e5f-9a0b-1c2d3e4f5a6b")]
pub(crate) struct JobArgs {
    #[command(subcommand)]
    command: JobCommand,
}

#[derive(Debug, clap::Subcommand)]
enum JobCommand {
    List(list::JobListArgs),
    Status(status::JobStatusArgs),
    Events(events::JobEventsArgs),
    Reclaim(reclaim::JobReclaimArgs),
}

pub(crate) async fn run(args: JobArgs, context: &mut Context) -> Result<(), CliError> {
    match args.command {
        JobCommand::List(args) => list::run(args, context).await,
        JobCommand::Status(args) => status::run(args, context).await,
        JobCommand::Events(args) => events::run(args, context).await,
        JobCommand::Reclaim(args) => reclaim::run(args, context).await,
    }
}

/// A failure of a request about the job `id`.
fn about(id: &str, error: ClientError) -> CliError {
    if !error.is_not_found() {
        return error.into();
    }
    CliError::new(format!("job not found: {id}"))
        .of_kind(Kind::NotFound)
        .hint("`meshctl job list` shows the jobs that the registry knows")
}

/// A point in time, if there is one.
fn moment(seconds: Option<i64>) -> String {
    seconds.map_or_else(
        || "-".to_owned(),
        |seconds| Timestamp::from_seconds(seconds).to_string(),
    )
}
