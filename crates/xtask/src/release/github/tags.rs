//! The commit that a tag stands for.

use serde::Deserialize;

use super::Client;
use crate::release::commit;

#[derive(Deserialize)]
struct Pointer {
    object: Object,
}

#[derive(Deserialize)]
struct Object {
    #[serde(rename = "type")]
    kind: String,
    sha: String,
}

impl Client {
    /// The commit of `tag`, through an annotated tag's own object; nothing if there is no such tag.
    pub(crate) fn commit_of_tag(&self, tag: &str) -> anyhow::Result<Option<String>> {
        let Some(Pointer { object }) = self.find(&self.api(&format!("git/ref/tags/{tag}")))? else {
            return Ok(None);
        };
        let sha = commit(&object.sha)?;
        if object.kind != "tag" {
            return Ok(Some(sha));
        }
        let annotated: Pointer = self.get(&self.api(&format!("git/tags/{sha}")))?;
        Ok(Some(commit(&annotated.object.sha)?))
    }
}
