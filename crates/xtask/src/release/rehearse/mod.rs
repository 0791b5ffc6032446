//! `cargo xtask release rehearse`: a whole release on one machine without a network, from two builds
//! to every channel, and a table of what that proved.

mod builds;
mod channels;
mod checks;
mod containers;
mod foreign;
mod images;
mod manifests;
mod offline;
mod rehearsal;
mod releases;
mod report;
mod sources;
mod tampering;
mod windows;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use self::rehearsal::{Rehearsal, Thoroughness};
use self::report::{Report, Row};
use super::say;
use crate::root;

/// Build, install, update and tamper with a whole release on this machine
#[derive(Debug, clap::Args)]
pub(crate) struct RehearseArgs {
    /// Rehearse what was assembled here, instead of building two versions of the last commit
    #[arg(long)]
    dir: Option<PathBuf>,
    /// The commit to rehearse
    #[arg(long, default_value = "HEAD", conflicts_with = "dir")]
    commit: String,
    /// Leave out the second build, which shows that builds are reproducible
    #[arg(long, conflicts_with = "dir")]
    quick: bool,
    /// Build only what this part is made of, and rehearse nothing else
    #[arg(long, value_enum, conflicts_with_all = ["dir", "quick"])]
    only: Option<Part>,
    /// Keep the network
    #[arg(long)]
    online: bool,
    /// Given by the rehearsal to itself, once it is where there is no network
    #[arg(long, hide = true)]
    inside: bool,
}

/// What can be rehearsed by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// The container images
    Images,
}

pub(crate) fn run(args: &RehearseArgs) -> anyhow::Result<ExitCode> {
    let folder = root::target().join("rehearsal");
    let wheels = folder.join("wheels");
    let image_wheels = folder.join("image-wheels");
    if !args.inside {
        say(format_args!(
            "==> fetch what a machine without a network needs"
        ));
        offline::fetch(&wheels)?;
        if containers::Containers::are_set_up() {
            offline::fetch_for_images(&image_wheels)?;
        }
        if !args.online {
            let arguments: Vec<_> = std::env::args_os().skip(1).collect();
            if let Some(code) = offline::enter(&arguments)? {
                return Ok(code);
            }
        }
    }
    let before = Instant::now();
    let mut rehearsal = Rehearsal {
        folder,
        wheels,
        image_wheels,
        report: Report::default(),
    };
    let outcome = match (&args.dir, args.only) {
        (Some(dir), _) => rehearsal.assembled(dir.clone()),
        (None, Some(Part::Images)) => rehearsal.images(&args.commit),
        (None, None) if args.quick => rehearsal.two_versions(&args.commit, Thoroughness::Quick),
        (None, None) => rehearsal.two_versions(&args.commit, Thoroughness::Thorough),
    };
    let Rehearsal {
        folder, mut report, ..
    } = rehearsal;
    report.note(if args.inside {
        Row::real(
            "offline",
            "everything above ran without a network",
            "a network namespace with loopback only",
        )
    } else {
        Row::left("offline", "the network was not cut")
    });
    // That of a part does not take the place of the whole's.
    let name = match args.only {
        Some(Part::Images) => "report-images",
        None => "report",
    };
    report.save(&folder, name)?;
    say(format_args!("\n{}", report.table()));
    outcome?;
    let failures = report.failures();
    let verdict = match failures.as_slice() {
        [] => "rehearsed".to_owned(),
        failures => format!("FAILED: {}", failures.join(", ")),
    };
    say(format_args!(
        "{verdict} in {} s; all of it is in {}",
        before.elapsed().as_secs(),
        folder.display()
    ));
    Ok(if failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
