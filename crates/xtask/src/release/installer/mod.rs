//! The installers: what dist writes, with what it leaves weak mended.
//!
//! dist knows the archives and how to tell one machine from another; that stays. What we replace is in
//! files beside the Rust, one script fragment each, under `shell/` and `powershell/`.

mod powershell;
mod print;
mod rewrite;
mod sample;
mod shell;
#[cfg(test)]
mod tests;

use anyhow::ensure;

pub(crate) use self::print::{InstallerArgs, run};
use self::rewrite::Script;
use super::{Checksums, Project, Target};

/// Hardens the shell installer that dist wrote for `project`. Refuses one that lacks the checksum of any of
/// `archives`, or in which something is not what it was.
pub(crate) fn harden_shell(
    text: &str,
    project: &Project,
    archives: &Checksums,
) -> anyhow::Result<String> {
    let names: Vec<_> = archives.iter().map(|(name, _)| name.to_owned()).collect();
    let mut script = Script::new(text, shell::RECORDED, project)?;
    for transformation in shell::transformations(script.facts(), &names) {
        script.apply(&transformation)?;
    }
    let text = script.into_text();
    check(&text, archives)?;
    Ok(text)
}

/// Hardens the PowerShell installer that dist wrote for `project`, and gives it the checksums of those of
/// `archives` that Windows can use: dist's own verifies nothing. Refuses like [`harden_shell`].
pub(crate) fn harden_powershell(
    text: &str,
    project: &Project,
    archives: &Checksums,
) -> anyhow::Result<String> {
    let zips = Target::ALL
        .into_iter()
        .filter(|target| target.archive_extension() == "zip")
        .filter_map(|target| {
            let name = target.archive();
            let hash = archives.get(&name)?.to_owned();
            Some((name, hash))
        });
    let zips: Checksums = zips.collect();
    let mut script = Script::new(text, powershell::RECORDED, project)?;
    for transformation in powershell::transformations(script.facts(), &zips) {
        script.apply(&transformation)?;
    }
    let text = script.into_text();
    check(&text, &zips)?;
    Ok(text)
}

/// Fails unless the installer `text` knows every one of `archives` with its checksum. dist itself leaves
/// checksums out, and says nothing, when it does not find the manifests of the archives.
fn check(text: &str, archives: &Checksums) -> anyhow::Result<()> {
    ensure!(
        archives.iter().next().is_some(),
        "there is no archive to install"
    );
    for (name, hash) in archives.iter() {
        ensure!(
            text.contains(name),
            "the installer does not know the archive `{name}`"
        );
        ensure!(
            text.contains(hash),
            "the installer has no checksum of `{name}`; dist needs the manifest with {hash}"
        );
    }
    Ok(())
}
