//! `GET /schemas` and `/schemas/{hash}`: the canonical schemas that agents published.

use std::sync::Arc;

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use mesh_core::wire::{SchemaInfo, SchemaList};
use mesh_store::SchemaRow;

use super::error::ApiError;
use super::json;
use super::openapi::Describe;
use super::query::Pairs;
use crate::App;
use crate::metrics::StoreOperation;

/// How many schemas a request gets that does not say.
const DEFAULT_LIMIT: i64 = 100;
/// How many schemas a request gets at most.
const MAX_LIMIT: i64 = 1000;

pub(super) fn routes() -> ApiRouter<Arc<App>> {
    ApiRouter::new()
        .api_route(
            "/schemas",
            get_with(list, |operation| {
                operation
                    .tag("mesh")
                    .summary("The canonical schemas that agents published, newest first")
                    .query::<i64>("limit", "At most so many, 1 to 1000; 100 if absent")
                    .answers::<SchemaList>(200, "The schemas")
                    .refuses_parameters()
                    .needs_store()
            }),
        )
        .api_route(
            "/schemas/{hash}",
            get_with(one, |operation| {
                operation
                    .tag("mesh")
                    .summary("One schema")
                    .path("hash", "`sha256:` and 64 hex digits")
                    .answers::<SchemaInfo>(200, "The schema")
                    .fails(404, "Nobody published it")
                    .needs_store()
            }),
        )
}

async fn list(State(app): State<Arc<App>>, query: Pairs) -> Result<Response, ApiError> {
    let limit = query
        .number("limit")?
        .unwrap_or(DEFAULT_LIMIT)
        .clamp(1, MAX_LIMIT);
    let read = app
        .store
        .schemas(u32::try_from(limit).expect("clamped above"));
    let rows = app.metrics.store(StoreOperation::Schemas, read).await?;
    let schemas: Vec<_> = rows.into_iter().map(info).collect();
    let list = SchemaList {
        count: schemas.len(),
        schemas,
    };
    Ok(json(StatusCode::OK, &list))
}

async fn one(
    State(app): State<Arc<App>>,
    hash: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let Ok(Path(hash)) = hash else {
        return Err(ApiError::NotFound("schema not found".to_owned())); // What is no text is no hash.
    };
    let read = app.store.schema(&hash);
    match app.metrics.store(StoreOperation::Schemas, read).await? {
        Some(row) => Ok(json(StatusCode::OK, &info(row))),
        None => Err(ApiError::NotFound(format!("schema not found: {hash}"))),
    }
}

fn info(row: SchemaRow) -> SchemaInfo {
    SchemaInfo {
        hash: row.hash,
        canonical: row.canonical,
        runtime_origin: row.runtime_origin,
        created_at: row.created_at,
    }
}
