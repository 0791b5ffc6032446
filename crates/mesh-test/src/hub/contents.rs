//! The contents API: files of any repository, one commit each.

use std::fs;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::answer::{Answer, Refusal, is_plain, json as answer};
use super::server::{HubState, authorize};

pub(super) fn routes() -> Router<Arc<HubState>> {
    Router::new().route(
        "/{owner}/{repository}/contents/{*path}",
        get(read).put(write),
    )
}

type Hub = State<Arc<HubState>>;

async fn read(
    State(state): Hub,
    Path((owner, name, path)): Path<(String, String, String)>,
) -> Answer {
    let file = locate(&state, &owner, &name, &path)?;
    let bytes = fs::read(file).map_err(|_no_such_file| Refusal::not_found())?;
    let mut shown = show(&path, &bytes);
    shown["encoding"] = "base64".into();
    // GitHub breaks the lines, and readers must bear it.
    let encoded = BASE64_STANDARD.encode(&bytes);
    let lines: Vec<_> = encoded
        .as_bytes()
        .chunks(60)
        .map(String::from_utf8_lossy)
        .collect();
    shown["content"] = format!("{}\n", lines.join("\n")).into();
    Ok(answer(StatusCode::OK, &shown))
}

/// A new content for a path.
#[derive(Debug, Deserialize)]
struct Commit {
    message: String,
    content: String,
    /// The hash of what is replaced; nothing if the file is new.
    sha: Option<String>,
}

async fn write(
    State(state): Hub,
    Path((owner, name, path)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    authorize(&headers)?;
    let Commit {
        message,
        content,
        sha,
    } = serde_json::from_slice(&body)?;
    let bytes = BASE64_STANDARD
        .decode(content)
        .map_err(|error| Refusal::unprocessable(format!("content is not valid Base64: {error}")))?;
    if message.is_empty() {
        return Err(Refusal::unprocessable("\"message\" wasn't supplied."));
    }
    let file = locate(&state, &owner, &name, &path)?;
    let _writing = state.writing();
    let status = match (fs::read(&file), sha) {
        (Err(_no_such_file), None) => StatusCode::CREATED,
        (Ok(_), None) => return Err(Refusal::unprocessable("\"sha\" wasn't supplied.")),
        (Ok(current), Some(sha)) if blob_hash(&current) == sha => StatusCode::OK,
        (_, Some(sha)) => {
            let message = format!("{path} does not match {sha}");
            return Err(Refusal::new(StatusCode::CONFLICT, message));
        }
    };
    fs::create_dir_all(file.parent().unwrap_or(FilePath::new("")))?;
    fs::write(&file, &bytes)?;
    let done = json!({
        "content": show(&path, &bytes),
        "commit": { "sha": blob_hash(&[message.as_bytes(), &bytes].concat()), "message": message },
    });
    Ok(answer(status, &done))
}

fn locate(state: &HubState, owner: &str, name: &str, path: &str) -> Result<PathBuf, Refusal> {
    let folder = state.root.join("contents");
    let parts = [owner, name].into_iter().chain(path.split('/'));
    parts.into_iter().try_fold(folder, |folder, part| {
        let part = is_plain(part).then_some(part);
        Ok(folder.join(part.ok_or_else(Refusal::not_found)?))
    })
}

fn show(path: &str, bytes: &[u8]) -> Value {
    json!({
        "type": "file",
        "name": path.rsplit('/').next(),
        "path": path,
        "size": bytes.len(),
        "sha": blob_hash(bytes),
    })
}

/// As long as Git's hash of a file; whoever uses the API takes it as it comes.
fn blob_hash(bytes: &[u8]) -> String {
    let digest = format!("{:x}", Sha256::digest(bytes));
    digest[..40].to_owned()
}
