//! `/admin/entities` and `/admin/rotate`: whom the registry trusts, and fresh certificates.

use std::sync::Arc;

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use mesh_core::wire::{EntityList, RotationReport};

use super::error::ApiError;
use super::json;
use super::openapi::Describe;
use super::query::Pairs;
use crate::{App, entities};

pub(super) fn routes() -> ApiRouter<Arc<App>> {
    ApiRouter::new()
        .api_route(
            "/admin/entities",
            get_with(trusted, |operation| {
                operation
                    .tag("administration")
                    .summary("The entities whose certificates are trusted")
                    .answers::<EntityList>(200, "The entities, by name")
                    .fails(500, "The folder of certificates cannot be read")
            }),
        )
        .api_route(
            "/admin/rotate",
            post_with(rotate, |operation| {
                operation
                    .tag("administration")
                    .summary("Have agents register again, and reload their certificates")
                    .query::<String>("entity_id", "Only agents of this entity")
                    .answers::<RotationReport>(200, "They will, at their next heartbeat")
                    .refuses_parameters()
                    .needs_store()
            }),
        )
}

async fn trusted(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let Some(folder) = app.settings.trust_folder.clone() else {
        return Ok(json(StatusCode::OK, &entities::none()));
    };
    let list = tokio::task::spawn_blocking(move || entities::read(&folder))
        .await
        .map_err(|_| ApiError::TrustFolder)? // It panicked, and the log has it.
        .map_err(|error| {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "entities not read"
            );
            ApiError::TrustFolder
        })?;
    Ok(json(StatusCode::OK, &list))
}

async fn rotate(State(app): State<Arc<App>>, query: Pairs) -> Result<Response, ApiError> {
    let entity = query.first("entity_id").unwrap_or_default().to_owned();
    let affected_agents = app.writer.rotate(entity.clone()).await?;
    let message = if entity.is_empty() {
        "Rotation triggered for all agents".to_owned()
    } else {
        format!("Rotation triggered for agents of entity {entity}")
    };
    let report = RotationReport {
        message,
        affected_agents,
        entity_id: entity,
    };
    Ok(json(StatusCode::OK, &report))
}
