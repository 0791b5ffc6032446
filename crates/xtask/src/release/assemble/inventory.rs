//! What a complete release consists of, and what of it is not there.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::release::project::BINARIES;
use crate::release::target::{Cpu, Libc, Os};
use crate::release::{ReleaseVersion, Target};

/// The files that `release build` wrote into `folder`; its folders are somebody's scratch.
pub(super) fn built(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)
        .with_context(|| format!("failed to read `{}`; run `release build`", folder.display()))?
    {
        let entry = entry.with_context(|| format!("failed to read `{}`", folder.display()))?;
        if entry.path().is_file() {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

/// Assets that are not there, by the target that they are for; wheels and sources have none.
#[derive(Debug)]
pub(super) struct Missing {
    assets: Vec<(Option<Target>, String)>,
}

impl Missing {
    /// Compares what a release of `version` needs with what is in `folder`.
    pub(super) fn of(version: &ReleaseVersion, folder: &Path) -> anyhow::Result<Self> {
        let there: BTreeSet<String> = built(folder)?
            .into_iter()
            .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
            .collect();
        Ok(Self::among(version, &there))
    }

    fn among(version: &ReleaseVersion, there: &BTreeSet<String>) -> Self {
        let mut assets = Vec::new();
        for target in Target::ALL {
            for name in needed(target, version) {
                if !there.contains(&name) {
                    assets.push((Some(target), name));
                }
            }
            let found = there.iter().any(|name| is_wheel_of(name, target, version));
            if !found {
                let tags = wheel_tags(target).join("*");
                let name = format!("mcp_mesh-{}-*{tags}*.whl", version.pep440());
                assets.push((Some(target), name));
            }
        }
        let sdist = sdist(version);
        if !there.contains(&sdist) {
            assets.push((None, sdist));
        }
        Self { assets }
    }

    /// Files in `folder` that no release of `version` has: leftovers of another one.
    pub(super) fn strangers(version: &ReleaseVersion, files: &[PathBuf]) -> Vec<String> {
        let known: BTreeSet<String> = Target::ALL
            .into_iter()
            .flat_map(|target| needed(target, version))
            .chain([sdist(version)])
            .collect();
        files
            .iter()
            .filter_map(|file| Some(file.file_name()?.to_str()?.to_owned()))
            .filter(|name| {
                let is_wheel = Target::ALL
                    .into_iter()
                    .any(|target| is_wheel_of(name, target, version));
                !known.contains(name) && !is_wheel
            })
            .collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.assets.is_empty()
    }

    /// Targets whose archive is not there.
    pub(super) fn targets(&self) -> Vec<Target> {
        Target::ALL
            .into_iter()
            .filter(|target| {
                self.assets
                    .iter()
                    .any(|(of, name)| *of == Some(*target) && *name == target.archive())
            })
            .collect()
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (target, name) in &self.assets {
            match target {
                Some(target) => writeln!(f, "  {name} (`release build --target {target}`)")?,
                None => writeln!(f, "  {name} (`release build --only sdist`)")?,
            }
        }
        Ok(())
    }
}

/// Everything that is made for a target, its wheel left out: only its tags are known here.
fn needed(target: Target, version: &ReleaseVersion) -> Vec<String> {
    let mut names: Vec<String> = target
        .plain_archives(version)
        .into_iter()
        .chain([target.archive()])
        .flat_map(|archive| [format!("{archive}.sha256"), archive])
        .collect();
    names.extend(BINARIES.map(|binary| format!("{binary}-{target}.cdx.json")));
    if target.libc == Some(Libc::Gnu) {
        names.push(target.deb(version));
        names.push(target.rpm(version));
    }
    names
}

fn sdist(version: &ReleaseVersion) -> String {
    format!("mcp_mesh-{}.tar.gz", version.pep440())
}

/// Whether a file is our wheel for a target.
pub(in crate::release) fn is_wheel_of(
    name: &str,
    target: Target,
    version: &ReleaseVersion,
) -> bool {
    let ours = name.starts_with(&format!("mcp_mesh-{}-cp311-abi3-", version.pep440()));
    let [system, cpu] = wheel_tags(target);
    ours && name.ends_with(&format!("{cpu}.whl")) && name.contains(system)
}

/// What a wheel's file name says of its platform.
fn wheel_tags(target: Target) -> [&'static str; 2] {
    let cpu = match (target.os, target.cpu) {
        (Os::Windows, Cpu::Amd64) => "amd64",
        (Os::Linux | Os::MacOs, Cpu::Amd64) => "x86_64",
        (Os::Linux, Cpu::Arm64) => "aarch64",
        (Os::MacOs | Os::Windows, Cpu::Arm64) => "arm64",
    };
    let system = match (target.os, target.libc) {
        (Os::Linux, Some(Libc::Musl)) => "musllinux",
        (Os::Linux, _) => "manylinux",
        (Os::MacOs, _) => "macosx",
        (Os::Windows, _) => "win",
    };
    [system, cpu]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(version: &ReleaseVersion) -> BTreeSet<String> {
        let mut names: BTreeSet<String> = Target::ALL
            .into_iter()
            .flat_map(|target| needed(target, version))
            .collect();
        for platform in [
            "macosx_11_0_arm64",
            "macosx_10_12_x86_64",
            "manylinux_2_17_aarch64.manylinux2014_aarch64",
            "manylinux_2_17_x86_64.manylinux2014_x86_64",
            "musllinux_1_2_aarch64",
            "musllinux_1_2_x86_64",
            "win_amd64",
            "win_arm64",
        ] {
            names.insert(format!("mcp_mesh-4.0.0-cp311-abi3-{platform}.whl"));
        }
        names.insert("mcp_mesh-4.0.0.tar.gz".to_owned());
        names
    }

    #[test]
    fn a_complete_release_misses_nothing() {
        let version = "4.0.0".parse().unwrap();
        let missing = Missing::among(&version, &complete(&version));
        assert!(missing.is_empty(), "{missing}");
    }

    #[test]
    fn each_asset_that_is_not_there_is_named_with_the_command_that_makes_it() {
        let version = "4.0.0".parse().unwrap();
        for absent in complete(&version) {
            let mut names = complete(&version);
            names.remove(&absent);
            let missing = Missing::among(&version, &names);
            assert_eq!(missing.assets.len(), 1, "{absent}: {missing}");
            assert!(missing.to_string().contains("release build"), "{missing}");
        }
    }

    #[test]
    fn what_no_release_has_is_a_stranger() {
        let version = "4.0.0".parse().unwrap();
        let mut files: Vec<PathBuf> = complete(&version).into_iter().map(PathBuf::from).collect();
        assert!(Missing::strangers(&version, &files).is_empty());
        for stranger in [
            "mcp-mesh_3.9.0_linux_amd64.tar.gz",
            "mcp_mesh-3.9.0-cp311-abi3-win_amd64.whl",
            "mcp_mesh-4.0.0-cp311-abi3-linux_riscv64.whl",
            "notes.txt",
        ] {
            files.push(stranger.into());
            assert_eq!(Missing::strangers(&version, &files), [stranger]);
            files.pop();
        }
    }

    #[test]
    fn a_target_without_its_archive_is_one_to_stand_in_for() {
        let version = "4.0.0".parse().unwrap();
        let mut names = complete(&version);
        names.remove("mcp-mesh-aarch64-apple-darwin.tar.gz");
        names.remove("mcp_mesh-4.0.0-cp311-abi3-win_arm64.whl");
        let missing = Missing::among(&version, &names);
        assert_eq!(
            missing.targets(),
            ["aarch64-apple-darwin".parse::<Target>().unwrap()]
        );
    }
}
