//! The part of the releases API that reads.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::Value;

use super::answer::{Answer, Refusal, file, json};
use super::releases::{Release, Repository};
use super::server::{HubState, is_authorized};

pub(super) fn routes() -> Router<Arc<HubState>> {
    Router::new()
        .route("/{owner}/{repository}/releases/latest", get(latest))
        .route("/{owner}/{repository}/releases/tags/{tag}", get(by_tag))
        .route("/{owner}/{repository}/releases/{id}/assets", get(assets))
        .route("/{owner}/{repository}/releases/assets/{id}", get(asset))
}

type Hub = State<Arc<HubState>>;

/// `per_page` and `page` of a list.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    per_page: Option<usize>,
    page: Option<usize>,
}

impl Page {
    /// One page of a list, and the `link` to the next if there is one.
    fn of(&self, all: &[Value], url: &str) -> Response {
        let size = self.per_page.unwrap_or(30).clamp(1, 100);
        let page = self.page.unwrap_or(1).max(1);
        let start = (page - 1).saturating_mul(size).min(all.len());
        let end = start.saturating_add(size).min(all.len());
        let mut response = json(StatusCode::OK, &all[start..end]);
        if end < all.len() {
            let link = format!("<{url}?per_page={size}&page={}>; rel=\"next\"", page + 1);
            let link = HeaderValue::from_str(&link).expect("a URL of our own");
            response.headers_mut().insert(header::LINK, link);
        }
        response
    }
}

/// Drafts are shown to those who may write, as GitHub does.
pub(super) async fn list(
    State(state): Hub,
    Path((owner, name)): Path<(String, String)>,
    Query(page): Query<Page>,
    headers: HeaderMap,
) -> Response {
    let repository = Repository {
        owner: &owner,
        name: &name,
    };
    let drafts = if is_authorized(&headers) {
        state.drafts()
    } else {
        Vec::new()
    };
    let all: Vec<_> = drafts
        .into_iter()
        .chain(state.all_published())
        .map(|release| release.show(&state.base_url, repository))
        .collect();
    page.of(
        &all,
        &format!("{}/api/v3/repos/{owner}/{name}/releases", state.base_url),
    )
}

async fn latest(State(state): Hub, Path((owner, name)): Path<(String, String)>) -> Answer {
    let release = state.latest().and_then(|tag| state.published(&tag));
    show(&state, &owner, &name, release)
}

async fn by_tag(
    State(state): Hub,
    Path((owner, name, tag)): Path<(String, String, String)>,
) -> Answer {
    show(&state, &owner, &name, state.published(&tag))
}

fn show(state: &HubState, owner: &str, name: &str, release: Option<Release>) -> Answer {
    let release = release.ok_or_else(Refusal::not_found)?;
    let shown = release.show(&state.base_url, Repository { owner, name });
    Ok(json(StatusCode::OK, &shown))
}

/// One release; drafts only for those who may write.
pub(super) async fn by_id(
    State(state): Hub,
    Path((owner, name, id)): Path<(String, String, u64)>,
    headers: HeaderMap,
) -> Answer {
    let visible = |release: &Release| !release.draft || is_authorized(&headers);
    show(&state, &owner, &name, state.release(id).filter(visible))
}

async fn assets(
    State(state): Hub,
    Path((owner, name, id)): Path<(String, String, u64)>,
    Query(page): Query<Page>,
    headers: HeaderMap,
) -> Answer {
    let release = state
        .release(id)
        .filter(|release| !release.draft || is_authorized(&headers))
        .ok_or_else(Refusal::not_found)?;
    let repository = Repository {
        owner: &owner,
        name: &name,
    };
    let url = format!(
        "{}/api/v3/repos/{owner}/{name}/releases/{id}/assets",
        state.base_url
    );
    Ok(page.of(&release.show_assets(&state.base_url, repository), &url))
}

/// An asset's bytes if asked for as `application/octet-stream`, else what is known about it.
async fn asset(
    State(state): Hub,
    Path((owner, name, id)): Path<(String, String, u64)>,
    headers: HeaderMap,
) -> Answer {
    let found = state
        .all_published()
        .find_map(|release| release.asset(id).map(|path| (release, path)));
    let (release, path) = found.ok_or_else(Refusal::not_found)?;
    if headers
        .get(header::ACCEPT)
        .is_some_and(|accept| accept == "application/octet-stream")
    {
        return Ok(file(&path));
    }
    let asset = path.file_name().unwrap_or_default().to_string_lossy();
    let repository = Repository {
        owner: &owner,
        name: &name,
    };
    let shown = release.show_asset(&asset, &state.base_url, repository);
    Ok(json(StatusCode::OK, &shown).into_response())
}
