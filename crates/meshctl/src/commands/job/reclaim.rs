//! `meshctl job reclaim`.

use mesh_client::ClientError;

use super::about;
use crate::commands::Context;
use crate::error::{CliError, Kind};
use crate::settings::QueryArgs;

/// Take a job from its owner, so that it can be claimed again
///
/// For a job whose owner hangs and still renews its claim. What the old owner reports from then on
/// does not count.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl job reclaim 8f2b4e6a-1c3d-4e5f-9a0b-1c2d3e4f5a6b")]
pub(crate) struct JobReclaimArgs {
    /// Id of the job
    id: String,
    #[command(flatten)]
    query: QueryArgs,
}

pub(super) async fn run(args: JobReclaimArgs, context: &mut Context) -> Result<(), CliError> {
    let JobReclaimArgs { id, query } = args;
    let (client, json) = context.query(query)?;
    let answer = context
        .printer
        .during("asking the registry", client.reclaim_job(&id))
        .await
        .map_err(|error| refused(&id, error))?;
    if json {
        return context.printer.json(&answer);
    }
    let evicted = answer
        .previous_owner_instance_id
        .as_deref()
        .unwrap_or("(none — was unclaimed)");
    let printer = &mut context.printer;
    printer.result(format_args!("Job {id} reclaimed"))?;
    printer.result(format_args!("  Evicted owner: {evicted}"))?;
    printer.result(format_args!(
        "  Status:        {} (claimable)",
        answer.status
    ))?;
    printer.result(format_args!(
        "  Claim epoch:   {} (unchanged; next claim mints the next epoch)",
        answer.claim_epoch
    ))?;
    Ok(())
}

fn refused(id: &str, error: ClientError) -> CliError {
    match error {
        ClientError::Refused {
            status: 409,
            message,
            ..
        } => {
            // Claimed anew in the meantime is the other reason.
            let reason = if message.contains("terminal") {
                format!("job {id} is already in a terminal state — nothing to reclaim")
            } else {
                format!("job {id} cannot be reclaimed: {message}")
            };
            CliError::new(reason)
                .of_kind(Kind::Conflict)
                .hint(format!("`meshctl job status {id}` shows where it stands"))
        }
        other => about(id, other),
    }
}
