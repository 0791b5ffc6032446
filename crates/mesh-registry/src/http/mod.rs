//! The HTTP surface, one file per resource. A handler extracts, calls and converts; state is a
//! parameter.

mod a2a;
mod admin;
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
mod metrics;
mod openapi;
mod proxy;
mod query;
mod schemas;
mod service;
mod trace;
mod watch;

pub(crate) use headers::HeaderRules;
pub use openapi::openapi;

use std::sync::Arc;

use aide::axum::ApiRouter;
use aide::openapi::OpenApi;
use axum::Router;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use crate::App;

/// Assembles the service. Needs no socket, so tests call it directly. The administration is left out
/// when it has a port of its own.
pub fn app(state: Arc<App>) -> Router {
    let routes = match state.settings.admin_port {
        None => everything(),
        Some(_) => public(),
    };
    assemble(routes, state)
}

/// Assembles what is served on the administration's own port.
pub(crate) fn admin_app(state: Arc<App>) -> Router {
    assemble(administration(), state)
}

/// What agents, people and programs use.
fn public() -> ApiRouter<Arc<App>> {
    ApiRouter::new()
        .merge(heartbeat::routes())
        .merge(agents::routes())
        .merge(watch::routes())
        .merge(a2a::routes())
        .merge(events::routes())
        .merge(jobs::routes())
        .merge(job_events::routes())
        .merge(schemas::routes())
        .merge(trace::routes())
        .merge(proxy::routes())
        .merge(service::routes())
        .merge(metrics::routes())
        .merge(openapi::routes())
}

/// What only operators use: everything below `/admin`.
fn administration() -> ApiRouter<Arc<App>> {
    ApiRouter::new()
        .merge(admin::routes())
        .merge(drain::routes())
}

fn everything() -> ApiRouter<Arc<App>> {
    public().merge(administration())
}

fn assemble(routes: ApiRouter<Arc<App>>, state: Arc<App>) -> Router {
    routes
        .finish_api(&mut OpenApi::default()) // The document is made when it is asked for.
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .layer(metrics::Count(state.metrics.clone()))
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
