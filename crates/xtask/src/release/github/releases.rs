//! Releases: drafts are made, filled and published; published ones are read.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::json;
use ureq::http::Method;

use super::{Client, Token};
use crate::release::ReleaseVersion;

/// A release as the server lists it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Release {
    pub(crate) id: u64,
    pub(crate) tag_name: String,
    pub(crate) draft: bool,
    #[serde(default)]
    pub(crate) assets: Vec<Asset>,
    #[serde(default)]
    upload_url: String,
}

/// A file of a release.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Asset {
    pub(crate) name: String,
    pub(crate) size: u64,
    /// `sha256:<hash>` of what the server holds; older enterprise servers do not say.
    #[serde(default)]
    pub(crate) digest: Option<String>,
}

/// What a new release says about itself.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    pub(crate) version: &'a ReleaseVersion,
    /// The commit that the tag is put on if there is no tag yet.
    pub(crate) commit: &'a str,
    pub(crate) title: String,
    pub(crate) notes: &'a str,
}

impl Release {
    pub(crate) fn has(&self, name: &str) -> bool {
        self.assets.iter().any(|asset| asset.name == name)
    }

    /// The version, unless the tag is something else's.
    pub(crate) fn version(&self) -> Option<ReleaseVersion> {
        let version: ReleaseVersion = self.tag_name.parse().ok()?;
        (version.tag() == self.tag_name).then_some(version)
    }
}

impl Client {
    /// All releases, newest first; drafts only if the token may write.
    pub(crate) fn releases(&self) -> anyhow::Result<Vec<Release>> {
        self.pages("releases")
    }

    /// The versions of all published releases, in no order.
    pub(crate) fn versions(&self) -> anyhow::Result<Vec<ReleaseVersion>> {
        let published = self
            .releases()?
            .into_iter()
            .filter(|release| !release.draft);
        Ok(published.filter_map(|release| release.version()).collect())
    }

    /// The published release of `version`.
    pub(crate) fn published(&self, version: &ReleaseVersion) -> anyhow::Result<Option<Release>> {
        let Some(mut release) =
            self.find::<Release>(&self.api(&format!("releases/tags/{}", version.tag())))?
        else {
            return Ok(None);
        };
        // A release shows its first files only.
        release.assets = self.assets(release.id)?;
        Ok(Some(release))
    }

    /// Every file of a release.
    pub(crate) fn assets(&self, id: u64) -> anyhow::Result<Vec<Asset>> {
        self.pages(&format!("releases/{id}/assets"))
    }

    /// Makes a draft, which only those who may write can see.
    pub(crate) fn create_draft(&self, draft: &Draft<'_>) -> anyhow::Result<Release> {
        self.require_token(Token::REPOSITORY)?;
        let body = json!({
            "tag_name": draft.version.tag(),
            "target_commitish": draft.commit,
            "name": draft.title,
            "body": draft.notes,
            "draft": true,
            "prerelease": !draft.version.is_stable(),
        });
        self.write(&Method::POST, &self.api("releases"), &body)
    }

    /// Adds a file to a draft.
    pub(crate) fn upload_asset(&self, draft: &Release, path: &Path) -> anyhow::Result<Asset> {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .with_context(|| format!("`{}` has no plain name", path.display()))?;
        let endpoint = draft.upload_url.split('{').next().unwrap_or_default();
        let asset: Asset = self.upload(&format!("{endpoint}?name={}", encode(name)), path)?;
        // The server may rename what it does not like, and then no checksum fits.
        if asset.name != name {
            bail!("the server calls `{name}` `{}`; rename it", asset.name);
        }
        Ok(asset)
    }

    /// Shows a draft to everybody, tag included.
    pub(crate) fn publish_draft(
        &self,
        draft: &Release,
        version: &ReleaseVersion,
    ) -> anyhow::Result<Release> {
        // `legacy` lets the server choose by version, so that an old line's patch is not the latest.
        let latest = if version.is_stable() {
            "legacy"
        } else {
            "false"
        };
        let body = json!({ "draft": false, "make_latest": latest });
        let url = self.api(&format!("releases/{}", draft.id));
        self.write(&Method::PATCH, &url, &body)
    }

    /// Throws a draft away.
    pub(crate) fn delete_draft(&self, draft: &Release) -> anyhow::Result<()> {
        if !draft.draft {
            bail!("{} is published; a published release stays", draft.tag_name);
        }
        self.require_token(Token::REPOSITORY)?;
        self.delete(&self.api(&format!("releases/{}", draft.id)))
    }

    /// Every page of a list.
    fn pages<T: serde::de::DeserializeOwned>(&self, path: &str) -> anyhow::Result<Vec<T>> {
        const SIZE: usize = 100;
        let mut all = Vec::new();
        for page in 1.. {
            let url = self.api(&format!("{path}?per_page={SIZE}&page={page}"));
            let found: Vec<T> = self.get(&url)?;
            let is_last = found.len() < SIZE;
            all.extend(found);
            if is_last {
                break;
            }
        }
        Ok(all)
    }
}

/// A file name as a value of a query: a `+` would arrive as a space.
fn encode(name: &str) -> String {
    name.bytes().fold(String::new(), |mut encoded, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => {
                let _ = write!(encoded, "%{byte:02X}"); // A String never refuses.
            }
        }
        encoded
    })
}
