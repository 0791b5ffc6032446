//! `/trace/…`: this registry collects no traces, and says so in the shapes that clients read.

use std::sync::Arc;

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::http::StatusCode;
use axum::response::Response;
use mesh_core::wire::{NoTrace, TraceStatus};

use super::json;
use super::openapi::Describe;
use crate::App;

pub(super) fn routes() -> ApiRouter<Arc<App>> {
    ["/trace/status", "/trace/info", "/trace/stats"]
        .into_iter()
        .fold(ApiRouter::new(), |router, path| {
            router.api_route(
                path,
                get_with(status, |operation| {
                    operation
                        .tag("traces")
                        .summary("Whether traces are collected")
                        .answers::<TraceStatus>(200, "They are not, in this release")
                }),
            )
        })
        .api_route(
            "/trace/{trace_id}",
            get_with(trace, |operation| {
                operation
                    .tag("traces")
                    .summary("One trace")
                    .path("trace_id", "The trace")
                    .answers::<NoTrace>(404, "There is none")
            }),
        )
}

/// No configuration is shown: there is none, and a Redis URL may hold a password.
async fn status() -> Response {
    let status = TraceStatus {
        enabled: false,
        reason: Some("tracing not initialized".to_owned()),
        exporter_type: None,
        stream: None,
    };
    json(StatusCode::OK, &status)
}

async fn trace() -> Response {
    let none = NoTrace {
        error: "tracing not enabled".to_owned(),
        hint: None,
        enabled: Some(false),
        trace_id: None,
    };
    json(StatusCode::NOT_FOUND, &none)
}
