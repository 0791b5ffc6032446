//! Everything that a release is built of: for this machine's own target, twice where that is asked for,
//! and for every other target that the tools at hand can compile.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::report::Row;
use super::sources::{Source, xtask};
use crate::release::target::{Cpu, Libc, Os};
use crate::release::{Checksums, Target, say};
use crate::root;

/// A version that was built.
#[derive(Debug, Clone)]
pub(super) struct Build {
    pub(super) source: Source,
    /// What `release build` wrote, and `assemble` goes on with; a folder for this machine's own target,
    /// and maybe one for the others.
    pub(super) dirs: Vec<PathBuf>,
}

impl Build {
    /// Together with what was built of the same version elsewhere.
    pub(super) fn with(mut self, other: Self) -> Self {
        self.dirs.extend(other.dirs);
        self
    }

    fn dir(&self) -> &Path {
        &self.dirs[0]
    }
}

/// Something that `release build` makes by itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) target: Target,
    /// What `--only` is told.
    only: &'static str,
}

impl Part {
    /// The commands, which is all that an update starts from.
    pub(super) fn programs() -> anyhow::Result<Vec<Self>> {
        Self::of_host(&["binaries"])
    }

    /// Everything that a release has for this machine's own target.
    pub(super) fn everything() -> anyhow::Result<Vec<Self>> {
        Self::of_host(&["binaries", "wheel", "sdist"])
    }

    fn of_host(parts: &[&'static str]) -> anyhow::Result<Vec<Self>> {
        let target = Target::host().context("releases are not built for this machine")?;
        Ok(parts.iter().map(|only| Self { target, only }).collect())
    }

    /// What Debian's cross compilers make for other machines, once `make cross-toolchain` has set them up.
    pub(super) fn foreign() -> Vec<Self> {
        if !root::checkout().join(".tools/cross/.stamp").exists() {
            return Vec::new();
        }
        let mut parts = Vec::new();
        for target in Target::ALL {
            // Nothing here compiles for Windows on arm64, and this machine's own target is built anyway.
            let impossible = target.os == Os::Windows && target.cpu == Cpu::Arm64;
            if impossible || Some(target) == Target::host() {
                continue;
            }
            parts.push(Self {
                target,
                only: "binaries",
            });
            if target.libc == Some(Libc::Gnu) {
                parts.push(Self {
                    target,
                    only: "wheel",
                });
            }
        }
        parts
    }

    /// Only what container images are made of.
    pub(super) fn is_for_images(self) -> bool {
        match self.target.libc {
            Some(Libc::Musl) => self.only == "binaries",
            Some(Libc::Gnu) => self.only == "wheel",
            None => false,
        }
    }

    fn name(self) -> String {
        format!("{}-{}", self.target, self.only)
    }
}

/// Builds `parts` of a release into `dir`, but for those that it holds already.
pub(super) fn build(
    source: &Source,
    dir: &Path,
    cache: &Path,
    parts: &[Part],
) -> anyhow::Result<Build> {
    let build = Build {
        source: source.clone(),
        dirs: vec![dir.to_owned()],
    };
    let commit = source.commit().unwrap_or_default();
    let stamps = dir.with_extension("built");
    if fs::read_to_string(stamps.join("commit")).ok().as_deref() != Some(commit) {
        for folder in [dir, &stamps] {
            make_empty(folder)?;
        }
        write(&stamps.join("commit"), commit)?;
    }
    for part in parts {
        let stamp = stamps.join(part.name());
        if stamp.exists() {
            say(format_args!(
                "    {}: built before, of this very commit",
                part.name()
            ));
            continue;
        }
        say(format_args!("    {}", part.name()));
        source.check_out()?;
        let mut tool = xtask()
            .args(["build", "--target", part.target.triple()])
            .args(["--only", part.only]);
        if part.target.os == Os::Windows {
            // What Debian's compilers link there; `stand_ins` keeps it from ever being published.
            tool = tool.arg("--windows-gnu");
        }
        tool.arg("--workspace")
            .arg(&source.workspace)
            .arg("--out")
            .arg(dir)
            .arg("--target-dir")
            .arg(cache)
            .output()?;
        write(&stamp, "")?;
    }
    Ok(build)
}

fn make_empty(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("failed to remove `{}`", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("failed to create `{}`", folder.display()))
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(file, text).with_context(|| format!("failed to write `{}`", file.display()))
}

/// Compares two builds of one commit byte for byte.
pub(super) fn compare(one: &Build, other: &Build) -> anyhow::Result<Vec<Row>> {
    let [ours, theirs] = [
        Checksums::of_folder(one.dir())?,
        Checksums::of_folder(other.dir())?,
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
            one.dir().display(),
            other.dir().display()
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

/// What the wheels' own checks say.
pub(super) fn check_wheels(build: &Build) -> anyhow::Result<Vec<Row>> {
    let mut wheels = Vec::new();
    for dir in &build.dirs {
        for entry in
            fs::read_dir(dir).with_context(|| format!("failed to read `{}`", dir.display()))?
        {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with("mcp_mesh-") {
                wheels.push(path);
            }
        }
    }
    xtask()
        .arg("check-wheel")
        .arg("--workspace")
        .arg(&build.source.workspace)
        .args(&wheels)
        .output()?;
    Ok(vec![Row::real(
        "wheels and sdist",
        format!(
            "{} files: version, entry points, types, licence; one wheel for every Python from 3.11; manylinux2014",
            wheels.len()
        ),
        "twine check --strict, abi3audit, check-wheel-contents, auditwheel, `release check-wheel`",
    )])
}
