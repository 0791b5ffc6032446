//! `cargo xtask release rehearse`: a whole release on one machine without a network, from two builds
//! to every channel, and a table of what that proved.

mod builds;
mod channels;
mod checks;
mod manifests;
mod offline;
mod releases;
mod report;
mod sources;
mod tampering;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use mesh_test::Hub;

use self::builds::Build;
use self::releases::Release;
use self::report::{Report, Row};
use self::sources::{Keys, Source};
use super::channel::{Form, Origin};
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
    /// Keep the network
    #[arg(long)]
    online: bool,
    /// Given by the rehearsal to itself, once it is where there is no network
    #[arg(long, hide = true)]
    inside: bool,
}

pub(crate) fn run(args: &RehearseArgs) -> anyhow::Result<ExitCode> {
    let folder = root::target().join("rehearsal");
    let wheels = folder.join("wheels");
    if !args.inside {
        say(format_args!(
            "==> fetch what a machine without a network needs"
        ));
        offline::fetch(&wheels)?;
        if !args.online {
            let arguments: Vec<_> = std::env::args_os().skip(1).collect();
            if let Some(code) = offline::enter(&arguments)? {
                return Ok(code);
            }
        }
    }
    let before = Instant::now();
    let mut report = Report::default();
    let outcome = match &args.dir {
        None => two_versions(&mut report, &folder, &wheels, args),
        Some(dir) => assembled(&mut report, &folder, &wheels, dir),
    };
    if args.inside {
        report.note(Row::real(
            "offline",
            "everything above ran without a network",
            "a network namespace with loopback only",
        ));
    } else {
        report.note(Row::left("offline", "the network was not cut"));
    }
    report.save(&folder)?;
    say(format_args!("\n{}", report.table()));
    outcome?;
    let failures = report.failures();
    say(format_args!(
        "{} in {} s; all of it is in {}",
        if failures.is_empty() {
            "rehearsed".to_owned()
        } else {
            format!("FAILED: {}", failures.join(", "))
        },
        before.elapsed().as_secs(),
        folder.display()
    ));
    Ok(if failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The whole: the version that is, and the next one.
fn two_versions(
    report: &mut Report,
    folder: &Path,
    wheels: &Path,
    args: &RehearseArgs,
) -> anyhow::Result<()> {
    const EVERYTHING: [&str; 3] = ["binaries", "wheel", "sdist"];
    let keys = Keys::make(&folder.join("keys"))?;
    let (old, new) = sources::make(&folder.join("source"), &args.commit, &keys)?;
    let cache = folder.join("cache");
    let built = folder.join("built");
    let old = needed(report, &format!("build {}", old.version), || {
        // Only updates start from it.
        builds::build(&old, &built.join("old"), &cache, &["binaries"])
    })?;
    let build = needed(report, &format!("build {}", new.version), || {
        builds::build(&new, &built.join("new"), &cache, &EVERYTHING)
    })?;
    report.note(Row::real(
        "Linux x86_64 programs",
        "need glibc 2.17 at most, list their crates, name no folder of this machine",
        "read from the ELF files by `release build`, which fails otherwise",
    ));
    if args.quick {
        report.note(Row::left("reproducible builds", "left out by `--quick`"));
    } else {
        report.step("reproducible builds", || {
            let elsewhere = new.elsewhere(&folder.join("another/place"))?;
            let cache = folder.join("another/cache");
            let again = builds::build(&elsewhere, &built.join("again"), &cache, &EVERYTHING)?;
            builds::compare(&build, &again)
        });
    }
    report.step("wheel checks", || builds::check_wheel(&build));

    let hub_root = folder.join("hub");
    if hub_root.exists() {
        std::fs::remove_dir_all(&hub_root)
            .with_context(|| format!("failed to remove `{}`", hub_root.display()))?;
    }
    let hub = Hub::start(&hub_root);
    let mut publish = |build: &Build| {
        needed(report, &format!("publish {}", build.source.version), || {
            let version = build.source.version.to_string();
            let release = releases::assemble(build, &folder.join("assembled").join(version))?;
            releases::publish(&release, &keys, &hub)?;
            Ok(release)
        })
    };
    let old = publish(&old)?;
    let new = publish(&build)?;
    report.step("publish again", || releases::publish_again(&new, &hub));
    report.step("tap and bucket", || releases::publish_packages(&new, &hub));
    report.step("release.yml", || checks::workflow(&new.build.source));
    let origin = releases::origin(Some(&old), &new, &keys, &hub)?;
    use_it(report, folder, wheels, &new, &origin, &hub);
    let places = folder.join("places");
    report.step("bad releases and bad machines", || {
        tampering::try_everything(&places, &old, &new, &origin)
    });
    compile_it(report, &places, &origin);
    Ok(())
}

/// One release that was assembled already, as the workflow does before it is signed: signed here with
/// a key of the rehearsal, so an update, which trusts only the release's own key, cannot be tried.
fn assembled(report: &mut Report, folder: &Path, wheels: &Path, dir: &Path) -> anyhow::Result<()> {
    let keys = Keys::make(&folder.join("keys"))?;
    let source = Source::here(root::checkout())?;
    let upload = folder.join("assembled/given");
    releases::copy(&dir.join("upload"), &upload)?;
    let release = Release {
        build: Build {
            source,
            dir: dir.to_owned(),
        },
        upload,
    };
    let hub_root = folder.join("hub");
    if hub_root.exists() {
        std::fs::remove_dir_all(&hub_root)
            .with_context(|| format!("failed to remove `{}`", hub_root.display()))?;
    }
    let hub = Hub::start(&hub_root);
    needed(report, "publish to the hub", || {
        releases::publish(&release, &keys, &hub)
    })?;
    let origin = releases::origin(None, &release, &keys, &hub)?;
    use_it(report, folder, wheels, &release, &origin, &hub);
    compile_it(report, &folder.join("places"), &origin);
    report.note(Row::left(
        "self update",
        "trusts only the key of real releases; `make rehearse` tries it with one of its own",
    ));
    Ok(())
}

/// Everything that a user may do with a release.
fn use_it(
    report: &mut Report,
    folder: &Path,
    wheels: &Path,
    release: &Release,
    origin: &Origin,
    hub: &Hub,
) {
    let places = folder.join("places");
    report.step("package index", || {
        releases::fill_index(release, wheels, &hub.root().join("pypi"))?;
        Ok(Vec::new())
    });
    channels::walk(report, &places, origin);
    report.step("Homebrew", || manifests::formula(release, &places));
    report.step("Scoop", || manifests::manifest(release));
    report.step("linters", || checks::linters(&release.upload));
    for (channel, why) in [
        ("container images", "not built yet"),
        (
            "other targets",
            "their archives hold no program here; the workflow builds them",
        ),
        (
            "provenance attestation, trusted publishing, approvals",
            "only GitHub can make them",
        ),
    ] {
        report.note(Row::left(channel, why));
    }
}

/// The source distribution, last because it takes longest.
fn compile_it(report: &mut Report, places: &Path, origin: &Origin) {
    report.step("PyPI sdist", || {
        channels::python_package(places, origin, Form::Source)
    });
}

/// A step that the rest cannot do without.
fn needed<T>(
    report: &mut Report,
    name: &str,
    step: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let mut made = None;
    report.step(name, || {
        made = Some(step()?);
        Ok(Vec::new())
    });
    made.with_context(|| format!("the rest needs `{name}`"))
}
