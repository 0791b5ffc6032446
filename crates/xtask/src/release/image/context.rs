//! What the Dockerfiles copy from, laid out from the verified files of a release.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail, ensure};
use jiff::Timestamp;
use object::{Architecture, Object as _};
use serde_json::json;

use super::lock::{self, Locked};
use super::wheels::{self, Wheel};
use super::{Image, Platform};
use crate::release::archive::{Files, Mode};
use crate::release::assemble::is_wheel_of;
use crate::release::build::machine::epoch;
use crate::release::checksums::sha256_of_file;
use crate::release::elf::Needs;
use crate::release::project::{APP, BINARIES};
use crate::release::target::Cpu;
use crate::release::{Checksums, Project, ReleaseVersion, Tool, say};
use crate::root;

/// The file of a context that says what the images are labelled with: `NAME=value`, one a line. It is
/// the last one that is written.
const BUILD_ARGUMENTS: &str = "build-arguments";

/// The registry's user in its image, and the folder that it writes to.
const REGISTRY_USER: u64 = 1001;

/// Lay out what the images are built from, out of the files of a release
#[derive(Debug, clap::Args)]
pub(crate) struct ImageContextArgs {
    /// The folder of the release's files, with `SHA256SUMS`
    #[arg(long)]
    dir: PathBuf,
    /// The folder to make; an earlier context there goes
    #[arg(long)]
    out: PathBuf,
    /// What the images run on
    #[arg(long, value_delimiter = ',', default_values_t = Platform::ALL)]
    platforms: Vec<Platform>,
    /// Which images will be built from it
    #[arg(long, value_delimiter = ',', default_values_t = Image::ALL)]
    images: Vec<Image>,
    /// What `fetch-image-wheels` fetched; without it they are fetched now
    #[arg(long)]
    wheels: Option<PathBuf>,
    /// The checkout that was built
    #[arg(long, default_value_os_t = root::checkout().to_owned(), hide_default_value = true)]
    workspace: PathBuf,
}

pub(crate) fn run(args: &ImageContextArgs) -> anyhow::Result<()> {
    let upload = Upload::open(&args.dir)?;
    let project = Project::load(&args.workspace)?;
    let epoch = epoch(&args.workspace)?;
    // Everything is verified before the first file is written.
    let mut files = Files::default();
    for &platform in &args.platforms {
        upload.add_programs(platform, &mut files)?;
    }
    let has_python = args.images.iter().any(|&image| image != Image::Registry);
    let fetched;
    let python = match (&args.wheels, has_python) {
        (_, false) => None,
        (Some(folder), true) => Some(Python::of(&upload, args, folder)?),
        (None, true) => {
            fetched = tempfile::tempdir().context("failed to create a folder for the wheels")?;
            for &platform in &args.platforms {
                upload.wheel(platform)?; // No download for a release that lacks ours.
            }
            wheels::fetch(&args.workspace, &args.platforms, fetched.path())?;
            Some(Python::of(&upload, args, fetched.path())?)
        }
    };

    let out = &args.out;
    clear(out)?;
    files.read("LICENSE", Mode::Data, &args.workspace.join("LICENSE"))?;
    for script in ["healthcheck.py", "make-environment.py"] {
        let from = args.workspace.join("packaging/docker").join(script);
        files.read(script, Mode::Data, &from)?;
    }
    files.insert("registry-root.tar", Mode::Data, registry_root(epoch)?);
    if let Some(python) = python {
        python.lay_out(&mut files)?;
    }
    files.write_into(out)?;
    let arguments = build_arguments(&project, &upload.version, epoch)?;
    write(&out.join(BUILD_ARGUMENTS), &arguments)?;
    let platforms: Vec<_> = args.platforms.iter().map(Platform::to_string).collect();
    say(format_args!(
        "`{}` holds what the images of {} are built from, for {}",
        out.display(),
        upload.version,
        platforms.join(" and ")
    ));
    Ok(())
}

/// The files of a release, each of which is held against its checksum before it is used.
struct Upload {
    folder: PathBuf,
    sums: Checksums,
    version: ReleaseVersion,
}

impl Upload {
    fn open(folder: &Path) -> anyhow::Result<Self> {
        ensure!(
            folder.join(Checksums::FILE).is_file(),
            "`{}` has no {}, so it is no folder of a release; `cargo xtask release assemble` makes one",
            folder.display(),
            Checksums::FILE
        );
        let sums = Checksums::read(folder)?;
        let version = version_among(&sums).with_context(|| {
            format!(
                "`{}` lists no `{APP}_<version>_<os>_<cpu>.tar.gz`, so its version is unknown",
                folder.join(Checksums::FILE).display()
            )
        })?;
        Ok(Self {
            folder: folder.to_owned(),
            sums,
            version,
        })
    }

    /// The path of a file that is what its checksum says.
    fn verified(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.folder.join(name);
        self.sums.verify_file(&path).map_err(|problem| {
            anyhow!("{problem:#}; fetch the release again, or run `cargo xtask release assemble`")
        })?;
        Ok(path)
    }

    /// Adds the static programs for a platform and their bills of materials, where the context has them.
    fn add_programs(&self, platform: Platform, files: &mut Files) -> anyhow::Result<()> {
        let target = platform.target();
        let archive = target.archive();
        ensure!(
            self.folder.join(&archive).is_file(),
            "`{}` has no `{archive}`, so there is no image for {platform}; `cargo xtask release build \
             --target {target}` makes it",
            self.folder.display()
        );
        let archived = Files::unpack(&self.verified(&archive)?)?;
        for binary in BINARIES {
            let path = format!("{}/{binary}", target.archive_stem());
            let Some((_, _, bytes)) = archived.iter().find(|(there, ..)| *there == path) else {
                bail!("`{archive}` holds no `{path}`");
            };
            ensure!(
                is_static_program(bytes, platform),
                "`{path}` of `{archive}` is no static program for {platform}; an image without a \
                 system cannot run it"
            );
            files.insert(
                format!("{platform}/{binary}"),
                Mode::Program,
                bytes.to_owned(),
            );
            let bill = format!("{platform}/sbom/{binary}.cdx.json");
            files.read(bill, Mode::Data, &self.verified(&target.sbom(binary))?)?;
        }
        Ok(())
    }

    /// Our own wheel for a platform.
    fn wheel(&self, platform: Platform) -> anyhow::Result<Wheel> {
        let target = platform.wheel_target();
        let listed = self
            .sums
            .iter()
            .map(|(name, _)| name)
            .find(|name| is_wheel_of(name, target, &self.version));
        let Some(name) = listed.filter(|name| self.folder.join(name).is_file()) else {
            bail!(
                "`{}` has no wheel of {} for {platform}; `cargo xtask release build --target {target} \
                 --only wheel` makes it",
                self.folder.display(),
                self.version
            );
        };
        let path = self.verified(name)?;
        Ok(Wheel {
            sha256: sha256_of_file(&path)?,
            path,
            name: APP.to_owned(),
            version: self.version.pep440(),
        })
    }
}

fn is_static_program(bytes: &[u8], platform: Platform) -> bool {
    let cpu = object::File::parse(bytes).map(|file| file.architecture());
    let needs = Needs::of(bytes);
    let is_static =
        needs.is_ok_and(|needs| needs.interpreter.is_none() && needs.libraries.is_empty());
    let wanted = match platform.cpu() {
        Cpu::Amd64 => Architecture::X86_64,
        Cpu::Arm64 => Architecture::Aarch64,
    };
    is_static && cpu == Ok(wanted)
}

/// The version that the plain archives have in their names; all of them were made from one checkout.
fn version_among(sums: &Checksums) -> Option<ReleaseVersion> {
    sums.iter()
        .filter_map(|(name, _)| name.strip_prefix(&format!("{APP}_"))?.split('_').next())
        .find_map(|version| version.parse().ok())
}

/// What the two images with Python hold.
struct Python {
    lock: String,
    wheels: Vec<(Platform, Vec<Wheel>)>,
}

impl Python {
    fn of(upload: &Upload, args: &ImageContextArgs, folder: &Path) -> anyhow::Result<Self> {
        let (mut lock, locked) = lock::read(&args.workspace)?;
        let mut wheels = Vec::new();
        let mut ours = Locked {
            name: APP.to_owned(),
            version: upload.version.pep440(),
            hashes: [].into(),
        };
        for &platform in &args.platforms {
            let mut chosen =
                wheels::chosen(&locked, platform, &folder.join(platform.architecture()))?;
            let wheel = upload.wheel(platform)?;
            ours.hashes.insert(wheel.sha256.clone());
            chosen.push(wheel);
            wheels.push((platform, chosen));
        }
        // Ours is locked like the others, by the files that were verified.
        lock.push_str(&ours.to_text());
        Ok(Self { lock, wheels })
    }

    fn lay_out(self, files: &mut Files) -> anyhow::Result<()> {
        files.insert("requirements.txt", Mode::Data, self.lock.into_bytes());
        for (platform, wheels) in self.wheels {
            let bill = format!("{platform}/sbom/{APP}-python.cdx.json");
            files.insert(bill, Mode::Data, bill_of(&wheels)?.into_bytes());
            for wheel in wheels {
                let name = wheel.path.file_name().unwrap_or_default().to_string_lossy();
                let path = format!("{platform}/wheels/{name}");
                files.read(path, Mode::Data, &wheel.path)?;
            }
        }
        Ok(())
    }
}

/// The bill of materials of an image's Python packages, in `CycloneDX` 1.5 like those of the programs. What
/// our own wheel was compiled from stands in a bill inside it.
fn bill_of(wheels: &[Wheel]) -> anyhow::Result<String> {
    let component = |wheel: &Wheel, kind: &str| {
        let purl = format!("pkg:pypi/{}@{}", wheel.name, wheel.version);
        json!({
            "type": kind,
            "bom-ref": purl,
            "name": wheel.name,
            "version": wheel.version,
            "purl": purl,
            "hashes": [{ "alg": "SHA-256", "content": wheel.sha256 }],
        })
    };
    let (ours, others): (Vec<_>, Vec<_>) = wheels.iter().partition(|wheel| wheel.name == APP);
    let others: Vec<_> = others
        .into_iter()
        .map(|wheel| component(wheel, "library"))
        .collect();
    let bill = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": ours.first().map(|wheel| component(wheel, "application")) },
        "components": others,
    });
    Ok(serde_json::to_string_pretty(&bill)? + "\n")
}

/// What an empty image needs before a program can live in it: its user, a folder that this user may
/// write to, one for temporary files, and the short name of the program.
fn registry_root(epoch: u64) -> anyhow::Result<Vec<u8>> {
    let passwd = format!(
        "root:x:0:0::/:/sbin/nologin\n{APP}:x:{REGISTRY_USER}:{REGISTRY_USER}::/data:/sbin/nologin\n"
    );
    let group = format!("root:x:0:\n{APP}:x:{REGISTRY_USER}:\n");
    let mut tar = tar::Builder::new(Vec::new());
    let mut add = |path: &str, kind, mode, owner, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(owner);
        header.set_gid(owner);
        header.set_mtime(epoch);
        header.set_size(content.len().try_into()?);
        tar.append_data(&mut header, path, content)
            .with_context(|| format!("failed to pack `{path}`"))
    };
    let (folder, file) = (tar::EntryType::Directory, tar::EntryType::Regular);
    add("data/", folder, 0o750, REGISTRY_USER, b"")?;
    add("tmp/", folder, 0o1777, 0, b"")?;
    add("etc/", folder, 0o755, 0, b"")?;
    add("etc/passwd", file, 0o644, 0, passwd.as_bytes())?;
    add("etc/group", file, 0o644, 0, group.as_bytes())?;
    for path in ["usr/", "usr/local/", "usr/local/bin/"] {
        add(path, folder, 0o755, 0, b"")?;
    }
    let mut link = tar::Header::new_gnu();
    link.set_entry_type(tar::EntryType::Symlink);
    link.set_mode(0o777);
    link.set_uid(0);
    link.set_gid(0);
    link.set_mtime(epoch);
    link.set_size(0);
    tar.append_link(&mut link, "usr/local/bin/registry", "mcp-mesh-registry")
        .context("failed to pack `usr/local/bin/registry`")?;
    Ok(tar.into_inner()?)
}

/// What the Dockerfiles take as arguments, but for their base.
fn build_arguments(
    project: &Project,
    version: &ReleaseVersion,
    epoch: u64,
) -> anyhow::Result<String> {
    let created = Timestamp::from_second(i64::try_from(epoch)?)?;
    // A source without Git, such as an archive's, does not know its commit.
    let revision = if project.root.join(".git").exists() {
        Tool::new("git")
            .args(["rev-parse", "HEAD"])
            .current_dir(&project.root)
            .output()?
    } else {
        String::new()
    };
    Ok(format!(
        "SOURCE_DATE_EPOCH={epoch}\nCREATED={created}\nVERSION={version}\nREVISION={revision}\n\
         SOURCE={}\nLICENSES={}\n",
        project.repository, project.license
    ))
}

/// Removes an earlier context; a folder that holds anything else is somebody's.
fn clear(out: &Path) -> anyhow::Result<()> {
    let is_empty = match fs::read_dir(out) {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => true,
    };
    if !is_empty {
        ensure!(
            out.join(BUILD_ARGUMENTS).is_file(),
            "`{}` holds something else than an earlier context; name another folder",
            out.display()
        );
        fs::remove_dir_all(out).with_context(|| format!("failed to remove `{}`", out.display()))?;
    }
    fs::create_dir_all(out).with_context(|| format!("failed to create `{}`", out.display()))
}

fn write(path: &Path, content: &str) -> anyhow::Result<()> {
    fs::write(path, content).with_context(|| format!("failed to write `{}`", path.display()))
}

#[cfg(test)]
mod tests;
