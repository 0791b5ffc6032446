//! `cargo xtask release assemble`: what was built becomes one folder of assets, complete or not at all.

mod dist;
mod inventory;

pub(super) use inventory::is_wheel_of;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use self::dist::Dist;
use self::inventory::Missing;
use super::archive::{Files, Mode, write_sha256};
use super::project::{APP, BINARIES};
use super::{Checksums, Project, Target, homebrew, installer, scoop};
use crate::root;

/// 1980-01-01, in seconds since 1970: no zip holds an older time.
const OLDEST_ZIP_TIME: u64 = 315_532_800;

/// Gather what was built into one folder, with installers, manifests and checksums
#[derive(Debug, clap::Args)]
pub(crate) struct AssembleArgs {
    /// What `release build` wrote; the assets go into its folder `upload`
    #[arg(long, default_value = "target/distrib")]
    dir: PathBuf,
    /// The checkout that was built
    #[arg(long, default_value_os_t = root::checkout().to_owned(), hide_default_value = true)]
    workspace: PathBuf,
    /// Stand in for targets that were not built with archives that hold no program; never published
    #[arg(long)]
    lies: bool,
}

pub(crate) fn run(args: &AssembleArgs) -> anyhow::Result<()> {
    let project = Project::load(&args.workspace)?;
    let upload = args.dir.join("upload");
    if upload.exists() {
        fs::remove_dir_all(&upload)
            .with_context(|| format!("failed to remove `{}`", upload.display()))?;
    }
    fs::create_dir_all(&upload)
        .with_context(|| format!("failed to create `{}`", upload.display()))?;

    let files = inventory::built(&args.dir)?;
    let strangers = Missing::strangers(&project.version, &files);
    if !strangers.is_empty() {
        bail!(
            "`{}` holds what no release of {} has: {}; build into an empty folder",
            args.dir.display(),
            project.version,
            strangers.join(", ")
        );
    }
    for file in files {
        copy(&file, &upload)?;
    }
    let dist = Dist::new(&project, &args.dir.join("dist"))?;
    let missing = Missing::of(&project.version, &upload)?;
    if args.lies {
        stand_in(&project, &missing, &dist, &upload)?;
    } else if !missing.is_empty() {
        bail!("a release needs everything, and these were not built:\n{missing}");
    }

    let archives = Checksums::of_folder(&upload)?;
    dist.write_global_artifacts(&archives)?;
    write_installers(&project, &dist.output(), &archives, &upload)?;
    copy(&dist.output().join("source.tar.gz"), &upload)?;
    let manifest = dist.manifest("all", &archives)?;
    write(
        &upload.join("dist-manifest.json"),
        &format!("{}\n", serde_json::to_string_pretty(&manifest)?),
    )?;
    let version = &project.version;
    write(
        &upload.join("mcp-mesh.rb"),
        &homebrew::render(&project, version, &archives)?,
    )?;
    write(
        &upload.join("mcp-mesh.json"),
        &scoop::render(&project, version, &archives)?,
    )?;
    let all = Checksums::of_folder(&upload)?;
    write(&upload.join(Checksums::FILE), &all.to_text())
}

/// The installers, with everything that dist leaves weak mended, and every archive's checksum in them.
fn write_installers(
    project: &Project,
    written: &Path,
    archives: &Checksums,
    upload: &Path,
) -> anyhow::Result<()> {
    let archives = archives.only(&Target::ALL.map(Target::archive))?;
    let name = format!("{APP}-installer.sh");
    let shell = installer::harden_shell(&read(&written.join(&name))?, project, &archives)?;
    write(&upload.join(name), &shell)?;
    let name = format!("{APP}-installer.ps1");
    let powershell =
        installer::harden_powershell(&read(&written.join(&name))?, project, &archives)?;
    write(&upload.join(name), &powershell)
}

/// Archives of the right names, made by dist, without a program in them.
fn stand_in(
    project: &Project,
    missing: &Missing,
    dist: &Dist<'_>,
    upload: &Path,
) -> anyhow::Result<()> {
    dist.fake_every_archive()?;
    for target in missing.targets() {
        for name in [target.archive(), format!("{}.sha256", target.archive())] {
            copy(&dist.output().join(name), upload)?;
        }
        let unpacked = dist.output().join(target.archive_stem());
        stand_in_plainly(target, project, &unpacked, upload)?;
    }
    Ok(())
}

/// The plain archives of what dist put into the other one.
fn stand_in_plainly(
    target: Target,
    project: &Project,
    unpacked: &Path,
    upload: &Path,
) -> anyhow::Result<()> {
    let Some(platform) = target.platform() else {
        return Ok(());
    };
    let mut files = Files::default();
    for binary in BINARIES.map(|binary| target.executable(binary)) {
        let source = unpacked.join(&binary);
        files.read(binary, Mode::Program, &source)?;
    }
    let files = files.under(&platform);
    for name in target.plain_archives(&project.version) {
        let archive = upload.join(name);
        files.pack(&archive, OLDEST_ZIP_TIME)?;
        write_sha256(&archive)?;
    }
    Ok(())
}

fn copy(file: &Path, folder: &Path) -> anyhow::Result<()> {
    let name = file
        .file_name()
        .with_context(|| format!("`{}` is no file", file.display()))?;
    fs::copy(file, folder.join(name))
        .with_context(|| format!("failed to copy `{}`", file.display()))?;
    Ok(())
}

fn read(file: &Path) -> anyhow::Result<String> {
    fs::read_to_string(file).with_context(|| format!("failed to read `{}`", file.display()))
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(file, text).with_context(|| format!("failed to write `{}`", file.display()))
}
