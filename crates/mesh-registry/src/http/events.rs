//! `GET /events`: what happened in the mesh, newest first.

use std::sync::Arc;

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use mesh_core::wire::{EventInfo, EventList};
use mesh_store::EventQuery;

use super::error::ApiError;
use super::json;
use super::openapi::Describe;
use super::query::Pairs;
use crate::App;
use crate::metrics::StoreOperation;

/// How many events a request gets that does not say.
const DEFAULT_LIMIT: i64 = 50;
/// How many events a request gets at most.
const MAX_LIMIT: i64 = 500;

pub(super) fn routes() -> ApiRouter<Arc<App>> {
    ApiRouter::new().api_route(
        "/events",
        get_with(list, |operation| {
            operation
                .tag("mesh")
                .summary("What happened in the mesh, newest first")
                .query::<String>(
                    "type",
                    "Only events of this type; an unknown one matches nothing",
                )
                .query::<String>("agent_id", "Only events of this agent")
                .query::<String>("function_name", "Only events of this function")
                .query::<i64>("limit", "At most so many, 1 to 500; 50 if absent")
                .answers::<EventList>(200, "The events")
                .refuses_parameters()
                .needs_store()
        }),
    )
}

async fn list(State(app): State<Arc<App>>, query: Pairs) -> Result<Response, ApiError> {
    let limit = query
        .number("limit")?
        .unwrap_or(DEFAULT_LIMIT)
        .clamp(1, MAX_LIMIT);
    let query = EventQuery {
        kind: query.first("type").map(Into::into),
        agent_id: query.first("agent_id").map(Into::into),
        function_name: query.first("function_name").map(Into::into),
        limit: u32::try_from(limit).expect("clamped above"),
    };
    app.writer.audited().settled().await;
    let events: Vec<EventInfo> = app
        .metrics
        .store(StoreOperation::Events, app.store.events(&query))
        .await?
        .into_iter()
        .map(|row| EventInfo {
            event_type: row.kind,
            agent_id: row.agent_id,
            agent_name: row.agent_name,
            function_name: row.function_name,
            timestamp: row.timestamp,
            data: row.data,
        })
        .collect();
    Ok(json(
        StatusCode::OK,
        &EventList {
            count: events.len(),
            events,
        },
    ))
}
