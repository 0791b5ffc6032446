//! `/`, `/health` and `/ready`: the registry about itself.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use mesh_core::wire::{Banner, HealthReport, PROTOCOL_VERSION, ReadyReport, SERVICE};

use super::json;
use crate::App;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(banner))
        .route("/health", get(health))
        .route("/ready", get(ready))
}

async fn banner() -> Response {
    let endpoints = ["/health", "/heartbeat", "/agents"]
        .map(Into::into)
        .to_vec();
    let banner = Banner {
        service: SERVICE.to_owned(),
        version: PROTOCOL_VERSION.to_owned(),
        status: "running".to_owned(),
        endpoints,
    };
    json(StatusCode::OK, &banner)
}

/// The process is alive; the store is not asked, so a hiccup of it restarts nobody.
async fn health(State(app): State<Arc<App>>, method: Method) -> Response {
    let now = app.clock.now();
    let report = HealthReport {
        status: "healthy".to_owned(),
        version: PROTOCOL_VERSION.to_owned(),
        uptime_seconds: now.since(app.started).as_secs(),
        timestamp: now,
        service: SERVICE.to_owned(),
    };
    if method == Method::HEAD {
        let uptime = report.uptime_seconds.to_string();
        let headers = [
            (header::CONTENT_TYPE.as_str(), "application/json"),
            ("x-health-status", &report.status),
            ("x-service-version", &report.version),
            ("x-uptime-seconds", &uptime),
        ];
        return headers.into_response();
    }
    json(StatusCode::OK, &report)
}

/// The store answers too, so requests will be served.
async fn ready(State(app): State<Arc<App>>) -> Response {
    let outcome = app.store.ping().await;
    if let Err(error) = &outcome {
        tracing::warn!(error = error as &dyn std::error::Error, "not ready");
    }
    let report = ReadyReport {
        ready: outcome.is_ok(),
        reason: outcome.err().map(|error| error.to_string()),
        timestamp: app.clock.now(),
    };
    let status = if report.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    json(status, &report)
}
