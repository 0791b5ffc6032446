//! Two versions of the project in clones of it: the one that is, and the one that `prepare` makes of it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::release::{Project, ReleaseVersion, Tool};
use crate::root;

/// A version and the clone that it is built from.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) version: ReleaseVersion,
    pub(super) workspace: PathBuf,
    /// Nothing for a checkout that is used as it stands.
    commit: Option<String>,
}

impl Source {
    /// The checkout at `workspace`, as it stands.
    pub(super) fn here(workspace: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            version: Project::load(workspace)?.version,
            workspace: workspace.to_owned(),
            commit: None,
        })
    }

    /// What a build of it is a build of.
    pub(super) fn commit(&self) -> Option<&str> {
        self.commit.as_deref()
    }

    /// Brings the clone to this version: two versions share one clone, and what was compiled in it.
    pub(super) fn check_out(&self) -> anyhow::Result<()> {
        if let Some(commit) = &self.commit {
            git(&self.workspace, &["checkout", "--quiet", commit])?;
        }
        Ok(())
    }

    /// The same commit in a clone of its own, at another path.
    pub(super) fn elsewhere(&self, workspace: &Path) -> anyhow::Result<Self> {
        clone(&self.workspace, workspace)?;
        let source = Self {
            workspace: workspace.to_owned(),
            ..self.clone()
        };
        source.check_out()?;
        Ok(source)
    }
}

/// The release keys of the rehearsal, made for it and known to nobody else.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    pub(super) public: String,
    pub(super) secret: String,
}

impl Keys {
    /// The pair in `folder`, made by the first rehearsal: another key would be another build.
    pub(super) fn make(folder: &Path) -> anyhow::Result<Self> {
        if !folder.join("minisign.key").exists() {
            xtask().args(["new-key", "--out"]).arg(folder).output()?;
        }
        let read = |name: &str| {
            let path = folder.join(name);
            fs::read_to_string(&path)
                .with_context(|| format!("failed to read `{}`", path.display()))
        };
        // The key itself is the last line; a comment stands before it.
        let public = read("minisign.pub")?;
        let public = public.lines().last().unwrap_or_default().to_owned();
        Ok(Self {
            public,
            secret: read("minisign.key")?,
        })
    }
}

/// This program, at a verb of `release`.
pub(super) fn xtask() -> Tool {
    let program = std::env::current_exe().unwrap_or_else(|_| "xtask".into());
    Tool::at(&program).arg("release").env("RUST_BACKTRACE", "0")
}

/// The old and the new version, both in `workspace`, a clone of this checkout at `revision`. The same
/// revision and key give the same commits, so what was built of them can be used again.
pub(super) fn make(
    workspace: &Path,
    revision: &str,
    keys: &Keys,
) -> anyhow::Result<(Source, Source)> {
    let revision = git(root::checkout(), &["rev-parse", revision])?;
    clone(root::checkout(), workspace)?;
    git(workspace, &["checkout", "--quiet", &revision])?;
    let manifest = workspace.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).context("failed to read the clone's Cargo.toml")?;
    let section = "[workspace.metadata.release]\n";
    if !text.contains(section) {
        bail!("Cargo.toml has no {section}");
    }
    let text: Vec<_> = text
        .lines()
        .filter(|line| !line.starts_with("minisign-public-key"))
        .collect();
    let text = text.join("\n") + "\n";
    let key = format!("{section}minisign-public-key = \"{}\"\n", keys.public);
    fs::write(&manifest, text.replacen(section, &key, 1))
        .context("failed to write the clone's Cargo.toml")?;
    let old = commit(workspace, "rehearse: a key")?;

    let next = old.version.next_patch();
    let changelog = workspace.join("CHANGELOG.md");
    let text = fs::read_to_string(&changelog).context("failed to read the clone's CHANGELOG.md")?;
    let (head, sections) = text
        .split_once("\n## ")
        .context("CHANGELOG.md has no section")?;
    let section = format!("\n## {next} (unreleased)\n\n* A rehearsal.\n\n## ");
    fs::write(&changelog, [head, &section, sections].concat())
        .context("failed to write the clone's CHANGELOG.md")?;
    commit(workspace, "rehearse: a change")?;
    let date = git(workspace, &["show", "--no-patch", "--format=%cs"])?;
    xtask()
        .args(["prepare", &next.to_string(), "--date", &date])
        // Their registry is out of reach without a network.
        .arg("--keep-bases")
        .arg("--workspace")
        .arg(workspace)
        .output()?;
    let new = commit(workspace, "rehearse: the next version")?;
    Ok((old, new))
}

fn clone(from: &Path, to: &Path) -> anyhow::Result<()> {
    if to.exists() {
        fs::remove_dir_all(to).with_context(|| format!("failed to remove `{}`", to.display()))?;
    }
    Tool::new("git")
        .args(["clone", "--quiet", "--no-hardlinks"])
        .arg(from)
        .arg(to)
        .output()?;
    Ok(())
}

fn commit(workspace: &Path, message: &str) -> anyhow::Result<Source> {
    git(workspace, &["add", "--all"])?;
    // The time of the commit before: a commit of now would be another one each time.
    let time = git(workspace, &["show", "--no-patch", "--format=%ct +0000"])?;
    let mut commit = Tool::new("git").arg("-C").arg(workspace);
    for role in ["AUTHOR", "COMMITTER"] {
        commit = commit
            .env(&format!("GIT_{role}_NAME"), "rehearsal")
            .env(&format!("GIT_{role}_EMAIL"), "rehearsal@localhost")
            .env(&format!("GIT_{role}_DATE"), &time);
    }
    commit
        .args(["commit", "--quiet", "--no-gpg-sign", "--message", message])
        .output()?;
    Ok(Source {
        version: Project::load(workspace)?.version,
        workspace: workspace.to_owned(),
        commit: Some(git(workspace, &["rev-parse", "HEAD"])?),
    })
}

fn git(workspace: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    Tool::new("git")
        .arg("-C")
        .arg(workspace)
        .args(arguments)
        .output()
}
