//! Releases as they lie on the disk, and as the API shows them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::is_plain;
use super::server::HubState;

/// What the creator of a release says about it; kept beside the assets.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Facts {
    pub(super) id: u64,
    pub(super) tag_name: String,
    #[serde(default)]
    pub(super) target_commitish: String,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) body: String,
    #[serde(default)]
    pub(super) prerelease: bool,
}

/// A draft or a published release.
#[derive(Debug)]
pub(super) struct Release {
    pub(super) facts: Facts,
    pub(super) draft: bool,
    assets: PathBuf,
}

/// Who asks for what: the repository's part of a URL.
#[derive(Debug, Clone, Copy)]
pub(super) struct Repository<'a> {
    pub(super) owner: &'a str,
    pub(super) name: &'a str,
}

impl HubState {
    pub(super) fn releases_folder(&self) -> PathBuf {
        self.root.join("releases")
    }

    pub(super) fn drafts_folder(&self) -> PathBuf {
        self.root.join("drafts")
    }

    pub(super) fn facts_of(&self, tag: &str) -> PathBuf {
        self.root.join("published").join(format!("{tag}.json"))
    }

    /// The tags of all published releases, newest version first; folders that are no version are no
    /// release.
    pub(super) fn tags(&self) -> Vec<String> {
        let mut tags: Vec<(Version, String)> = folder_names(&self.releases_folder())
            .into_iter()
            .filter_map(|tag| Some((version(&tag)?, tag)))
            .collect();
        tags.sort_by(|left, right| right.cmp(left));
        tags.into_iter().map(|(_, tag)| tag).collect()
    }

    /// The newest tag that is no prerelease.
    pub(super) fn latest(&self) -> Option<String> {
        self.tags()
            .into_iter()
            .find(|tag| version(tag).is_some_and(|version| version.pre.is_empty()))
    }

    pub(super) fn published(&self, tag: &str) -> Option<Release> {
        let assets = self.releases_folder().join(tag);
        let pre = !version(tag)?.pre.is_empty();
        if !is_plain(tag) || !assets.is_dir() {
            return None;
        }
        let facts = read_facts(&self.facts_of(tag)).unwrap_or_else(|| Facts {
            id: id_of(tag),
            tag_name: tag.to_owned(),
            target_commitish: "main".to_owned(),
            name: tag.to_owned(),
            body: String::new(),
            prerelease: pre,
        });
        Some(Release {
            facts,
            draft: false,
            assets,
        })
    }

    /// Every draft, newest first.
    pub(super) fn drafts(&self) -> Vec<Release> {
        let mut drafts: Vec<_> = folder_names(&self.drafts_folder())
            .iter()
            .filter_map(|name| self.draft(name.parse().ok()?))
            .collect();
        drafts.sort_by_key(|draft| std::cmp::Reverse(draft.facts.id));
        drafts
    }

    pub(super) fn draft(&self, id: u64) -> Option<Release> {
        let folder = self.drafts_folder().join(id.to_string());
        Some(Release {
            facts: read_facts(&folder.join("release.json"))?,
            draft: true,
            assets: folder.join("assets"),
        })
    }

    pub(super) fn all_published(&self) -> impl Iterator<Item = Release> {
        self.tags()
            .into_iter()
            .filter_map(|tag| self.published(&tag))
    }

    /// A draft or a published release.
    pub(super) fn release(&self, id: u64) -> Option<Release> {
        self.draft(id)
            .or_else(|| self.all_published().find(|release| release.facts.id == id))
    }
}

impl Release {
    /// The folder of its assets.
    pub(super) fn folder(&self) -> &Path {
        &self.assets
    }

    pub(super) fn asset_names(&self) -> Vec<String> {
        let mut names: Vec<_> = entries(&self.assets)
            .filter(|entry| entry.path().is_file())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    }

    /// The asset with this id.
    pub(super) fn asset(&self, id: u64) -> Option<PathBuf> {
        let mut names = self.asset_names().into_iter();
        let name = names.find(|name| self.asset_id(name) == id)?;
        Some(self.assets.join(name))
    }

    fn asset_id(&self, name: &str) -> u64 {
        id_of(&format!("{}/{name}", self.facts.id))
    }

    pub(super) fn show(&self, base_url: &str, repository: Repository<'_>) -> Value {
        let Repository { owner, name } = repository;
        let Facts {
            id,
            tag_name: tag,
            target_commitish,
            name: title,
            body,
            prerelease,
        } = &self.facts;
        let api = format!("{base_url}/api/v3/repos/{owner}/{name}/releases");
        json!({
            "id": id,
            "tag_name": tag,
            "target_commitish": target_commitish,
            "name": title,
            "body": body,
            "draft": self.draft,
            "prerelease": prerelease,
            "url": format!("{api}/{id}"),
            "html_url": format!("{base_url}/{owner}/{name}/releases/tag/{tag}"),
            "assets_url": format!("{api}/{id}/assets"),
            "upload_url": format!("{base_url}/api/uploads/repos/{owner}/{name}/releases/{id}/assets{{?name,label}}"),
            "assets": self.show_assets(base_url, repository),
        })
    }

    pub(super) fn show_assets(&self, base_url: &str, repository: Repository<'_>) -> Vec<Value> {
        let names = self.asset_names();
        let shown = names
            .iter()
            .map(|asset| self.show_asset(asset, base_url, repository));
        shown.collect()
    }

    pub(super) fn show_asset(
        &self,
        asset: &str,
        base_url: &str,
        Repository { owner, name }: Repository<'_>,
    ) -> Value {
        let id = self.asset_id(asset);
        let tag = &self.facts.tag_name;
        let size = fs::metadata(self.assets.join(asset)).map_or(0, |metadata| metadata.len());
        json!({
            "id": id,
            "name": asset,
            "state": "uploaded",
            "size": size,
            "content_type": "application/octet-stream",
            "url": format!("{base_url}/api/v3/repos/{owner}/{name}/releases/assets/{id}"),
            "browser_download_url": format!("{base_url}/{owner}/{name}/releases/download/{tag}/{asset}"),
        })
    }
}

/// The version that a tag names.
pub(super) fn version(tag: &str) -> Option<Version> {
    Version::parse(tag.strip_prefix('v')?).ok()
}

/// A number that stays the same between two starts of the hub: FNV-1a, cut to what JSON holds exactly.
fn id_of(text: &str) -> u64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // Above the numbers that drafts count up.
    (hash >> 12) | (1 << 51)
}

fn read_facts(path: &Path) -> Option<Facts> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

pub(super) fn write_facts(path: &Path, facts: &Facts) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, serde_json::to_vec_pretty(facts)?)
}

fn folder_names(folder: &Path) -> Vec<String> {
    entries(folder)
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

/// A folder that is not there yet has no entries.
fn entries(folder: &Path) -> impl Iterator<Item = fs::DirEntry> {
    fs::read_dir(folder).into_iter().flatten().flatten()
}
