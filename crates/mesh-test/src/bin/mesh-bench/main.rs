//! The benchmark of the registry: what a request costs, beside yardsticks in the same run.
//!
//! Everything runs on the loop-back address, in processes of its own, bounded in requests and
//! time. `docs/benchmarks.md` describes the method; `make bench` calls this after a release build.

mod connection;
mod load;
mod mesh;
mod report;
mod scenario;
mod sizes;
mod waiting;
mod yardstick;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Parser, ValueEnum};
use mesh_core::Clock;
use mesh_test::Readiness;

use crate::mesh::Subject;
use crate::report::Report;
use crate::scenario::Bench;
use crate::sizes::Sizes;
use crate::yardstick::Yardstick;

/// Measure the registry beside bare axum handlers
#[derive(Debug, Parser)]
#[command(name = "mesh-bench")]
struct Args {
    /// Measure fewer requests and only the smaller meshes
    #[arg(long)]
    quick: bool,
    /// Measure only this; may be given several times
    #[arg(long, value_enum)]
    only: Vec<Scenario>,
    /// The registry to measure [default: `mcp-mesh-registry` beside this program]
    #[arg(long)]
    registry: Option<PathBuf>,
    /// The command line to measure [default: `meshctl` beside this program]
    #[arg(long)]
    meshctl: Option<PathBuf>,
    /// Another implementation's command line, measured beside ours, for scale
    #[arg(long)]
    upstream_meshctl: Option<PathBuf>,
    /// Another implementation's registry, measured too, for scale
    #[arg(long)]
    upstream: Option<PathBuf>,
    /// Measure only that other implementation
    #[arg(long, requires = "upstream")]
    upstream_only: bool,
    /// Where to keep the figures as JSON [default: `bench/<time>.json` two folders up from here]
    #[arg(long)]
    json: Option<PathBuf>,
    /// Serve the yardstick's routes until standard input ends; internal
    #[arg(long, hide = true)]
    serve_yardstick: bool,
}

/// What can be measured by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// `HEAD /heartbeat`
    Head,
    /// `POST /heartbeat` in which only the timestamp changed
    Post,
    /// Everybody registers at once
    Storm,
    /// `GET /agents`
    List,
    /// One agent joins that seven depend on
    Join,
    /// One agent joins and leaves while everybody watches
    Rewire,
    /// From the start of the process to its first answer
    Start,
    /// `meshctl list`, `status`, `call` and a completion
    Meshctl,
    /// Jobs from their creation to their end
    Jobs,
    /// A read that waits for a job's event
    Wake,
    /// All of it at once, for a while
    Mixed,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if args.serve_yardstick {
        return yardstick::serve();
    }
    let here = std::env::current_exe()?;
    let beside = here.parent().context("a program lies in a folder")?;
    let registry = args
        .registry
        .clone()
        .unwrap_or_else(|| beside.join("mcp-mesh-registry"));
    let meshctl = args
        .meshctl
        .clone()
        .unwrap_or_else(|| beside.join("meshctl"));
    let scenarios = if args.only.is_empty() {
        Scenario::value_variants().to_vec()
    } else {
        args.only.clone()
    };
    let sizes = if args.quick {
        Sizes::quick()
    } else {
        Sizes::full()
    };
    let yardstick = Yardstick::start(&here)?;

    let mut report = Report::new(&Clock::System);
    if !args.upstream_only {
        let subject = Subject::new("ours", &registry, Readiness::Pipe)?;
        Bench::new(subject, &yardstick, sizes, &scenarios)
            .with_meshctl(&meshctl, args.upstream_meshctl.as_deref())
            .run(&mut report)?;
    }
    if let Some(program) = &args.upstream {
        let subject = Subject::new("upstream", program, Readiness::Poll)?;
        Bench::new(subject, &yardstick, Sizes::for_scale(), &scenarios).run(&mut report)?;
    }

    let mut out = io::stdout().lock();
    write!(out, "{report}")?;
    let json = match args.json {
        Some(path) => path,
        None => default_json(beside, &report)?,
    };
    report.keep(&json)?;
    writeln!(out, "figures kept in {}", json.display())?;
    Ok(())
}

/// `target/bench/<time>.json` when this program lies in `target/release`.
fn default_json(beside: &Path, report: &Report) -> anyhow::Result<PathBuf> {
    let target = beside.parent().context("a target folder has a parent")?;
    Ok(target
        .join("bench")
        .join(format!("{}.json", report.file_stem())))
}
