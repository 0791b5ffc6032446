//! What the workspace says about itself: the one place that a fork edits.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::Deserialize;

use super::ReleaseVersion;

/// The app that cargo-dist builds: one package with two binaries.
pub(crate) const APP: &str = "mcp-mesh";

/// The binaries of [`APP`], in the order in which they are shown.
pub(crate) const BINARIES: [&str; 2] = ["meshctl", "mcp-mesh-registry"];

/// A checkout, and what `[workspace.package]` and `[workspace.metadata.release]` of its `Cargo.toml`
/// say.
#[derive(Debug, Clone)]
pub(crate) struct Project {
    /// The checkout's root folder.
    pub(crate) root: PathBuf,
    pub(crate) version: ReleaseVersion,
    pub(crate) description: String,
    pub(crate) license: String,
    /// Base URL of the repository, without a slash at the end.
    pub(crate) repository: String,
    /// Who owns the repository: the first part of its path.
    pub(crate) owner: String,
    /// The repository's name: the second part of its path.
    pub(crate) name: String,
    pub(crate) release: ReleaseMetadata,
}

/// `[workspace.metadata.release]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct ReleaseMetadata {
    /// The Homebrew tap, as `owner/repository`.
    pub(crate) homebrew_tap: String,
    /// The Scoop bucket, as `owner/repository`.
    pub(crate) scoop_bucket: String,
    /// The organisation of the images on Docker Hub.
    pub(crate) image_organisation: String,
    /// The minisign key that releases are signed with, in base64. Absent until a maintainer makes one;
    /// a build without it cannot update itself, and nothing is published.
    pub(crate) minisign_public_key: Option<String>,
}

impl Project {
    /// Reads the manifest of the checkout at `root`.
    pub(crate) fn load(root: &Path) -> anyhow::Result<Self> {
        let manifest = root.join("Cargo.toml");
        let text = fs::read_to_string(&manifest)
            .with_context(|| format!("failed to read `{}`", manifest.display()))?;
        Self::parse(root, &text)
            .with_context(|| format!("failed to understand `{}`", manifest.display()))
    }

    /// Where the file `name` of the release of `version` is downloaded from.
    pub(crate) fn asset_url(&self, version: &ReleaseVersion, name: &str) -> String {
        format!(
            "{}/releases/download/{}/{name}",
            self.repository,
            version.tag()
        )
    }

    /// The server that the repository is on, unless another one is meant.
    pub(crate) fn github_base<'a>(&'a self, passed: Option<&'a str>) -> &'a str {
        let path = format!("/{}/{}", self.owner, self.name);
        let repository = self.repository.as_str();
        passed.unwrap_or_else(|| repository.strip_suffix(&path).unwrap_or(repository))
    }

    /// Understands a manifest that was read elsewhere.
    pub(crate) fn parse(root: &Path, manifest: &str) -> anyhow::Result<Self> {
        let Manifest {
            workspace: Workspace { package, metadata },
        } = toml::from_str(manifest)?;
        let repository = package.repository.trim_end_matches('/').to_owned();
        let mut path = repository.rsplit('/');
        let (Some(name), Some(owner)) = (path.next(), path.next()) else {
            bail!("`repository = \"{repository}\"` has no owner and name");
        };
        Ok(Self {
            root: root.to_owned(),
            version: package.version.parse()?,
            description: package.description,
            license: package.license,
            owner: owner.to_owned(),
            name: name.to_owned(),
            repository,
            release: metadata.release,
        })
    }
}

#[derive(Deserialize)]
struct Manifest {
    workspace: Workspace,
}

#[derive(Deserialize)]
struct Workspace {
    package: Package,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Package {
    version: String,
    description: String,
    license: String,
    repository: String,
}

#[derive(Deserialize)]
struct Metadata {
    release: ReleaseMetadata,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    #[test]
    fn the_workspace_says_who_it_is() {
        let project = Project::load(crate::root::checkout()).unwrap();
        assert_eq!(
            project.repository,
            format!("https://github.com/{}/{}", project.owner, project.name)
        );
    }

    /// Somebody's fork, whose address has capitals and a slash at its end.
    pub(crate) fn fork() -> Project {
        let manifest = r#"
            [workspace.package]
            version = "1.2.3"
            description = "d"
            license = "MIT"
            repository = "https://git.example/Acme/Mesh/"
            [workspace.metadata.release]
            homebrew-tap = "acme/homebrew-tap"
            scoop-bucket = "acme/bucket"
            image-organisation = "acme"
        "#;
        Project::parse(Path::new("/fork"), manifest).unwrap()
    }

    #[test]
    fn a_fork_changes_one_line() {
        let project = fork();
        assert_eq!(project.owner, "Acme");
        assert_eq!(project.name, "Mesh");
        assert_eq!(project.repository, "https://git.example/Acme/Mesh");
        assert_eq!(project.release.minisign_public_key, None);
    }
}
