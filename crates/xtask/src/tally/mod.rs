//! Adds up a whole test run: every stage runs to its end, its output is shown and kept, and the last
//! line says how many tests passed, failed and were skipped.
//!
//! A stage that fails without a failing test (a lint, a runner that dies) counts as one failure, so
//! the last line and the exit code never disagree.

mod cargo_test;
mod leftovers;
mod pytest;
mod report;
mod stage;
mod verdict;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use crate::root;

/// Add up a whole test run
#[derive(Debug, clap::Subcommand)]
pub(crate) enum TallyCommand {
    /// Forget the last run
    Begin,
    Run(stage::RunArgs),
    /// Print the sum and fail if anything failed
    Report,
}

pub(crate) fn run(command: TallyCommand) -> anyhow::Result<ExitCode> {
    match command {
        TallyCommand::Begin => begin()?,
        TallyCommand::Run(args) => stage::run(&args)?,
        TallyCommand::Report => return report::run(),
    }
    Ok(ExitCode::SUCCESS)
}

/// Where logs and verdicts of the run are kept.
fn folder() -> PathBuf {
    root::target().join("test-all")
}

fn begin() -> anyhow::Result<()> {
    let folder = folder();
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .with_context(|| format!("failed to empty `{}`", folder.display()))?;
    }
    fs::create_dir_all(&folder)
        .with_context(|| format!("failed to create `{}`", folder.display()))?;
    let file = folder.join("run-id");
    fs::write(&file, uuid::Uuid::new_v4().simple().to_string())
        .with_context(|| format!("failed to write `{}`", file.display()))
}

/// The id that `begin` gave this run.
fn run_id() -> anyhow::Result<String> {
    let file = folder().join("run-id");
    fs::read_to_string(&file).with_context(|| {
        format!(
            "failed to read `{}`; run `cargo xtask tally begin`",
            file.display()
        )
    })
}
