//! A copy of the two releases that may be changed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::platform::link;
use crate::release::rehearse::releases::Release;
use crate::release::{Checksums, ReleaseVersion, Target};

/// Two releases on a hub of their own; the newest one is what cases change.
pub(super) struct Forgery {
    root: PathBuf,
    old: Release,
    new: Release,
}

impl Forgery {
    pub(super) fn new(root: &Path, old: &Release, new: &Release) -> anyhow::Result<Self> {
        let forgery = Self {
            root: root.to_owned(),
            old: old.clone(),
            new: new.clone(),
        };
        forgery.restore()?;
        Ok(forgery)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn old_version(&self) -> ReleaseVersion {
        self.old.build.source.version.clone()
    }

    /// Both releases as they were published. Links, so that a case costs nothing; whoever changes a file
    /// replaces the link.
    pub(super) fn restore(&self) -> anyhow::Result<()> {
        if self.root.exists() {
            fs::remove_dir_all(&self.root)
                .with_context(|| format!("failed to remove `{}`", self.root.display()))?;
        }
        for release in [&self.old, &self.new] {
            let folder = self.folder(release);
            fs::create_dir_all(&folder)
                .with_context(|| format!("failed to create `{}`", folder.display()))?;
            for entry in fs::read_dir(&release.upload)
                .with_context(|| format!("failed to read `{}`", release.upload.display()))?
            {
                let entry = entry?;
                let file = fs::canonicalize(entry.path())?;
                let name = folder.join(entry.file_name());
                link(&file, &name)
                    .with_context(|| format!("failed to link `{}`", name.display()))?;
            }
        }
        Ok(())
    }

    /// The archive that this machine gets.
    pub(super) fn archive() -> String {
        Target::host().map(Target::archive).unwrap_or_default()
    }

    /// Adds a line to a file of the newest release.
    pub(super) fn append(&self, name: &str) -> anyhow::Result<()> {
        let mut bytes = self.read(name)?;
        bytes.extend_from_slice(b"\n# forged\n");
        self.replace(name, &bytes)
    }

    pub(super) fn remove(&self, name: &str) -> anyhow::Result<()> {
        fs::remove_file(self.folder(&self.new).join(name)).with_context(|| format!("no `{name}`"))
    }

    /// Lists the checksums of what is there now, as a forger without the key can.
    pub(super) fn list_again(&self) -> anyhow::Result<()> {
        let sums = Checksums::of_folder(&self.folder(&self.new))?;
        self.replace(Checksums::FILE, sums.to_text().as_bytes())
    }

    /// Puts the old release's checksums and their true signature in the place of the new one's.
    pub(super) fn replay(&self) -> anyhow::Result<()> {
        for name in [Checksums::FILE, Checksums::SIGNATURE] {
            let old = fs::read(self.old.upload.join(name))
                .with_context(|| format!("the old release has no `{name}`"))?;
            self.replace(name, &old)?;
        }
        Ok(())
    }

    fn read(&self, name: &str) -> anyhow::Result<Vec<u8>> {
        fs::read(self.folder(&self.new).join(name)).with_context(|| format!("no `{name}`"))
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        self.remove(name)?;
        fs::write(self.folder(&self.new).join(name), bytes)
            .with_context(|| format!("failed to write `{name}`"))
    }

    fn folder(&self, release: &Release) -> PathBuf {
        let tag = release.build.source.version.tag();
        self.root.join("releases").join(tag)
    }
}
