//! `/`, `/health` and `/ready`: the registry about itself.

use std::sync::Arc;

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, head_with};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use mesh_core::wire::{Banner, HealthReport, PROTOCOL_VERSION, ReadyReport, SERVICE};

use super::json;
use super::openapi::Describe;
use crate::App;
use crate::metrics::StoreOperation;

pub(super) fn routes() -> ApiRouter<Arc<App>> {
    ApiRouter::new()
        .api_route(
            "/",
            get_with(banner, |operation| {
                operation
                    .tag("service")
                    .summary("Who answers here")
                    .answers::<Banner>(200, "The banner")
            }),
        )
        .api_route(
            "/health",
            get_with(health, |operation| {
                operation
                    .tag("service")
                    .summary("Whether the process lives; the store is not asked")
                    .answers::<HealthReport>(200, "It does")
            })
            .merge(head_with(health_in_headers, |operation| {
                operation
                    .tag("service")
                    .summary("The same in headers: `X-Health-Status`, `X-Service-Version`, `X-Uptime-Seconds`")
                    .answers_nothing(200, "It does")
            })),
        )
        .api_route(
            "/ready",
            get_with(ready, |operation| {
                operation
                    .tag("service")
                    .summary("Whether requests will be served: the store answers too")
                    .answers::<ReadyReport>(200, "They will")
                    .answers::<ReadyReport>(503, "They will not")
            }),
        )
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
async fn health(State(app): State<Arc<App>>) -> Response {
    json(StatusCode::OK, &health_report(&app))
}

async fn health_in_headers(State(app): State<Arc<App>>) -> Response {
    let report = health_report(&app);
    let uptime = report.uptime_seconds.to_string();
    let headers = [
        (header::CONTENT_TYPE.as_str(), "application/json"),
        ("x-health-status", &report.status),
        ("x-service-version", &report.version),
        ("x-uptime-seconds", &uptime),
    ];
    headers.into_response()
}

fn health_report(app: &App) -> HealthReport {
    let now = app.clock.now();
    HealthReport {
        status: "healthy".to_owned(),
        version: PROTOCOL_VERSION.to_owned(),
        uptime_seconds: now.since(app.started).as_secs(),
        timestamp: now,
        service: SERVICE.to_owned(),
    }
}

/// The store answers too, so requests will be served.
async fn ready(State(app): State<Arc<App>>) -> Response {
    let ping = app.store.ping();
    let outcome = app.metrics.store(StoreOperation::Ping, ping).await;
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
