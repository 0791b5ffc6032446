//! The part of the releases API that writes: a draft is made, filled, published or thrown away.

use std::fs;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use serde::Deserialize;

use super::answer::{Answer, Refusal, is_plain, json};
use super::api;
use super::releases::{Facts, Release, Repository, version, write_facts};
use super::server::{HubState, authorize};

pub(super) fn routes() -> Router<Arc<HubState>> {
    Router::new()
        .route(
            "/{owner}/{repository}/releases",
            get(api::list).post(create),
        )
        .route(
            "/{owner}/{repository}/releases/{id}",
            get(api::by_id).patch(update).delete(delete),
        )
}

/// Where `upload_url` points.
pub(super) fn upload_routes() -> Router<Arc<HubState>> {
    Router::new().route("/{owner}/{repository}/releases/{id}/assets", post(upload))
}

type Hub = State<Arc<HubState>>;

/// What a creator or an editor may say; what is absent stays as it is.
#[derive(Debug, Deserialize)]
struct Wanted {
    tag_name: Option<String>,
    target_commitish: Option<String>,
    name: Option<String>,
    body: Option<String>,
    draft: Option<bool>,
    prerelease: Option<bool>,
}

async fn create(
    State(state): Hub,
    Path((owner, name)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    authorize(&headers)?;
    let wanted: Wanted = serde_json::from_slice(&body)?;
    let tag = wanted.tag_name.unwrap_or_default();
    if !is_plain(&tag) || version(&tag).is_none() {
        return Err(Refusal::unprocessable("tag_name is not a valid tag"));
    }
    let _writing = state.writing();
    if state.published(&tag).is_some() {
        return Err(Refusal::unprocessable(
            "Validation Failed: tag_name already_exists",
        ));
    }
    let facts = Facts {
        id: state
            .drafts()
            .first()
            .map_or(1, |newest| newest.facts.id + 1),
        name: wanted.name.unwrap_or_else(|| tag.clone()),
        target_commitish: wanted.target_commitish.unwrap_or_else(|| "main".to_owned()),
        body: wanted.body.unwrap_or_default(),
        prerelease: wanted.prerelease.unwrap_or(false),
        tag_name: tag,
    };
    let folder = state.drafts_folder().join(facts.id.to_string());
    fs::create_dir_all(folder.join("assets"))?;
    write_facts(&folder.join("release.json"), &facts)?;
    let mut release = state.draft(facts.id).ok_or_else(Refusal::not_found)?;
    if !wanted.draft.unwrap_or(false) {
        release = publish(&state, &release)?;
    }
    let repository = Repository {
        owner: &owner,
        name: &name,
    };
    Ok(json(
        StatusCode::CREATED,
        &release.show(&state.base_url, repository),
    ))
}

async fn update(
    State(state): Hub,
    Path((owner, name, id)): Path<(String, String, u64)>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    authorize(&headers)?;
    let wanted: Wanted = serde_json::from_slice(&body)?;
    let _writing = state.writing();
    let mut release = state.release(id).ok_or_else(Refusal::not_found)?;
    if release.draft && wanted.draft == Some(false) {
        release = publish(&state, &release)?;
    }
    if let Some(text) = wanted.body {
        release.facts.body = text;
    }
    if let Some(title) = wanted.name {
        release.facts.name = title;
    }
    let path = if release.draft {
        state
            .drafts_folder()
            .join(id.to_string())
            .join("release.json")
    } else {
        state.facts_of(&release.facts.tag_name)
    };
    write_facts(&path, &release.facts)?;
    let repository = Repository {
        owner: &owner,
        name: &name,
    };
    Ok(json(
        StatusCode::OK,
        &release.show(&state.base_url, repository),
    ))
}

/// Moves a draft to its place; a tag that is not there yet is made, as on GitHub.
fn publish(state: &HubState, draft: &Release) -> Result<Release, Refusal> {
    let tag = &draft.facts.tag_name;
    if state.published(tag).is_some() {
        return Err(Refusal::unprocessable(
            "Validation Failed: tag_name already_exists",
        ));
    }
    write_facts(&state.facts_of(tag), &draft.facts)?;
    fs::create_dir_all(state.releases_folder())?;
    fs::rename(draft.folder(), state.releases_folder().join(tag))?;
    fs::remove_dir_all(state.drafts_folder().join(draft.facts.id.to_string()))?;
    let pointer = state.root.join("tags").join(tag);
    if !pointer.exists() {
        fs::create_dir_all(state.root.join("tags"))?;
        fs::write(pointer, &draft.facts.target_commitish)?;
    }
    state.published(tag).ok_or_else(Refusal::not_found)
}

async fn delete(
    State(state): Hub,
    Path((_owner, _name, id)): Path<(String, String, u64)>,
    headers: HeaderMap,
) -> Answer {
    authorize(&headers)?;
    let _writing = state.writing();
    let release = state.release(id).ok_or_else(Refusal::not_found)?;
    if !release.draft {
        // Stricter than GitHub: nothing here ever takes a published release away.
        return Err(Refusal::unprocessable("a published release stays"));
    }
    fs::remove_dir_all(state.drafts_folder().join(id.to_string()))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[derive(Debug, Deserialize)]
struct UploadQuery {
    name: String,
}

async fn upload(
    State(state): Hub,
    Path((owner, name, id)): Path<(String, String, u64)>,
    Query(UploadQuery { name: asset }): Query<UploadQuery>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    authorize(&headers)?;
    if !is_plain(&asset) {
        return Err(Refusal::unprocessable("name is not valid"));
    }
    let _writing = state.writing();
    let release = state.release(id).ok_or_else(Refusal::not_found)?;
    if !release.draft {
        return Err(Refusal::unprocessable(
            "Cannot upload assets to an immutable release.",
        ));
    }
    let file = fs::File::create_new(release.folder().join(&asset));
    match file.and_then(|mut file| io::Write::write_all(&mut file, &body)) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(Refusal::unprocessable(
                "Validation Failed: name already_exists",
            ));
        }
        Err(error) => return Err(error.into()),
    }
    let repository = Repository {
        owner: &owner,
        name: &name,
    };
    let shown = release.show_asset(&asset, &state.base_url, repository);
    Ok(json(StatusCode::CREATED, &shown))
}
