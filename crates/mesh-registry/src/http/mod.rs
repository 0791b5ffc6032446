//! The HTTP surface, one file per resource. A handler extracts, calls and converts; state is a
//! parameter.

mod agents;
mod body;
mod drain;
mod error;
mod events;
mod headers;
mod heartbeat;
mod job_events;
mod job_path;
mod jobs;
mod proxy;
mod query;
mod service;
mod watch;

pub(crate) use headers::HeaderRules;

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use crate::App;

/// Assembles the service. Needs no socket, so tests call it directly.
pub fn app(state: Arc<App>) -> Router {
    Router::new()
        .merge(heartbeat::routes())
        .merge(agents::routes())
        .merge(watch::routes())
        .merge(events::routes())
        .merge(jobs::routes())
        .merge(job_events::routes())
        .merge(drain::routes())
        .merge(service::routes())
        .merge(proxy::routes())
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .with_state(state)
}

/// Answers what no route serves. A wrong method is as unknown as a wrong path, and a trailing slash
/// is redirected, as clients have come to expect.
async fn unknown(method: Method, uri: Uri) -> Response {
    let path = uri.path();
    let trimmed = path.trim_end_matches('/');
    // Browsers read `//` and `/\` as the start of another host.
    let is_ours = !trimmed.starts_with("//") && !trimmed.contains('\\');
    if trimmed.len() < path.len() && !trimmed.is_empty() && is_ours {
        let status = if method == Method::GET {
            StatusCode::MOVED_PERMANENTLY
        } else {
            StatusCode::TEMPORARY_REDIRECT
        };
        let target = match uri.query() {
            Some(query) => format!("{trimmed}?{query}"),
            None => trimmed.to_owned(),
        };
        return (status, [(header::LOCATION, target)]).into_response();
    }
    (StatusCode::NOT_FOUND, "404 page not found").into_response()
}

const JSON: &str = "application/json; charset=utf-8";

/// A JSON answer whose bytes are already there.
fn raw_json(status: StatusCode, bytes: impl Into<axum::body::Body>) -> Response {
    (status, [(header::CONTENT_TYPE, JSON)], bytes.into()).into_response()
}

/// A JSON answer.
fn json(status: StatusCode, value: &impl serde::Serialize) -> Response {
    let bytes = serde_json::to_vec(value).expect("wire types hold nothing that JSON lacks");
    raw_json(status, bytes)
}
