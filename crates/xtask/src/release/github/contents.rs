//! Files of a repository, read and written without a clone.

use anyhow::Context;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::http::Method;

use super::Client;

/// A file of the default branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) bytes: Vec<u8>,
    /// Git's name of this content; whoever replaces it must say it.
    sha: String,
}

#[derive(Deserialize)]
struct Shown {
    content: String,
    sha: String,
}

impl Client {
    /// What `path` holds, if anything.
    pub(crate) fn read_file(&self, path: &str) -> anyhow::Result<Option<File>> {
        let url = self.api(&format!("contents/{path}"));
        let Some(Shown { content, sha }) = self.find(&url)? else {
            return Ok(None);
        };
        // The server breaks the lines.
        let packed: String = content.split_ascii_whitespace().collect();
        let bytes = BASE64_STANDARD
            .decode(packed)
            .with_context(|| format!("failed to decode the answer of `{url}`"))?;
        Ok(Some(File { bytes, sha }))
    }

    /// Commits a new content for `path`, in the place of `old`, which the caller has read.
    pub(crate) fn write_file(
        &self,
        path: &str,
        bytes: &[u8],
        old: Option<&File>,
        message: &str,
    ) -> anyhow::Result<()> {
        let mut body = json!({ "message": message, "content": BASE64_STANDARD.encode(bytes) });
        if let Some(old) = old {
            body["sha"] = old.sha.clone().into();
        }
        let url = self.api(&format!("contents/{path}"));
        self.write::<Value>(&Method::PUT, &url, &body).map(drop)
    }
}
