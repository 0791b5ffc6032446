//! The installers that were recorded, told about the project as it stands: what the lints read and the
//! tests run. A release takes what dist writes anew.

use anyhow::Context;

use super::rewrite::Facts;
use super::{powershell, shell};
use crate::release::{Checksums, Project, Target};

/// The shell installer as dist would write it, with the checksums of [`checksums`].
pub(super) fn shell(project: &Project) -> anyhow::Result<String> {
    retell(shell::RECORDED, project)
}

/// The PowerShell installer as dist would write it.
pub(super) fn powershell(project: &Project) -> anyhow::Result<String> {
    retell(powershell::RECORDED, project)
}

fn retell(recorded: &str, project: &Project) -> anyhow::Result<String> {
    Ok(Facts::of(recorded)?.retell(recorded, project))
}

/// Every archive that the recorded installers choose from, with the checksum it had.
pub(super) fn checksums() -> anyhow::Result<Checksums> {
    let mut name = None;
    let mut sums = Vec::new();
    for line in shell::RECORDED.lines().map(str::trim) {
        let case = line
            .strip_prefix('"')
            .and_then(|line| line.strip_suffix("\")"));
        let is_archive = |case: &&str| Target::ALL.iter().any(|target| target.archive() == **case);
        if let Some(archive) = case.filter(is_archive) {
            name = Some(archive.to_owned());
        }
        let value = line.strip_prefix("_checksum_value=\"");
        if let Some(hash) = value.and_then(|value| value.strip_suffix('"')) {
            let name = name
                .take()
                .context("a checksum without an archive in the recorded installer")?;
            sums.push((name, hash.to_owned()));
        }
    }
    Ok(sums.into_iter().collect())
}
