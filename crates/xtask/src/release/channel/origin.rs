//! Where a release comes from.

use super::{Tag, VerifyArgs};
use crate::release::github::Client;
use crate::release::{Project, ReleaseVersion};

/// GitHub's usual address; whatever else is given is an enterprise server, or the rehearsal's hub.
const GITHUB: &str = "https://github.com";

/// A release at some address.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// Base URL of the server, without a slash at the end.
    pub(crate) base: String,
    /// `<owner>/<name>` of the repository.
    pub(crate) repository: String,
    pub(crate) version: ReleaseVersion,
    /// Whether it is what `latest` means; a prerelease never is, nor a mend of an older line.
    pub(crate) is_latest: bool,
    /// The release before, for updates.
    pub(crate) previous: Option<ReleaseVersion>,
    /// The Python package index, if not pip's own.
    pub(crate) index: Option<String>,
    /// What its signature is verified with.
    pub(crate) public_key: Option<String>,
}

impl Origin {
    /// Asks the server for the release that is meant and the one before it. Nothing, if `latest` is
    /// meant and nothing is released yet.
    pub(super) fn find(
        client: &Client,
        project: &Project,
        args: &VerifyArgs,
        tag: &Tag,
    ) -> anyhow::Result<Option<Self>> {
        let mut stable: Vec<ReleaseVersion> = client
            .versions()?
            .into_iter()
            .filter(ReleaseVersion::is_stable)
            .collect();
        stable.sort();
        let latest = stable.last().cloned();
        let Some(version) = (match tag {
            Tag::Latest => latest.clone(),
            Tag::Version(version) => Some(version.clone()),
        }) else {
            return Ok(None);
        };
        let previous = stable.into_iter().rfind(|other| *other < version);
        Ok(Some(Self {
            base: args.github_base.trim_end_matches('/').to_owned(),
            repository: format!("{}/{}", project.owner, project.name),
            is_latest: latest.as_ref() == Some(&version),
            version,
            previous,
            index: args.index_url.clone(),
            public_key: args
                .public_key
                .clone()
                .or_else(|| project.release.minisign_public_key.clone()),
        }))
    }

    /// The URL of an asset of this release.
    pub(crate) fn asset(&self, name: &str) -> String {
        self.asset_of(&self.version, name)
    }

    /// The URL of an asset of another release.
    pub(crate) fn asset_of(&self, version: &ReleaseVersion, name: &str) -> String {
        let Self {
            base, repository, ..
        } = self;
        format!(
            "{base}/{repository}/releases/download/{}/{name}",
            version.tag()
        )
    }

    /// The URL of an asset of whatever release is the newest.
    pub(crate) fn latest_asset(&self, name: &str) -> String {
        let Self {
            base, repository, ..
        } = self;
        format!("{base}/{repository}/releases/latest/download/{name}")
    }

    /// The variable that leads installers and updates to a server other than GitHub.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        if self.base == GITHUB {
            Vec::new()
        } else {
            vec![("MCP_MESH_INSTALLER_GHE_BASE_URL", self.base.clone())]
        }
    }
}
