//! `meshctl registry drain`, `resume` and `status`.

use std::time::Duration;

use mesh_client::RegistryClient;
use mesh_core::wire::DrainReport;

use crate::commands::Context;
use crate::commands::administration::refused;
use crate::error::{CliError, Kind};
use crate::printer::Tone;
use crate::settings::QueryArgs;

/// Hand out no more jobs; those that run go on
///
/// A restart does not end it, `meshctl registry resume` does. Of several registries only the one
/// that is asked drains.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl registry drain                                 let no job start
  meshctl registry drain --wait --wait-timeout 300       and wait for those that run")]
pub(crate) struct DrainArgs {
    /// Return when no job runs any more
    #[arg(long)]
    wait: bool,
    /// Seconds that the jobs may take to end; 0 is for ever
    #[arg(long, value_name = "SECONDS", default_value_t = 0, requires = "wait")]
    wait_timeout: u64,
    /// Seconds between two looks at the jobs
    #[arg(long, value_name = "SECONDS", default_value_t = 2, requires = "wait", value_parser = clap::value_parser!(u64).range(1..))]
    poll_interval: u64,
    #[command(flatten)]
    query: QueryArgs,
}

/// Hand out jobs again
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl registry resume")]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    query: QueryArgs,
}

/// Show whether the registry hands out jobs, and how many run
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl registry status
  meshctl registry status --json")]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    query: QueryArgs,
}

pub(super) async fn status(args: StatusArgs, context: &mut Context) -> Result<(), CliError> {
    let (client, json) = context.query(args.query)?;
    let report = client.drain_report().await.map_err(refused)?;
    if json {
        return context.printer.json(&report);
    }
    let state = if report.draining {
        Tone::Doubtful.paint("DRAINING (new claims paused)")
    } else {
        Tone::Good.paint("active (normal dispatch)")
    };
    let printer = &mut context.printer;
    printer.result(format_args!("Registry:    {state}"))?;
    printer.result(format_args!("Live claims: {}", report.live_claims))?;
    Ok(())
}

pub(super) async fn resume(args: ResumeArgs, context: &mut Context) -> Result<(), CliError> {
    let (client, json) = context.query(args.query)?;
    let report = client.set_draining(false).await.map_err(refused)?;
    if json {
        return context.printer.json(&report);
    }
    let printer = &mut context.printer;
    printer.result("Registry resumed — job dispatch active")?;
    printer.result(format_args!("  Live claims: {}", report.live_claims))?;
    Ok(())
}

pub(super) async fn drain(args: DrainArgs, context: &mut Context) -> Result<(), CliError> {
    let DrainArgs {
        wait,
        wait_timeout,
        poll_interval,
        query,
    } = args;
    let (client, json) = context.query(query)?;
    let mut report = client.set_draining(true).await.map_err(refused)?;
    if !json {
        let printer = &mut context.printer;
        printer.result("Registry draining — new job claims paused")?;
        printer.result(format_args!("  Live claims: {}", report.live_claims))?;
    }
    if wait {
        let interval = Duration::from_secs(poll_interval);
        let jobs = none_left(&client, report, interval);
        let within = async {
            match wait_timeout {
                0 => jobs.await,
                seconds => tokio::time::timeout(Duration::from_secs(seconds), jobs)
                    .await
                    .unwrap_or_else(|_| Err(still_running(seconds))),
            }
        };
        report = context
            .printer
            .during("waiting for the jobs that run", within)
            .await?;
    }
    if json {
        return context.printer.json(&report);
    }
    if wait {
        context
            .printer
            .result("All jobs drained — safe to upgrade/restart")?;
    } else if report.live_claims > 0 {
        context.printer.note(format_args!(
            "{} job(s) still run; `--wait` waits for their end",
            report.live_claims
        ))?;
    }
    Ok(())
}

/// Returns when no job runs; fails when somebody lets jobs out again meanwhile.
async fn none_left(
    client: &RegistryClient,
    mut report: DrainReport,
    interval: Duration,
) -> Result<DrainReport, CliError> {
    loop {
        if !report.draining {
            return Err(CliError::new("the registry is no longer draining")
                .of_kind(Kind::Conflict)
                .hint("somebody resumed it, or another registry answers at this address"));
        }
        if report.live_claims == 0 {
            return Ok(report);
        }
        tokio::time::sleep(interval).await;
        report = client.drain_report().await.map_err(refused)?;
    }
}

fn still_running(seconds: u64) -> CliError {
    CliError::new(format!("jobs still run after {seconds} s"))
        .of_kind(Kind::TimedOut)
        .hint("the registry goes on draining; `meshctl job list --status working` shows them")
}
