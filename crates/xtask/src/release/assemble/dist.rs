//! cargo-dist, asked for what it knows and what it writes, and never for a verdict: it exits with
//! success when it leaves checksums out, so what it gave is looked at.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::release::{Checksums, Project, Target, Tool};

/// cargo-dist at work on one release, in a clone of its own. It always writes into `target/distrib` of the
/// workspace, and files of another version, or another hosting, would show up in what it writes.
pub(super) struct Dist<'a> {
    project: &'a Project,
    clone: PathBuf,
}

impl<'a> Dist<'a> {
    /// Clones the last commit of the project into the folder `clone`, which is made anew.
    pub(super) fn new(project: &'a Project, clone: &Path) -> anyhow::Result<Self> {
        if clone.exists() {
            fs::remove_dir_all(clone)
                .with_context(|| format!("failed to remove `{}`", clone.display()))?;
        }
        Tool::new("git")
            .args(["clone", "--quiet"])
            .arg(&project.root)
            .arg(clone)
            .output()?;
        Ok(Self {
            project,
            clone: clone.to_owned(),
        })
    }

    /// Where dist puts what it writes.
    pub(super) fn output(&self) -> PathBuf {
        self.clone.join("target/distrib")
    }

    /// Writes an archive for every target that holds no program, only a file of its name.
    pub(super) fn fake_every_archive(&self) -> anyhow::Result<()> {
        self.tool("build").arg("--artifacts=lies").output()?;
        Ok(())
    }

    /// Writes installers and the source archive. The installers carry the checksums of `archives`.
    pub(super) fn write_global_artifacts(&self, archives: &Checksums) -> anyhow::Result<()> {
        self.empty_output()?;
        let manifest = self.manifest("local", archives)?;
        let path = self.output().join("local-dist-manifest.json");
        fs::write(&path, manifest.to_string())
            .with_context(|| format!("failed to write `{}`", path.display()))?;
        self.tool("build").arg("--artifacts=global").output()?;
        Ok(())
    }

    /// The machine-readable description of the whole release, with the checksums of `archives`.
    pub(super) fn manifest(&self, artifacts: &str, archives: &Checksums) -> anyhow::Result<Value> {
        let text = self
            .tool("manifest")
            .arg(format!("--artifacts={artifacts}"))
            .args(["--no-local-paths", "--output-format=json"])
            .output()?;
        let mut manifest: Value = serde_json::from_str(&text).context("dist wrote no JSON")?;
        let entries = manifest["artifacts"]
            .as_object_mut()
            .context("dist's manifest has no `artifacts`")?;
        for target in Target::ALL {
            let name = target.archive();
            let Some(entry) = entries.get_mut(&name) else {
                bail!("dist does not plan `{name}`; look at `targets` in dist-workspace.toml");
            };
            let checksum = archives.require(&name)?;
            entry["checksums"] = json!({ "sha256": checksum });
        }
        Ok(manifest)
    }

    fn tool(&self, verb: &str) -> Tool {
        Tool::new("dist")
            .arg(verb)
            .arg(format!("--tag={}", self.project.version.tag()))
            .current_dir(&self.clone)
    }

    fn empty_output(&self) -> anyhow::Result<()> {
        let output = self.output();
        if output.exists() {
            fs::remove_dir_all(&output)
                .with_context(|| format!("failed to remove `{}`", output.display()))?;
        }
        fs::create_dir_all(&output)
            .with_context(|| format!("failed to create `{}`", output.display()))
    }
}
