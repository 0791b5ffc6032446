//! What cargo-dist itself would write.

use std::fs;
use std::path::Path;

use anyhow::Context;
use tempfile::TempDir;
use toml_edit::DocumentMut;

use crate::release::Tool;

const CONFIGURATION: &str = "dist-workspace.toml";

/// Runs `dist generate` on a copy of the checkout at `workspace` and gives the release workflow.
pub(super) fn generate(workspace: &Path) -> anyhow::Result<String> {
    let copy = TempDir::new().context("failed to create a temporary folder")?;
    copy_tracked_files(workspace, copy.path())?;
    let configuration = copy.path().join(CONFIGURATION);
    let text = fs::read_to_string(&configuration).with_context(|| {
        format!(
            "failed to read `{CONFIGURATION}` of `{}`",
            workspace.display()
        )
    })?;
    fs::write(&configuration, own_the_workflow(&text)?)
        .with_context(|| format!("failed to write `{}`", configuration.display()))?;
    Tool::new("dist")
        .args(["generate", "--mode=ci"])
        .current_dir(copy.path())
        .output()?;
    let workflow = copy.path().join(super::HARDENED);
    fs::read_to_string(&workflow).context("dist wrote no release workflow")
}

/// Lets dist write its workflow; in the checkout it must leave ours alone.
fn own_the_workflow(configuration: &str) -> anyhow::Result<String> {
    let mut configuration: DocumentMut = configuration
        .parse()
        .with_context(|| format!("failed to understand `{CONFIGURATION}`"))?;
    configuration
        .get_mut("dist")
        .and_then(|dist| dist.as_table_like_mut())
        .with_context(|| format!("`{CONFIGURATION}` has no `[dist]`"))?
        .remove("allow-dirty");
    Ok(configuration.to_string())
}

fn copy_tracked_files(workspace: &Path, copy: &Path) -> anyhow::Result<()> {
    let files = Tool::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(workspace)
        .output()?;
    for file in files.split('\0').filter(|file| !file.is_empty()) {
        let from = workspace.join(file);
        // Tracked, and deleted in the working tree.
        if !from.is_file() {
            continue;
        }
        let to = copy.join(file);
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)
                .with_context(|| format!("failed to create `{}`", folder.display()))?;
        }
        fs::copy(&from, &to).with_context(|| {
            format!("failed to copy `{}` to `{}`", from.display(), to.display())
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dist_may_write_its_workflow_in_the_copy() {
        let ours = "[dist]\n# why\nallow-dirty = [\"ci\"]\nci = \"github\"\n";
        let text = own_the_workflow(ours).unwrap();
        assert!(!text.contains("allow-dirty"), "{text}");
        assert!(text.contains("ci = \"github\""), "{text}");
    }

    #[test]
    fn the_copy_has_the_files_of_the_checkout() {
        let copy = TempDir::new().unwrap();
        copy_tracked_files(crate::root::checkout(), copy.path()).unwrap();
        assert!(copy.path().join(CONFIGURATION).is_file());
        assert!(copy.path().join("crates/mcp-mesh/Cargo.toml").is_file());
        assert!(!copy.path().join("target").exists());
    }
}
