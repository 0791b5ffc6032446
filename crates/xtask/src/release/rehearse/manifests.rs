//! Formula and manifest: evaluated and validated, since neither brew nor Scoop can run everywhere.

use std::path::Path;

use anyhow::{Context, ensure};

use super::releases::Release;
use super::report::Row;
use crate::release::{Checksums, Tool};
use crate::root;

/// Evaluates the formula for its four platforms, checks the checksums against the archives, and installs,
/// tests and uninstalls it where the archive holds programs.
pub(super) fn formula(release: &Release, scratch: &Path) -> anyhow::Result<Vec<Row>> {
    let formula = release.upload.join("mcp-mesh.rb");
    for (system, cpu) in [
        ("linux", "intel"),
        ("linux", "arm"),
        ("mac", "intel"),
        ("mac", "arm"),
    ] {
        let prefix = scratch.join(format!("formula-{system}-{cpu}"));
        // It installs and tests where the archive is for this machine, and holds programs.
        Tool::new("ruby")
            .arg(root::checkout().join("packaging/homebrew/evaluate.rb"))
            .arg(&formula)
            .args([system, cpu])
            .arg(&prefix)
            .arg(&release.upload)
            .output()
            .with_context(|| format!("the formula fails for {system}/{cpu}"))?;
    }
    let row = Row::real(
        "Homebrew",
        "every sha256 is its archive's; on Linux/intel installed, tested, run as a service, uninstalled",
        "the formula evaluated for its four platforms, with the real programs on Linux/intel",
    );
    Ok(vec![row.but_for(
        "brew, by a harness; the other platforms' archives hold no program",
    )])
}

/// Validates the manifest by Scoop's schema, and its hashes by the archives.
pub(super) fn manifest(release: &Release) -> anyhow::Result<Vec<Row>> {
    let path = release.upload.join("mcp-mesh.json");
    Tool::new("check-jsonschema")
        .arg("--schemafile")
        .arg(root::checkout().join("packaging/scoop/schema.json"))
        .arg(&path)
        .output()?;
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("failed to read `{}`", path.display()))?;
    let manifest: serde_json::Value = serde_json::from_str(&text)?;
    let sums = Checksums::of_folder(&release.upload)?;
    for architecture in ["64bit", "arm64"] {
        let entry = &manifest["architecture"][architecture];
        let url = entry["url"].as_str().context("the manifest has no url")?;
        let name = url.rsplit('/').next().unwrap_or(url);
        let hash = sums.require(name)?;
        ensure!(
            entry["hash"] == hash,
            "the manifest's hash of `{name}` is {}, the archive's is {hash}",
            entry["hash"]
        );
    }
    let row = Row::real(
        "Scoop",
        "the manifest is valid, its hashes are the archives'",
        "a schema, and the files",
    );
    Ok(vec![row.but_for(
        "Scoop itself, and the archives, which hold no program",
    )])
}
