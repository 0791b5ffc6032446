//! From what was built to two published releases on the hub, by the verbs that the workflow runs.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use mesh_test::Hub;

use super::builds::Build;
use super::report::Row;
use super::sources::{Keys, xtask};
use crate::release::channel::Origin;
use crate::release::{Project, Tool};

/// What the hub takes for a token.
const TOKEN: &str = "token-of-the-rehearsal";

/// A published release: the folder of its assets, and where it came from.
#[derive(Debug, Clone)]
pub(super) struct Release {
    pub(super) build: Build,
    pub(super) upload: PathBuf,
}

/// Gathers the assets in `dir`; archives of targets that this machine does not build hold no program.
pub(super) fn assemble(build: &Build, dir: &Path) -> anyhow::Result<Release> {
    build.source.check_out()?;
    copy(&build.dirs, dir)?;
    xtask()
        .args(["assemble", "--lies", "--dir"])
        .arg(dir)
        .arg("--workspace")
        .arg(&build.source.workspace)
        .output()?;
    Ok(Release {
        build: build.clone(),
        upload: dir.join("upload"),
    })
}

/// Copies the files of some folders into one: what was built, or will be published, stays as it is.
pub(super) fn copy(from: &[PathBuf], to: &Path) -> anyhow::Result<()> {
    if to.exists() {
        std::fs::remove_dir_all(to)
            .with_context(|| format!("failed to remove `{}`", to.display()))?;
    }
    std::fs::create_dir_all(to).with_context(|| format!("failed to create `{}`", to.display()))?;
    for folder in from {
        Tool::new("cp")
            .arg("-r")
            .arg(folder.join("."))
            .arg(to)
            .output()?;
    }
    Ok(())
}

/// Signs, and has an independent program agree with the signature.
pub(super) fn sign(release: &Release, keys: &Keys) -> anyhow::Result<()> {
    release.build.source.check_out()?;
    verb("sign", release)
        .args(["--public-key", &keys.public])
        .env("MINISIGN_SECRET_KEY", &keys.secret)
        .output()?;
    Tool::new("minisign")
        .args(["-V", "-q", "-m"])
        .arg(release.upload.join("SHA256SUMS"))
        .args(["-P", &keys.public])
        .output()
        .context("minisign does not accept the signature")?;
    Ok(())
}

/// Signs and publishes.
pub(super) fn publish(release: &Release, keys: &Keys, hub: &Hub) -> anyhow::Result<()> {
    sign(release, keys)?;
    verb("publish-github", release)
        .args([
            "--github-base",
            hub.base_url(),
            "--public-key",
            &keys.public,
        ])
        .env("GH_TOKEN", TOKEN)
        .output()?;
    Ok(())
}

/// Publishing again changes nothing, and what is published can be fetched back, verified.
pub(super) fn publish_again(release: &Release, hub: &Hub) -> anyhow::Result<Vec<Row>> {
    release.build.source.check_out()?;
    let writes = hub.writes().len();
    verb("publish-github", release)
        .args(["--github-base", hub.base_url()])
        .env("GH_TOKEN", TOKEN)
        .output()?;
    ensure!(
        hub.writes().len() == writes,
        "publishing an existing release again writes to it"
    );

    let fetched = release.upload.with_file_name("fetched");
    if fetched.exists() {
        std::fs::remove_dir_all(&fetched)
            .with_context(|| format!("failed to remove `{}`", fetched.display()))?;
    }
    xtask()
        .args([
            "fetch",
            "--version",
            &release.build.source.version.to_string(),
        ])
        .args(["--github-base", hub.base_url(), "--dir"])
        .arg(&fetched)
        .arg("--workspace")
        .arg(&release.build.source.workspace)
        .output()?;
    let row = Row::real(
        "GitHub release",
        "complete before it is published; a second run writes nothing; fetched back and verified",
        "signed, and minisign itself agrees; created as a draft with all files, then published",
    );
    Ok(vec![
        row.but_for("GitHub, by a hub with its URLs on loopback"),
    ])
}

/// Formula and manifest reach tap and bucket once.
pub(super) fn publish_packages(release: &Release, hub: &Hub) -> anyhow::Result<Vec<Row>> {
    release.build.source.check_out()?;
    let publish = || {
        verb("publish-packages", release)
            .args(["--github-base", hub.base_url()])
            .env("TAP_TOKEN", TOKEN)
            .env("BUCKET_TOKEN", TOKEN)
            .output()
    };
    publish()?;
    let writes = hub.writes().len();
    publish()?;
    ensure!(
        hub.writes().len() == writes,
        "publishing an unchanged formula or manifest commits again"
    );
    let row = Row::real(
        "tap and bucket",
        "formula and manifest are there; a second run commits nothing",
        "committed through GitHub's API, read back",
    );
    Ok(vec![
        row.but_for("GitHub, by a hub with its URLs on loopback"),
    ])
}

/// The release as users find it.
pub(super) fn origin(
    old: Option<&Release>,
    new: &Release,
    keys: &Keys,
    hub: &Hub,
) -> anyhow::Result<Origin> {
    let project = Project::load(&new.build.source.workspace)?;
    Ok(Origin {
        base: hub.base_url().to_owned(),
        repository: format!("{}/{}", project.owner, project.name),
        version: new.build.source.version.clone(),
        is_latest: new.build.source.version.is_stable(),
        previous: old.map(|old| old.build.source.version.clone()),
        index: Some(hub.index_url()),
        public_key: Some(keys.public.clone()),
    })
}

/// Puts the wheel, the source distribution and everything that they need on the hub's index.
pub(super) fn fill_index(release: &Release, wheels: &Path, index: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(index)
        .with_context(|| format!("failed to create `{}`", index.display()))?;
    let mut ours = 0;
    for (folder, prefix) in [(wheels, ""), (release.upload.as_path(), "mcp_mesh-")] {
        for entry in std::fs::read_dir(folder)
            .with_context(|| format!("failed to read `{}`", folder.display()))?
        {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with(prefix) {
                ours += usize::from(!prefix.is_empty());
                std::fs::copy(&path, index.join(name.as_ref()))
                    .with_context(|| format!("failed to copy `{}`", path.display()))?;
            }
        }
    }
    if ours < 2 {
        bail!("the release has no wheel or no source distribution");
    }
    Ok(())
}

fn verb(name: &str, release: &Release) -> Tool {
    xtask()
        .arg(name)
        .arg("--dir")
        .arg(&release.upload)
        .arg("--workspace")
        .arg(&release.build.source.workspace)
}
