//! `/admin/drain` stops the handing out of jobs before a change of the fleet.

use std::sync::Arc;

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use aide::transform::TransformOperation;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use mesh_core::wire::DrainReport;

use super::error::ApiError;
use super::json;
use super::openapi::Describe;
use crate::App;

pub(super) fn routes() -> ApiRouter<Arc<App>> {
    ApiRouter::new().api_route(
        "/admin/drain",
        get_with(report, |operation| {
            describe(operation, "Whether jobs are handed out, and how many run")
        })
        .post_with(begin, |operation| {
            describe(operation, "Hand out no jobs; what runs goes on")
        })
        .delete_with(end, |operation| describe(operation, "Hand out jobs again")),
    )
}

fn describe<'t>(operation: TransformOperation<'t>, summary: &str) -> TransformOperation<'t> {
    operation
        .tag("administration")
        .summary(summary)
        .answers::<DrainReport>(200, "How things stand now")
        .needs_store()
}

async fn report(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    Ok(json(StatusCode::OK, &app.drain_report().await?))
}

async fn begin(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    Ok(json(StatusCode::OK, &app.set_draining(true).await?))
}

async fn end(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    Ok(json(StatusCode::OK, &app.set_draining(false).await?))
}
