//! `/admin/drain` stops the handing out of jobs before a change of the fleet.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;

use super::error::ApiError;
use super::json;
use crate::App;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/admin/drain", get(report).post(begin).delete(end))
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
