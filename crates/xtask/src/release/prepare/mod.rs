//! `cargo xtask release prepare X.Y.Z`: one command raises the version everywhere. The version stands in
//! `[workspace.package]` alone; what derives from it is written anew.

mod changelog;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use mesh_core::Clock;
use toml_edit::DocumentMut;

use super::image::bases;
use super::progress::say;
use super::{Project, ReleaseVersion, Tool};
use crate::generate::{self, Mode};
use crate::root;

const MANIFEST: &str = "Cargo.toml";
const CHANGELOG: &str = "CHANGELOG.md";
const FUZZ_LOCK: &str = "fuzz/Cargo.lock";

/// Raise the version, date the change log, pin the bases of images and regenerate what derives from them
#[derive(Debug, clap::Args)]
pub(crate) struct PrepareArgs {
    /// The version to release: `1.2.3`, or `1.2.3-rc.1`
    version: ReleaseVersion,
    /// The checkout to prepare
    #[arg(long, default_value_os_t = root::checkout().to_owned(), hide_default_value = true)]
    workspace: PathBuf,
    /// The day of the release [default: today in UTC]
    #[arg(long)]
    date: Option<Date>,
    /// Take the version that the workspace has already
    #[arg(long)]
    allow_same: bool,
    /// A mirror to ask for the bases of images instead of their registry
    #[arg(long, value_name = "URL", conflicts_with = "keep_bases")]
    bases_mirror: Option<String>,
    /// Build the images on the bases of the release before, without asking for those of today
    #[arg(long)]
    keep_bases: bool,
    /// Check everything and say what would change, but write nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &PrepareArgs) -> anyhow::Result<()> {
    let PrepareArgs {
        version,
        workspace,
        date,
        allow_same,
        bases_mirror,
        keep_bases,
        dry_run,
    } = args;
    let date = match date {
        Some(date) => *date,
        None => today()?,
    };
    let current = Project::load(workspace)?.version;
    refuse_step_back(&current, version, *allow_same)?;
    refuse_dirty_tree(workspace)?;

    let manifest = with_version(&read(workspace, MANIFEST)?, version)?;
    let fuzz_lock = relocked(&read(workspace, FUZZ_LOCK)?, &current, version)?;
    let changelog = changelog::dated(&read(workspace, CHANGELOG)?, version, date)
        .with_context(|| format!("`{CHANGELOG}` is not ready for {version}"))?;
    if *dry_run {
        say(format_args!(
            "would raise {current} to {version} and regenerate what derives from it"
        ));
        return Ok(());
    }
    if !keep_bases {
        // First, because it is what may fail: another machine has to answer.
        bases::pin(workspace, bases_mirror.as_deref()).context(
            "nothing is prepared; `--keep-bases` leaves the bases of images as they are",
        )?;
    }
    write(workspace, MANIFEST, &manifest)?;
    write(workspace, CHANGELOG, &changelog)?;
    write(workspace, FUZZ_LOCK, &fuzz_lock)?;
    derive(workspace).context("half prepared; `git restore .` takes it back")?;
    tell_what_is_next(workspace, version)
}

fn refuse_step_back(
    current: &ReleaseVersion,
    wanted: &ReleaseVersion,
    allow_same: bool,
) -> anyhow::Result<()> {
    if wanted < current {
        bail!("{wanted} is older than {current}, the version of the workspace");
    }
    if wanted == current && !allow_same {
        bail!("{wanted} is the version of the workspace already; `--allow-same` prepares it");
    }
    Ok(())
}

/// What is not committed would go into the release's commit unseen.
fn refuse_dirty_tree(workspace: &Path) -> anyhow::Result<()> {
    let changes = status(workspace)?;
    if !changes.is_empty() {
        bail!("the tree has changes; commit or remove them first:\n{changes}");
    }
    Ok(())
}

/// The manifest with another version in `[workspace.package]`, and every comment where it was.
fn with_version(manifest: &str, version: &ReleaseVersion) -> anyhow::Result<String> {
    let mut document: DocumentMut = manifest.parse()?;
    let value = document
        .get_mut("workspace")
        .and_then(|workspace| workspace.get_mut("package"))
        .and_then(|package| package.get_mut("version"))
        .and_then(|version| version.as_value_mut())
        .with_context(|| format!("`{MANIFEST}` has no version in `[workspace.package]`"))?;
    let decor = value.decor().clone();
    *value = version.to_string().into();
    *value.decor_mut() = decor;
    Ok(document.to_string())
}

/// The lock file of the fuzz targets, a workspace of their own, with ours at another version. Cargo would have
/// to know libFuzzer for that, which a machine without a network may never have fetched.
fn relocked(
    lock: &str,
    current: &ReleaseVersion,
    version: &ReleaseVersion,
) -> anyhow::Result<String> {
    let mut document: DocumentMut = lock.parse()?;
    let packages = document
        .get_mut("package")
        .and_then(|packages| packages.as_array_of_tables_mut())
        .with_context(|| format!("`{FUZZ_LOCK}` lists no packages"))?;
    let current = current.to_string();
    for package in packages.iter_mut() {
        let is_ours = !package.contains_key("source");
        let locked = package.get("version").and_then(|version| version.as_str());
        if is_ours && locked == Some(current.as_str()) {
            package["version"] = toml_edit::value(version.to_string());
        }
    }
    Ok(document.to_string())
}

/// Writes anew what derives from the manifest, without building anything: no generated page depends on the
/// version, and everything else asks cargo for it when it is built.
fn derive(workspace: &Path) -> anyhow::Result<()> {
    Tool::new("cargo")
        .args(["update", "--workspace", "--offline", "--quiet"])
        .current_dir(workspace)
        .output()?;
    generate::sync_all(Mode::Write, workspace)
}

fn tell_what_is_next(workspace: &Path, version: &ReleaseVersion) -> anyhow::Result<()> {
    let changes = status(workspace)?;
    let tag = version.tag();
    if changes.is_empty() {
        say(format_args!("{version} is prepared already. Next:"));
    } else {
        say(format_args!(
            "prepared {version}:\n{changes}\nLook at `git diff`. Next:"
        ));
        say(format_args!(
            "  git commit --all --message 'release: {version}'"
        ));
    }
    say(format_args!("  make rehearse"));
    say(format_args!(
        "  git tag {tag} && git push origin HEAD {tag}"
    ));
    Ok(())
}

/// Changes that are not committed, as `git status --short` shows them; nothing for a clean tree.
fn status(workspace: &Path) -> anyhow::Result<String> {
    Tool::new("git")
        .args(["status", "--short"])
        .current_dir(workspace)
        .output()
}

fn today() -> anyhow::Result<Date> {
    let now = jiff::Timestamp::from_second(Clock::System.now().as_seconds())?;
    Ok(now.to_zoned(TimeZone::UTC).date())
}

fn read(workspace: &Path, name: &str) -> anyhow::Result<String> {
    let path = workspace.join(name);
    fs::read_to_string(&path).with_context(|| format!("failed to read `{}`", path.display()))
}

fn write(workspace: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    let path = workspace.join(name);
    fs::write(&path, text).with_context(|| format!("failed to write `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// A committed workspace at 4.0.0.
    struct Checkout(TempDir);

    impl Checkout {
        fn new() -> Self {
            let checkout = Self(tempfile::tempdir().unwrap());
            for (name, text) in FILES {
                let path = checkout.0.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            for folder in [".", "fuzz"] {
                let cargo = Tool::new("cargo").args(["generate-lockfile", "--offline", "--quiet"]);
                let folder = checkout.0.path().join(folder);
                cargo.current_dir(&folder).output().unwrap();
            }
            checkout.git(&["init", "--quiet"]);
            checkout.commit();
            checkout
        }

        fn git(&self, arguments: &[&str]) -> String {
            Tool::new("git")
                .args(["-c", "user.name=t", "-c", "user.email=t@example.org"])
                .args(["-c", "commit.gpgSign=false"])
                .args(arguments)
                .current_dir(self.0.path())
                .output()
                .unwrap()
        }

        fn commit(&self) {
            self.git(&["add", "--all"]);
            self.git(&["commit", "--quiet", "--message", "a state"]);
        }

        fn text(&self, name: &str) -> String {
            fs::read_to_string(self.0.path().join(name)).unwrap()
        }

        fn write(&self, name: &str, text: &str) {
            fs::write(self.0.path().join(name), text).unwrap();
        }

        fn args(&self, version: &str) -> PrepareArgs {
            PrepareArgs {
                version: version.parse().unwrap(),
                workspace: self.0.path().to_owned(),
                date: Some("2027-01-02".parse().unwrap()),
                allow_same: false,
                bases_mirror: None,
                keep_bases: true,
                dry_run: false,
            }
        }

        fn refusal(&self, args: &PrepareArgs) -> String {
            let error = format!("{:#}", run(args).unwrap_err());
            assert_eq!(self.git(&["diff", "--name-only"]), "", "{error}");
            error
        }
    }

    const FILES: [(&str, &str); 6] = [
        ("Cargo.toml", MANIFEST_TEXT),
        (
            "CHANGELOG.md",
            "# Changes\n\n## 4.1.0 (unreleased)\n\n* New.\n",
        ),
        (
            "crates/app/Cargo.toml",
            "[package]\nname = 'app'\nversion.workspace = true\n",
        ),
        ("crates/app/src/lib.rs", ""),
        (
            "fuzz/Cargo.toml",
            "[workspace]\n[package]\nname = 'fuzz'\n[dependencies]\napp.path = '../crates/app'\n",
        ),
        ("fuzz/src/lib.rs", ""),
    ];

    const MANIFEST_TEXT: &str = r#"
[workspace]
members = ["crates/*"]
resolver = "3"

[workspace.package]
# The one version.
version = "4.0.0" # of everything
description = "d"
license = "MIT"
repository = "https://git.example/acme/mesh"

[workspace.metadata.release]
homebrew-tap = "acme/homebrew-tap"
scoop-bucket = "acme/bucket"
image-organisation = "acme"
"#;

    #[test]
    fn one_command_raises_the_version_everywhere() {
        let checkout = Checkout::new();
        run(&checkout.args("4.1.0")).unwrap();
        assert_eq!(
            checkout.text("Cargo.toml"),
            MANIFEST_TEXT.replace("\"4.0.0\"", "\"4.1.0\"")
        );
        for lock in ["Cargo.lock", "fuzz/Cargo.lock"] {
            let text = checkout.text(lock);
            assert_eq!(text.matches("version = \"4.1.0\"").count(), 1, "{lock}");
        }
        assert!(
            checkout
                .text("CHANGELOG.md")
                .contains("## 4.1.0 (2027-01-02)\n")
        );
        assert!(
            checkout
                .text("docs/reference/meshctl.md")
                .contains("meshctl")
        );

        // Once committed, preparing the same again changes nothing.
        checkout.commit();
        let mut again = checkout.args("4.1.0");
        assert!(checkout.refusal(&again).contains("--allow-same"));
        again.allow_same = true;
        run(&again).unwrap();
        assert_eq!(checkout.git(&["status", "--short"]), "");
    }

    #[test]
    fn what_would_be_wrong_is_refused_and_nothing_is_written() {
        let checkout = Checkout::new();
        let refusal = checkout.refusal(&checkout.args("3.9.9"));
        assert_eq!(
            refusal,
            "3.9.9 is older than 4.0.0, the version of the workspace"
        );
        let refusal = checkout.refusal(&checkout.args("4.2.0"));
        assert!(
            refusal.contains("write `## 4.2.0 (unreleased)` above it"),
            "{refusal}"
        );
        let mut rehearsal = checkout.args("4.1.0");
        rehearsal.dry_run = true;
        run(&rehearsal).unwrap();
        assert_eq!(checkout.git(&["status", "--short"]), "");

        checkout.write("forgotten.txt", "");
        let refusal = checkout.refusal(&checkout.args("4.1.0"));
        assert!(refusal.contains("?? forgotten.txt"), "{refusal}");
    }

    #[test]
    fn a_failure_half_way_says_how_to_go_back() {
        let checkout = Checkout::new();
        checkout.write("crates/app/Cargo.toml", "[package]\n");
        checkout.commit();
        let error = run(&checkout.args("4.1.0")).unwrap_err();
        assert!(
            format!("{error:#}").contains("`git restore .`"),
            "{error:#}"
        );
    }

    /// Debian's `docker-registry` is there on Linux.
    #[cfg(target_os = "linux")]
    #[test]
    fn the_bases_of_images_are_pinned_on_the_way() {
        use crate::release::image::{Loopback, samples};

        let checkout = Checkout::new();
        let base = "[[base]]\nargument = 'A'\nimage = 'docker.io/acme/base:1'\n";
        fs::create_dir_all(checkout.0.path().join("packaging/docker")).unwrap();
        checkout.write(bases::FILE, base);
        checkout.commit();
        let registry = Loopback::start().unwrap();
        let mut args = checkout.args("4.1.0");
        args.keep_bases = false;
        args.bases_mirror = Some(format!("http://{}", registry.host()));
        assert!(checkout.refusal(&args).contains("`--keep-bases`"));

        let image = samples::image(&registry, "acme/base", "one");
        samples::tag(&image, "1");
        run(&args).unwrap();
        assert_eq!(
            checkout.text(bases::FILE),
            format!("{base}digest = \"{}\"\n", image.digest)
        );
    }
}
