//! Images as a folder that jobs hand on: a layout of the Open Container Initiative for each, and a
//! list of their digests.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use super::super::{Image, Platform};
use super::copy::Place;
use super::{Digest, Logins, Loopback, Pinned, Repository, Skopeo, Transport};
use crate::release::Checksums;

/// The folder: `<image>/` holds all platforms of an image, `scan/<image>-<cpu>/` one, for programs that
/// take no choice; `digests.txt` has a line `<image> sha256:…` for each, and `SHA256SUMS` is of the
/// release that they were built from.
#[derive(Debug, Clone)]
pub(crate) struct Layouts(PathBuf);

impl Layouts {
    const DIGESTS: &str = "digests.txt";

    /// A new folder; what lay there before goes.
    pub(crate) fn create(folder: &Path) -> anyhow::Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(folder)
                .with_context(|| format!("failed to remove `{}`", folder.display()))?;
        }
        fs::create_dir_all(folder)
            .with_context(|| format!("failed to create `{}`", folder.display()))?;
        Ok(Self(folder.to_owned()))
    }

    /// A folder that was filled before.
    pub(crate) fn open(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// Takes an image out of a registry.
    pub(crate) fn add(
        &self,
        image: Image,
        from: &Pinned,
        platforms: &[Platform],
    ) -> anyhow::Result<()> {
        let skopeo = Skopeo::new(&Logins::default(), Transport::Usual)?;
        let source = skopeo.place(&from.repository, from.to_string());
        skopeo.copy(&source, &Place::Layout(&self.folder(image)))?;
        for platform in platforms {
            let scan = self.0.join("scan");
            fs::create_dir_all(&scan)
                .with_context(|| format!("failed to create `{}`", scan.display()))?;
            let alone = scan.join(format!("{image}-{}", platform.architecture()));
            skopeo.copy_platform(*platform, &source, &Place::Layout(&alone))?;
        }
        let list = self.0.join(Self::DIGESTS);
        let before = if list.exists() {
            fs::read_to_string(&list)
                .with_context(|| format!("failed to read `{}`", list.display()))?
        } else {
            String::new()
        };
        fs::write(&list, format!("{before}{image} {}\n", from.digest))
            .with_context(|| format!("failed to write `{}`", list.display()))
    }

    /// Keeps what says which release they were built from.
    pub(crate) fn remember(&self, release: &Path) -> anyhow::Result<()> {
        let from = release.join(Checksums::FILE);
        fs::copy(&from, self.0.join(Checksums::FILE))
            .with_context(|| format!("failed to copy `{}`", from.display()))?;
        Ok(())
    }

    /// The checksums of the release that they were built from.
    pub(crate) fn release(&self) -> anyhow::Result<Checksums> {
        Checksums::read(&self.0)
    }

    /// Every image and its digest.
    pub(crate) fn digests(&self) -> anyhow::Result<Vec<(Image, Digest)>> {
        let list = self.0.join(Self::DIGESTS);
        let text = fs::read_to_string(&list)
            .with_context(|| format!("failed to read `{}`", list.display()))?;
        let digests: Vec<_> = text
            .lines()
            .map(|line| {
                let (image, digest) = line
                    .split_once(' ')
                    .with_context(|| format!("`{line}` is no image with its digest"))?;
                Ok((image.parse()?, digest.parse()?))
            })
            .collect::<anyhow::Result<_>>()
            .with_context(|| format!("failed to understand `{}`", list.display()))?;
        ensure!(!digests.is_empty(), "`{}` names no image", list.display());
        Ok(digests)
    }

    /// Puts every image into a registry, and says where it lies there.
    pub(crate) fn serve(&self, loopback: &Loopback) -> anyhow::Result<Vec<Pinned>> {
        let skopeo = Skopeo::new(&Logins::default(), Transport::Usual)?;
        let prefix: Repository = loopback.prefix()?;
        self.digests()?
            .into_iter()
            .map(|(image, digest)| {
                let pinned = Pinned {
                    repository: prefix.child(image.name()),
                    digest,
                };
                let target = skopeo.place(&pinned.repository, pinned.to_string());
                skopeo.copy(&Place::Layout(&self.folder(image)), &target)?;
                Ok(pinned)
            })
            .collect()
    }

    fn folder(&self, image: Image) -> PathBuf {
        self.0.join(image.name())
    }
}
