//! The archives: one that installers fetch, with everything; two that people and scripts name.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;

use super::Build;
use crate::release::archive::{Files, Mode, write_sha256};
use crate::release::pages::Pages;
use crate::release::target::Os;

/// What lies beside the commands.
const DOCUMENTS: [&str; 3] = ["CHANGELOG.md", "LICENSE", "README.md"];

/// Writes every archive of the target, with its checksum beside it.
pub(super) fn write(build: &Build, binaries: &Files, pages: &Pages) -> anyhow::Result<()> {
    let target = build.target;
    let mut everything = documents(build)?;
    for (name, mode, bytes) in binaries.iter() {
        everything.insert(name, mode, bytes.to_owned());
    }
    everything.extend_under("man", &pages.man);
    everything.extend_under("completions", &pages.completions);
    // What cargo-dist's installers expect: they strip one folder of a tar, and none of a zip.
    let everything = match target.os {
        Os::Windows => everything,
        Os::Linux | Os::MacOs => everything.under(&target.archive_stem()),
    };
    pack(build, &everything, build.out.join(target.archive()))?;
    if let Some(platform) = target.platform() {
        let plain = binaries.clone().under(&platform);
        let mut first: Option<PathBuf> = None;
        for name in target.plain_archives(&build.project.version) {
            let archive = build.out.join(name);
            match &first {
                // The same bytes under another name.
                Some(packed) => {
                    fs::copy(packed, &archive)
                        .with_context(|| format!("failed to write `{}`", archive.display()))?;
                    write_sha256(&archive)?;
                }
                None => first = Some(pack(build, &plain, archive)?),
            }
        }
    }
    Ok(())
}

/// Readme, changelog and licence of the workspace.
pub(crate) fn documents(build: &Build) -> anyhow::Result<Files> {
    let mut documents = Files::default();
    for name in DOCUMENTS {
        documents.read(name, Mode::Data, &build.project.root.join(name))?;
    }
    Ok(documents)
}

pub(super) fn pack(build: &Build, files: &Files, archive: PathBuf) -> anyhow::Result<PathBuf> {
    files.pack(&archive, build.epoch)?;
    write_sha256(&archive)?;
    Ok(archive)
}
