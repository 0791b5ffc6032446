//! Formula and manifest: evaluated and validated, since neither brew nor Scoop can run everywhere.

use std::path::Path;

use anyhow::{Context, ensure};

use super::foreign;
use super::releases::Release;
use super::report::Row;
use crate::release::{Checksums, Target, Tool, stand_ins};
use crate::root;

/// Evaluates the formula for its four platforms, checks the checksums against the archives, and installs,
/// tests and uninstalls it where the archive holds programs that run here.
pub(super) fn formula(release: &Release, scratch: &Path) -> anyhow::Result<Vec<Row>> {
    let formula = release.upload.join("mcp-mesh.rb");
    let mut installed = Vec::new();
    for (system, cpu, triple) in [
        ("linux", "intel", "x86_64-unknown-linux-gnu"),
        ("linux", "arm", "aarch64-unknown-linux-gnu"),
        ("mac", "intel", "x86_64-apple-darwin"),
        ("mac", "arm", "aarch64-apple-darwin"),
    ] {
        let prefix = scratch.join(format!("formula-{system}-{cpu}"));
        let target: Target = triple.parse()?;
        let has_program = !stand_ins::stands_in(&release.upload.join(target.archive()), target)?;
        let tool = Tool::new("ruby")
            .arg(root::checkout().join("packaging/homebrew/evaluate.rb"))
            .arg(&formula)
            .args([system, cpu])
            .arg(&prefix)
            .arg(&release.upload);
        let tool = if has_program && foreign::runs_here(target) {
            installed.push(format!("{system}/{cpu}"));
            foreign::emulate(tool, target).env("RUNS_HERE", "yes")
        } else {
            tool
        };
        tool.output()
            .with_context(|| format!("the formula fails for {system}/{cpu}"))?;
    }
    let installed = installed.join(" and ");
    let row = Row::real(
        "Homebrew",
        format!(
            "every sha256 is its archive's; on {installed} installed, tested, run as a service, uninstalled"
        ),
        format!(
            "the formula evaluated for its four platforms, with the real programs on {installed}"
        ),
    );
    Ok(vec![row.but_for(
        "brew, by a harness; the Macs' programs are compared, not run",
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
    Ok(vec![row.but_for("Scoop itself")])
}
