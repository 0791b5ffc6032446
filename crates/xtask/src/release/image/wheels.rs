//! The wheels of the locked packages, fetched once, so that building images needs no network.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::Platform;
use super::lock::{self, Locked};
use crate::release::checksums::sha256_of_file;
use crate::release::target::Cpu;
use crate::release::{Tool, say};
use crate::root;

/// The Python of the images, as wheels name it.
const PYTHON: (&str, &str) = ("3.11", "cp311");

/// The newest glibc that wheels may ask for, as its minor version: that of Debian 12.
const NEWEST_GLIBC: u8 = 36;

/// Download the wheels that the images hold beside ours, for each platform
#[derive(Debug, clap::Args)]
pub(crate) struct FetchImageWheelsArgs {
    /// Gets a folder for each platform, such as `amd64`
    #[arg(long)]
    out: PathBuf,
    /// What the images run on
    #[arg(long, value_delimiter = ',', default_values_t = Platform::ALL)]
    platforms: Vec<Platform>,
    /// The checkout that has the lock
    #[arg(long, default_value_os_t = root::checkout().to_owned(), hide_default_value = true)]
    workspace: PathBuf,
}

pub(crate) fn run(args: &FetchImageWheelsArgs) -> anyhow::Result<()> {
    fetch(&args.workspace, &args.platforms, &args.out)
}

/// Puts the wheels of each platform into its folder below `out`; what is there already is not fetched
/// again.
pub(super) fn fetch(workspace: &Path, platforms: &[Platform], out: &Path) -> anyhow::Result<()> {
    let (_, locked) = lock::read(workspace)?;
    for &platform in platforms {
        let folder = out.join(platform.architecture());
        fs::create_dir_all(&folder)
            .with_context(|| format!("failed to create `{}`", folder.display()))?;
        if chosen(&locked, platform, &folder).is_err() {
            download(&workspace.join(lock::FILE), platform, &folder)?;
        }
        let count = chosen(&locked, platform, &folder)?.len();
        say(format_args!(
            "{count} wheels for {platform} are in `{}`",
            folder.display()
        ));
    }
    Ok(())
}

/// pip verifies each file's hash, and finds by itself which file is for the platform.
fn download(lock: &Path, platform: Platform, folder: &Path) -> anyhow::Result<()> {
    let (version, abi) = PYTHON;
    let tags = platform_tags(platform);
    Tool::new("pip")
        .args([
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
        ])
        .args(["--only-binary", ":all:", "--require-hashes"])
        .args(["--implementation", "cp", "--python-version", version])
        .args(["--abi", abi, "--abi", "abi3", "--abi", "none"])
        .args(tags.iter().flat_map(|tag| ["--platform", tag]))
        .arg("--requirement")
        .arg(lock)
        .arg("--dest")
        .arg(folder)
        .output()
        .map(drop)
        .with_context(|| format!("failed to fetch the wheels for {platform}"))
}

/// The platform tags that a wheel for Debian may have, newest first.
fn platform_tags(platform: Platform) -> Vec<String> {
    let cpu = cpu_of_wheels(platform);
    let old = match platform.cpu() {
        Cpu::Amd64 => ["2014", "2010", "1"].as_slice(),
        Cpu::Arm64 => &["2014"],
    };
    let new = (5..=NEWEST_GLIBC)
        .rev()
        .map(|minor| format!("manylinux_2_{minor}_{cpu}"));
    new.chain(old.iter().map(|age| format!("manylinux{age}_{cpu}")))
        .collect()
}

fn cpu_of_wheels(platform: Platform) -> &'static str {
    match platform.cpu() {
        Cpu::Amd64 => "x86_64",
        Cpu::Arm64 => "aarch64",
    }
}

/// A wheel for one of the locked packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wheel {
    pub(super) path: PathBuf,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) sha256: String,
}

/// The one wheel of each locked package that lies in `folder`; others there are left alone.
pub(super) fn chosen(
    locked: &[Locked],
    platform: Platform,
    folder: &Path,
) -> anyhow::Result<Vec<Wheel>> {
    let there = wheels_in(folder)?;
    let mut wheels = Vec::new();
    for package in locked {
        let of_package = there.iter().filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            is_of(&name, package, platform)
        });
        let mut found = None;
        for path in of_package {
            let sha256 = sha256_of_file(path)?;
            if !package.hashes.contains(&sha256) {
                bail!(
                    "`{}` has the checksum {sha256}, which the lock does not list",
                    path.display()
                );
            }
            found = Some(Wheel {
                path: path.clone(),
                name: package.name.clone(),
                version: package.version.clone(),
                sha256,
            });
        }
        let Some(wheel) = found else {
            bail!(
                "`{}` has no wheel of {} {} for {platform}; `cargo xtask release \
                 fetch-image-wheels` fetches it",
                folder.display(),
                package.name,
                package.version
            );
        };
        wheels.push(wheel);
    }
    Ok(wheels)
}

/// Whether a file is the package's wheel, for this platform or for all.
fn is_of(file: &str, package: &Locked, platform: Platform) -> bool {
    let Some(parts) = file.strip_suffix(".whl") else {
        return false;
    };
    let parts: Vec<_> = parts.split('-').collect();
    let [name, version, .., tags] = parts.as_slice() else {
        return false;
    };
    let runs_here = *tags == "any" || tags.ends_with(cpu_of_wheels(platform));
    runs_here && lock::normalised(name) == package.name && *version == package.version
}

/// Every wheel of a folder, in the order of their names.
fn wheels_in(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let unreadable = || {
        format!(
            "failed to read `{}`; `cargo xtask release fetch-image-wheels` fills it",
            folder.display()
        )
    };
    let mut wheels = Vec::new();
    for entry in fs::read_dir(folder).with_context(unreadable)? {
        let path = entry.with_context(unreadable)?.path();
        if path.extension().is_some_and(|end| end == "whl") {
            wheels.push(path);
        }
    }
    wheels.sort();
    Ok(wheels)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn package(name: &str, version: &str) -> Locked {
        Locked {
            name: name.to_owned(),
            version: version.to_owned(),
            hashes: [ABC.to_owned()].into(),
        }
    }

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            fs::write(folder.path().join(name), content).unwrap();
        }
        folder
    }

    #[test]
    fn every_locked_package_has_its_wheel() {
        let [amd64, arm64] = Platform::ALL;
        let folder = folder(&[
            ("py_key_value-1.0-py3-none-any.whl", "abc"),
            (
                "rpds_py-2-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
                "abc",
            ),
            ("unknown-1-py3-none-any.whl", "other"),
            ("notes.txt", ""),
        ]);
        let locked = [package("py-key-value", "1.0"), package("rpds-py", "2")];
        let wheels = chosen(&locked, amd64, folder.path()).unwrap();
        let names: Vec<_> = wheels.iter().map(|wheel| wheel.name.as_str()).collect();
        assert_eq!(names, ["py-key-value", "rpds-py"]);
        let error = chosen(&locked, arm64, folder.path())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("no wheel of rpds-py 2 for linux/arm64"),
            "{error}"
        );
        assert!(error.contains("fetch-image-wheels"), "{error}");
    }

    #[test]
    fn a_wheel_that_the_lock_does_not_know_is_refused() {
        let folder = folder(&[("a-1-py3-none-any.whl", "tampered")]);
        let error = chosen(&[package("a", "1")], Platform::ALL[0], folder.path()).unwrap_err();
        assert!(
            error.to_string().contains("the lock does not list"),
            "{error}"
        );
    }

    #[test]
    fn a_folder_that_is_not_there_is_named_with_its_cure() {
        let error = chosen(
            &[package("a", "1")],
            Platform::ALL[0],
            Path::new("/nowhere/amd64"),
        );
        let error = error.unwrap_err().to_string();
        assert!(error.contains("`/nowhere/amd64`"), "{error}");
        assert!(error.contains("fetch-image-wheels"), "{error}");
    }

    #[test]
    fn wheels_for_debian_are_asked_for() {
        let [amd64, arm64] = Platform::ALL.map(platform_tags);
        assert_eq!(amd64[0], "manylinux_2_36_x86_64");
        assert!(amd64.contains(&"manylinux1_x86_64".to_owned()));
        assert_eq!(arm64.last().unwrap(), "manylinux2014_aarch64");
    }
}
