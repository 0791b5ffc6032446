//! `meshctl job status`.

use mesh_core::wire::{JobInfo, JobStatus};

use super::{about, moment};
use crate::commands::Context;
use crate::error::CliError;
use crate::printer::Tone;
use crate::settings::QueryArgs;

/// Show where a job stands
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl job status 8f2b4e6a-1c3d-4e5f-9a0b-1c2d3e4f5a6b")]
pub(crate) struct JobStatusArgs {
    /// Id of the job
    id: String,
    #[command(flatten)]
    query: QueryArgs,
}

pub(super) async fn run(args: JobStatusArgs, context: &mut Context) -> Result<(), CliError> {
    let JobStatusArgs { id, query } = args;
    let (client, json) = context.query(query)?;
    let job = context
        .printer
        .during("asking the registry", client.job(&id))
        .await
        .map_err(|error| about(&id, error))?;
    if json {
        return context.printer.json(&job);
    }
    for (label, value) in facts(&job) {
        context.printer.result(format_args!("{label:<14}{value}"))?;
    }
    Ok(())
}

fn facts(job: &JobInfo) -> Vec<(&'static str, String)> {
    let owner = job.owner_instance_id.as_deref().unwrap_or("(unclaimed)");
    let mut facts = vec![
        ("Job:", job.id.clone()),
        ("Capability:", job.capability.clone()),
        ("Status:", painted(job.status)),
        ("Owner:", owner.to_owned()),
        ("Claim epoch:", job.claim_epoch.to_string()),
        (
            "Attempts:",
            format!("{} / {} (max_retries)", job.attempt_count, job.max_retries),
        ),
    ];
    // Words and share apart: scripts compare the words.
    facts.extend(
        job.progress_message
            .clone()
            .map(|words| ("Progress:", words)),
    );
    facts.extend(share(job).map(|share| ("Done:", share)));
    facts.push(("Lease expiry:", moment(job.lease_expires_at)));
    facts.push(("Last beat:", moment(job.last_heartbeat_at)));
    if let Some(deadline) = job.total_deadline {
        facts.push(("Deadline:", moment(Some(deadline))));
    }
    if let Some(cursor) = job.recv_cursor.as_ref().filter(|cursor| !cursor.is_empty()) {
        // The empty type stands for all of them.
        let name = |kind: &str| if kind.is_empty() { "(all)" } else { kind }.to_owned();
        let parts: Vec<String> = cursor
            .iter()
            .map(|(kind, seq)| format!("{}={seq}", name(kind)))
            .collect();
        facts.push(("Recv cursor:", parts.join(", ")));
    }
    facts.push((
        "Submitted:",
        format!("{} by {}", moment(Some(job.submitted_at)), job.submitted_by),
    ));
    if let Some(error) = &job.error {
        facts.push(("Error:", Tone::Bad.paint(error)));
    }
    if let Some(result) = &job.result {
        facts.push(("Result:", result.get().to_owned()));
    }
    facts
}

fn painted(status: JobStatus) -> String {
    tone(status).map_or_else(|| status.to_string(), |tone| tone.paint(status))
}

/// How good a state is.
pub(super) fn tone(status: JobStatus) -> Option<Tone> {
    match status {
        JobStatus::Completed => Some(Tone::Good),
        JobStatus::Failed => Some(Tone::Bad),
        JobStatus::InputRequired => Some(Tone::Doubtful),
        JobStatus::Cancelled => Some(Tone::Dim),
        _ => None,
    }
}

fn share(job: &JobInfo) -> Option<String> {
    let progress = job.progress?;
    Some(format!("{:.0}%", progress * 100.0))
}

/// What the job says of itself: words, a share, or both.
pub(super) fn progress(job: &JobInfo) -> Option<String> {
    match (&job.progress_message, share(job)) {
        (Some(words), Some(share)) => Some(format!("{words} ({share})")),
        (Some(words), None) => Some(words.clone()),
        (None, share) => share,
    }
}
