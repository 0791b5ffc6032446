//! Runs one stage: its output is shown, kept and judged.

use std::fs::{self, File};
use std::io::{self, PipeReader, Read as _, Write as _};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use mesh_test::RUN_MARK;
use serde::{Deserialize, Serialize};

use super::verdict::{self, Expect, Verdict};
use super::{folder, run_id};

/// How long to wait for the rest of the output once the command itself has ended; something left
/// behind may hold the pipe open for ever.
const DRAIN: Duration = Duration::from_secs(2);

/// Run one stage to its end and remember its verdict
#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// What its output must close with
    #[arg(long, value_enum, default_value_t = Expect::ExitCode)]
    expect: Expect,
    /// Its name
    stage: String,
    /// The command
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

/// What `report` reads back.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) stage: String,
    pub(super) seconds: u64,
    pub(super) verdict: Verdict,
}

/// Succeeds even when the stage fails: the report is what fails the run.
pub(crate) fn run(args: &RunArgs) -> anyhow::Result<()> {
    let folder = folder();
    let log = folder.join(format!("{}.log", args.stage));
    let begun = Instant::now();
    writeln!(io::stdout(), "\n==> {}", args.stage)?;
    let succeeded = show_and_keep(&args.command, &log)?;
    let output = fs::read(&log).with_context(|| format!("failed to read `{}`", log.display()))?;
    let record = Record {
        stage: args.stage.clone(),
        seconds: begun.elapsed().as_secs(),
        verdict: verdict::judge(args.expect, succeeded, &String::from_utf8_lossy(&output)),
    };
    let order = fs::read_dir(&folder)?.count();
    let file = folder.join(format!("{order:03}-{}.json", args.stage));
    fs::write(&file, serde_json::to_vec_pretty(&record)?)
        .with_context(|| format!("failed to write `{}`", file.display()))
}

/// Runs `command` with its output going to the terminal and to `log`; true when it succeeded.
fn show_and_keep(command: &[String], log: &Path) -> anyhow::Result<bool> {
    let (program, arguments) = command.split_first().context("a stage needs a command")?;
    let (reader, writer) = io::pipe().context("failed to create a pipe")?;
    let file =
        File::create(log).with_context(|| format!("failed to create `{}`", log.display()))?;
    let mut child = Command::new(program)
        .args(arguments)
        .env(RUN_MARK, run_id()?)
        .stdout(writer.try_clone().context("failed to share the pipe")?)
        .stderr(writer)
        .spawn()
        .with_context(|| format!("failed to start `{program}`"))?;
    let (done, copied) = mpsc::channel();
    thread::spawn(move || {
        let outcome = copy(reader, file);
        // Nobody listens any more when the drain time is over.
        let _ = done.send(outcome);
    });
    let status = child
        .wait()
        .with_context(|| format!("failed to wait for `{program}`"))?;
    match copied.recv_timeout(DRAIN) {
        Ok(outcome) => outcome.context("failed to copy the output")?,
        Err(_) => writeln!(io::stdout(), "something still holds the output open")?,
    }
    Ok(status.success())
}

fn copy(mut from: PipeReader, mut log: File) -> io::Result<()> {
    let mut buffer = [0; 8192];
    loop {
        let length = from.read(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        let chunk = &buffer[..length];
        log.write_all(chunk)?;
        let mut out = io::stdout().lock();
        out.write_all(chunk)?;
        out.flush()?;
    }
}
