//! The Git API, as far as finding a tag's commit goes.

use std::fs;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::json;

use super::answer::{Answer, Refusal, is_plain, json as answer};
use super::server::HubState;

pub(super) fn routes() -> Router<Arc<HubState>> {
    Router::new()
        .route("/{owner}/{repository}/git/ref/tags/{tag}", get(reference))
        .route("/{owner}/{repository}/git/tags/{sha}", get(annotated))
}

type Hub = State<Arc<HubState>>;

async fn reference(
    State(state): Hub,
    Path((_owner, _name, tag)): Path<(String, String, String)>,
) -> Answer {
    if !is_plain(&tag) {
        return Err(Refusal::not_found());
    }
    let pointer = fs::read_to_string(state.root.join("tags").join(&tag))
        .map_err(|_no_such_tag| Refusal::not_found())?;
    let mut words = pointer.split_ascii_whitespace();
    let commit = words.next().ok_or_else(Refusal::not_found)?;
    let object = match words.next() {
        Some(own_hash) => json!({ "type": "tag", "sha": own_hash }),
        None => json!({ "type": "commit", "sha": commit }),
    };
    let found = json!({ "ref": format!("refs/tags/{tag}"), "object": object });
    Ok(answer(StatusCode::OK, &found))
}

async fn annotated(
    State(state): Hub,
    Path((_owner, _name, sha)): Path<(String, String, String)>,
) -> Answer {
    let tags = fs::read_dir(state.root.join("tags"))?.flatten();
    for tag in tags {
        let pointer = fs::read_to_string(tag.path())?;
        if let Some((commit, own_hash)) = pointer.trim().split_once(' ')
            && own_hash == sha
        {
            let object = json!({ "type": "commit", "sha": commit });
            let name = tag.file_name().to_string_lossy().into_owned();
            return Ok(answer(
                StatusCode::OK,
                &json!({ "tag": name, "sha": sha, "object": object }),
            ));
        }
    }
    Err(Refusal::not_found())
}
