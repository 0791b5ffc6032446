//! `/trace/…`: traces that were collected, in the shapes that clients read.

use std::sync::Arc;

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use mesh_core::wire::{NoTrace, TRACING_DISABLED, TraceInfo, TraceStats, TraceStatus};

use super::error::ApiError;
use super::json;
use super::openapi::Describe;
use crate::App;

/// Why nothing is known of traces.
const SWITCHED_OFF: &str = "tracing not initialized";

pub(super) fn routes() -> ApiRouter<Arc<App>> {
    ["/trace/status", "/trace/info"]
        .into_iter()
        .fold(ApiRouter::new(), |router, path| {
            router.api_route(
                path,
                get_with(status, |operation| {
                    operation
                        .tag("traces")
                        .summary("Whether traces can be asked for, and where spans are read")
                        .answers::<TraceStatus>(200, "How it stands")
                }),
            )
        })
        .api_route(
            "/trace/stats",
            get_with(stats, |operation| {
                operation
                    .tag("traces")
                    .summary("What is counted of traces: nothing, in this release")
                    .answers::<TraceStats>(200, "That nothing is")
            }),
        )
        .api_route(
            "/trace/{trace_id}",
            get_with(trace, |operation| {
                operation
                    .tag("traces")
                    .summary("One trace: its spans, from the stream that agents publish them to")
                    .path("trace_id", "The trace, 32 hexadecimal digits")
                    .answers::<TraceInfo>(200, "The trace")
                    .answers::<NoTrace>(404, "There is none, or tracing is not enabled")
                    .fails(503, "Redis does not answer")
            }),
        )
}

/// No configuration is shown: a Redis URL may hold a password.
async fn status(State(app): State<Arc<App>>) -> Response {
    let status = match &app.traces {
        None => TraceStatus {
            enabled: false,
            reason: Some(SWITCHED_OFF.to_owned()),
            exporter_type: None,
            stream: None,
        },
        Some(traces) => {
            let (stream, error) = traces.source().await;
            TraceStatus {
                enabled: true,
                reason: error.map(|error| error.to_string()),
                exporter_type: Some("none".to_owned()),
                stream: Some(stream),
            }
        }
    };
    json(StatusCode::OK, &status)
}

async fn stats(State(app): State<Arc<App>>) -> Response {
    let stats = match &app.traces {
        None => TraceStats {
            enabled: false,
            stats_available: None,
            reason: Some(SWITCHED_OFF.to_owned()),
        },
        Some(_) => TraceStats {
            enabled: true,
            stats_available: Some(false),
            reason: Some("statistics collection not enabled".to_owned()),
        },
    };
    json(StatusCode::OK, &stats)
}

async fn trace(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Response, ApiError> {
    let Some(traces) = &app.traces else {
        let none = NoTrace {
            error: TRACING_DISABLED.to_owned(),
            enabled: Some(false),
            trace_id: None,
        };
        return Ok(json(StatusCode::NOT_FOUND, &none));
    };
    if let Some(trace) = traces.find(&id).await? {
        return Ok(json(StatusCode::OK, &trace));
    }
    let none = NoTrace {
        error: "trace not found".to_owned(),
        enabled: None,
        trace_id: Some(id),
    };
    Ok(json(StatusCode::NOT_FOUND, &none))
}
