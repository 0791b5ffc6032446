//! `github.com` itself: release pages and downloads.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;

use super::answer::{file, found, html, is_plain, missing_page};
use super::server::HubState;

pub(super) fn routes() -> Router<Arc<HubState>> {
    Router::new()
        .route("/{owner}/{repository}/releases/latest", get(latest))
        .route(
            "/{owner}/{repository}/releases/latest/download/{asset}",
            get(download_latest),
        )
        .route("/{owner}/{repository}/releases/tag/{tag}", get(page))
        .route(
            "/{owner}/{repository}/releases/download/{tag}/{asset}",
            get(download),
        )
}

type Hub = State<Arc<HubState>>;

async fn latest(State(state): Hub, Path((owner, name)): Path<(String, String)>) -> Response {
    match state.latest() {
        Some(tag) => found(format!(
            "{}/{owner}/{name}/releases/tag/{tag}",
            state.base_url
        )),
        None => missing_page(),
    }
}

async fn download_latest(
    State(state): Hub,
    Path((owner, name, asset)): Path<(String, String, String)>,
) -> Response {
    match state.latest() {
        Some(tag) => found(format!(
            "{}/{owner}/{name}/releases/download/{tag}/{asset}",
            state.base_url
        )),
        None => missing_page(),
    }
}

async fn page(
    State(state): Hub,
    Path((_owner, _name, tag)): Path<(String, String, String)>,
) -> Response {
    match state.published(&tag) {
        Some(release) => html(
            StatusCode::OK,
            format!(
                "<!DOCTYPE html>\n<title>{}</title>\n",
                release.facts.tag_name
            ),
        ),
        None => missing_page(),
    }
}

async fn download(
    State(state): Hub,
    Path((_owner, _name, tag, asset)): Path<(String, String, String, String)>,
) -> Response {
    match state.published(&tag) {
        Some(release) if is_plain(&asset) => file(&release.folder().join(asset)),
        _ => missing_page(),
    }
}
