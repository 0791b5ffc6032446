//! `meshctl job list`.

use std::time::Duration;

use mesh_client::JobQuery;
use mesh_core::Timestamp;
use mesh_core::wire::{JobInfo, JobStatus};

use super::status::{progress, tone};
use crate::commands::Context;
use crate::error::CliError;
use crate::mesh_view::span;
use crate::settings::QueryArgs;
use crate::table::{Cell, Table};
use crate::time_span;

/// List jobs, newest first
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl job list                       the newest first
  meshctl job list --status working")]
pub(crate) struct JobListArgs {
    /// Only jobs in one of these states: working, `input_required`, completed, failed or cancelled
    #[arg(long, value_name = "STATUS", value_delimiter = ',', value_parser = parse_status)]
    status: Vec<JobStatus>,
    /// Only jobs for this capability
    #[arg(long, value_name = "CAPABILITY")]
    capability: Option<String>,
    /// Only jobs that this agent runs, or ran last, by its whole id
    #[arg(long, value_name = "AGENT-ID")]
    owner: Option<String>,
    /// Only jobs submitted within this span, such as `90s`, `5m` or `2h30m`
    #[arg(long, value_name = "SPAN", value_parser = time_span::parse)]
    since: Option<Duration>,
    /// At most so many, 1 to 200
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    /// Go on where the list before ended
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    #[command(flatten)]
    query: QueryArgs,
}

fn parse_status(text: &str) -> Result<JobStatus, String> {
    JobStatus::parse(text).ok_or_else(|| {
        let all: Vec<&str> = JobStatus::ALL.iter().map(|known| known.as_str()).collect();
        format!("the states are {}", all.join(", "))
    })
}

pub(super) async fn run(args: JobListArgs, context: &mut Context) -> Result<(), CliError> {
    let JobListArgs {
        status,
        capability,
        owner,
        since,
        limit,
        cursor,
        query,
    } = args;
    let (client, json) = context.query(query)?;
    let now = context.clock.now();
    let query = JobQuery {
        statuses: status,
        owner_instance_id: owner,
        capability,
        submitted_since: since.map(|since| now.before(since).as_seconds()),
        limit: Some(limit),
        cursor,
    };
    let list = context
        .printer
        .during("asking the registry", client.jobs(&query))
        .await?;
    if json {
        return context.printer.json(&list);
    }
    if list.jobs.is_empty() {
        context.printer.result("No jobs found")?;
        return Ok(());
    }
    context.printer.table(&table(&list.jobs, now))?;
    if let Some(cursor) = list.next_cursor {
        context
            .printer
            .result(format_args!("\nThere are more: add `--cursor {cursor}`"))?;
    }
    Ok(())
}

fn table(jobs: &[JobInfo], now: Timestamp) -> Table {
    let heading = [
        "ID",
        "CAPABILITY",
        "STATUS",
        "OWNER",
        "ATTEMPTS",
        "AGE",
        "PROGRESS",
    ];
    let mut table = Table::new(&heading).giving_way(&["PROGRESS"]);
    for job in jobs {
        let age = now.since(Timestamp::from_seconds(job.submitted_at));
        let status = job.status.as_str();
        table.row(vec![
            job.id.as_str().into(),
            job.capability.as_str().into(),
            tone(job.status).map_or_else(|| Cell::new(status), |tone| Cell::toned(status, tone)),
            job.owner_instance_id.as_deref().unwrap_or("-").into(),
            format!(
                "{}/{}",
                job.attempt_count,
                job.max_retries.saturating_add(1)
            )
            .into(),
            span(age).into(),
            progress(job).unwrap_or_else(|| "-".to_owned()).into(),
        ]);
    }
    table
}
