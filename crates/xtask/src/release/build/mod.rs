//! `release build`: everything that is compiled or packed for one target, into one flat folder.
//!
//! * [`toolchain`] finds a compiler for it;
//! * [`machine`] hides the machine from the compilers, so that two of them give the same bytes;
//! * [`binaries`] compiles the two commands and [`inspect`] refuses what would not run elsewhere;
//! * [`packed`] makes archives of them; bills of materials, system packages, wheel and sdist have
//!   modules of their own beside this one.

mod binaries;
#[cfg(test)]
mod container_compilers;
pub(crate) mod inspect;
pub(crate) mod machine;
mod packed;
#[cfg(all(test, unix))]
mod script;
mod toolchain;

pub(crate) use machine::Machine;
pub(crate) use toolchain::Toolchain;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use self::toolchain::WindowsLinker;
use super::pages::Pages;
use super::target::Libc;
use super::{Project, ReleaseVersion, Target, Tool, linux_packages, sbom, wheel};
use crate::root;

/// Build binaries, packages and wheel for one target
#[derive(Debug, clap::Args)]
pub(crate) struct BuildArgs {
    /// The target triple [default: this machine's]
    #[arg(long, value_name = "TRIPLE")]
    target: Option<Target>,
    /// Build this part only
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// The checkout to build
    #[arg(long, value_name = "DIR", default_value = root::checkout().as_os_str())]
    workspace: PathBuf,
    /// The folder that gets the files [default: `distrib` in the target directory]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Where cargo compiles [default: `$CARGO_TARGET_DIR`, or `target` of this checkout]
    #[arg(long, value_name = "DIR")]
    target_dir: Option<PathBuf>,
    /// The minisign key that `meshctl self update` trusts [default: the workspace's]
    #[arg(long, value_name = "BASE64")]
    public_key: Option<String>,
    /// Write the bare binaries to `DIR/<os>_<arch>` and nothing else
    #[arg(long, value_name = "DIR", conflicts_with = "only")]
    plain_dir: Option<PathBuf>,
    /// Pack them too, as `DIR/mcp-mesh_<version>_<os>_<arch>.tar.gz` or `.zip`
    #[arg(long, requires = "plain_dir")]
    compress: bool,
    /// Link a Windows program without Microsoft's tools, for a rehearsal: it is never published
    #[arg(long)]
    windows_gnu: bool,
    /// Only say whether this machine can build it
    #[arg(long)]
    dry_run: bool,
    /// Refuse to build another version than this one
    #[arg(long, value_name = "VERSION")]
    expect_version: Option<ReleaseVersion>,
}

/// What can be built by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// Both commands: archives, bills of materials and, for glibc, .deb and .rpm
    Binaries,
    /// The Python package with its native module
    Wheel,
    /// The source of the Python package; the same for every target
    Sdist,
}

/// One build: of what, for what, from where, to where.
#[derive(Debug)]
pub(crate) struct Build {
    pub(crate) project: Project,
    pub(crate) target: Target,
    /// The flat folder of the release.
    pub(crate) out: PathBuf,
    pub(crate) machine: Machine,
    /// When everything inside was last changed, in seconds since 1970.
    pub(crate) epoch: u64,
    /// The key that `meshctl self update` will trust, if it has one.
    pub(crate) public_key: Option<String>,
}

pub(crate) fn run(args: BuildArgs) -> anyhow::Result<()> {
    let BuildArgs {
        target,
        only,
        workspace,
        out,
        target_dir,
        public_key,
        plain_dir,
        compress,
        windows_gnu,
        dry_run,
        expect_version,
    } = args;
    let target = target
        .or_else(Target::host)
        .context("this machine is no target of a release; say with `--target` what to build for")?;
    let absolute = |folder: PathBuf| {
        std::path::absolute(&folder).with_context(|| format!("`{}` is no folder", folder.display()))
    };
    let workspace = workspace
        .canonicalize()
        .with_context(|| format!("`{}` is no checkout", workspace.display()))?;
    let target_dir = absolute(target_dir.unwrap_or_else(root::target))?;
    let out = absolute(out.unwrap_or_else(|| target_dir.join("distrib")))?;
    let project = Project::load(&workspace)?;
    if let Some(expected) = expect_version.filter(|expected| *expected != project.version) {
        bail!(
            "`{}` is at version {}, not at {expected}; `cargo xtask release prepare {expected}` changes it",
            workspace.display(),
            project.version
        );
    }
    let linker = if windows_gnu {
        WindowsLinker::Gnu
    } else {
        WindowsLinker::Msvc
    };
    let toolchain = Toolchain::find(&workspace, target, linker)?;
    if dry_run {
        return Ok(());
    }
    for folder in [&target_dir, &out] {
        fs::create_dir_all(folder)
            .with_context(|| format!("failed to create `{}`", folder.display()))?;
    }
    let build = Build {
        target,
        out,
        epoch: machine::epoch(&workspace)?,
        machine: Machine::of(&workspace, target_dir, toolchain)?,
        public_key: public_key.or_else(|| project.release.minisign_public_key.clone()),
        project,
    };
    if let Some(folder) = plain_dir {
        return build.plain(&absolute(folder)?, compress);
    }
    let wants = |part| only.is_none_or(|only| only == part);
    if wants(Part::Binaries) {
        build.binaries()?;
    }
    if wants(Part::Wheel) {
        wheel::build(&build)?;
    }
    if wants(Part::Sdist) {
        wheel::pack_source(&build)?;
    }
    Ok(())
}

/// The variable that hands the key of `meshctl self update` to the compiler.
const PUBLIC_KEY: &str = "MCP_MESH_RELEASE_PUBLIC_KEY";

impl Build {
    /// Prepares a run of cargo or maturin: the same bytes on every machine, and the key inside.
    pub(crate) fn hide(&self, machine: &Machine, tool: Tool) -> Tool {
        let tool = machine.hide(tool, self.target, self.epoch);
        match &self.public_key {
            Some(key) => tool.env(PUBLIC_KEY, key),
            None => tool.env_remove(PUBLIC_KEY),
        }
    }

    /// Archives with both commands, their bills of materials and the packages of Linux systems.
    fn binaries(&self) -> anyhow::Result<()> {
        let binaries = binaries::compile(self)?;
        let pages = Pages::render(&self.project.version)?;
        packed::write(self, &binaries, &pages)?;
        sbom::write(self)?;
        if self.target.libc == Some(Libc::Gnu) {
            linux_packages::write(self, &binaries, &pages)?;
        }
        Ok(())
    }

    /// The bare binaries in a folder named for the platform, as scripts expect them.
    fn plain(&self, folder: &Path, compress: bool) -> anyhow::Result<()> {
        let platform = self.target.platform().with_context(|| {
            format!(
                "`{}` has no folder of its own; build its archive instead",
                self.target
            )
        })?;
        let files = binaries::compile(self)?.under(&platform);
        files.write_into(folder)?;
        if compress {
            let archives = self.target.plain_archives(&self.project.version);
            let named_by_version = archives.first().context("there is no plain archive")?;
            packed::pack(self, &files, folder.join(named_by_version))?;
        }
        Ok(())
    }
}
