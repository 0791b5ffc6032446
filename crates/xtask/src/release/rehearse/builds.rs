//! Both versions built, the new one twice: in two folders, from two clones, with two caches.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::report::Row;
use super::sources::{Source, xtask};
use crate::release::{Checksums, Target, say};

/// A version that was built.
#[derive(Debug, Clone)]
pub(super) struct Build {
    pub(super) source: Source,
    /// What `release build` wrote, and `assemble` goes on with.
    pub(super) dir: PathBuf,
}

/// Builds the parts `only` of a release for this machine's own target, unless `dir` holds them already.
pub(super) fn build(
    source: &Source,
    dir: &Path,
    cache: &Path,
    only: &[&str],
) -> anyhow::Result<Build> {
    let build = Build {
        source: source.clone(),
        dir: dir.to_owned(),
    };
    let stamp = dir.with_extension("commit");
    if source.commit().is_some_and(|commit| {
        fs::read_to_string(&stamp).is_ok_and(|built| built == commit) && dir.exists()
    }) {
        say(format_args!("    built before, of this very commit"));
        return Ok(build);
    }
    source.check_out()?;
    if dir.exists() {
        fs::remove_dir_all(dir).with_context(|| format!("failed to remove `{}`", dir.display()))?;
    }
    for part in only {
        xtask()
            .args(["build", "--target", host()?.triple(), "--only", part])
            .arg("--workspace")
            .arg(&source.workspace)
            .arg("--out")
            .arg(dir)
            .arg("--target-dir")
            .arg(cache)
            .output()?;
    }
    fs::write(&stamp, source.commit().unwrap_or_default())
        .with_context(|| format!("failed to write `{}`", stamp.display()))?;
    Ok(build)
}

pub(super) fn host() -> anyhow::Result<Target> {
    Target::host().context("releases are not built for this machine")
}

/// Compares two builds of one commit byte for byte.
pub(super) fn compare(one: &Build, other: &Build) -> anyhow::Result<Vec<Row>> {
    let [ours, theirs] = [
        Checksums::of_folder(&one.dir)?,
        Checksums::of_folder(&other.dir)?,
    ];
    let mut different = Vec::new();
    let mut names = Vec::new();
    for (name, checksum) in ours.iter() {
        names.push(name.to_owned());
        if theirs.get(name) != Some(checksum) {
            different.push(name.to_owned());
        }
    }
    for (name, _) in theirs.iter() {
        if ours.get(name).is_none() {
            different.push(name.to_owned());
        }
    }
    if !different.is_empty() {
        bail!(
            "two builds of one commit differ in {}; compare `{}` with `{}`",
            different.join(", "),
            one.dir.display(),
            other.dir.display()
        );
    }
    Ok(vec![Row::real(
        "reproducible builds",
        format!(
            "{} files are the same bytes: archives, bills of materials, wheel, sdist, .deb, .rpm",
            names.len()
        ),
        "one commit built twice, in two folders with two caches",
    )])
}

/// What the wheel's own checks say.
pub(super) fn check_wheel(build: &Build) -> anyhow::Result<Vec<Row>> {
    let wheels: Vec<PathBuf> = fs::read_dir(&build.dir)
        .with_context(|| format!("failed to read `{}`", build.dir.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("mcp_mesh-")
        })
        .collect();
    xtask()
        .arg("check-wheel")
        .arg("--workspace")
        .arg(&build.source.workspace)
        .args(&wheels)
        .output()?;
    Ok(vec![Row::real(
        "wheel and sdist",
        "version, entry points, types, licence; one wheel for every Python from 3.11; manylinux2014",
        "twine check --strict, abi3audit, check-wheel-contents, auditwheel, `release check-wheel`",
    )])
}
