//! What reads the release's own sources: the generated workflow, and linters.

use std::path::Path;

use super::report::Row;
use super::sources::{Source, xtask};
use crate::release::Tool;
use crate::root;

/// The committed workflow is what dist and the transformations make today.
pub(super) fn workflow(source: &Source) -> anyhow::Result<Vec<Row>> {
    source.check_out()?;
    xtask()
        .args(["generate", "--check", "--workspace"])
        .arg(&source.workspace)
        .output()?;
    Ok(vec![Row::real(
        "release.yml",
        "is what the named transformations make of what cargo-dist generates",
        "dist, run on the released commit",
    )])
}

/// Workflows, scripts, Dockerfiles and the hardened installers.
pub(super) fn linters(upload: &Path) -> anyhow::Result<Vec<Row>> {
    Tool::new("make")
        .args(["lint-workflows", "lint-shell", "lint-packaging"])
        .current_dir(root::checkout())
        .output()?;
    Tool::new("shellcheck")
        .arg(upload.join("mcp-mesh-installer.sh"))
        .output()?;
    // The environment that the linters are in; another one holds the tools of a release.
    Tool::at(&root::checkout().join(".venv/bin/python"))
        .arg(root::checkout().join("packaging/scripts/check-powershell-syntax.py"))
        .arg(upload.join("mcp-mesh-installer.ps1"))
        .output()?;
    Ok(vec![
        Row::real(
            "workflows, scripts and Dockerfiles",
            "nothing to report",
            "zizmor, actionlint, the schema of workflows; shellcheck on scripts and the installer; hadolint; the schema of compose files",
        ),
        Row::real(
            "PowerShell installer",
            "its grammar is right, and every Windows archive's checksum is in it",
            "a parser of PowerShell",
        )
        .but_for("PowerShell: nothing of it ran"),
    ])
}
