//! `GET /a2a/agents`: the A2A surfaces of the whole mesh. Agent cards and calls are the agents' own.

use std::sync::Arc;

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use mesh_core::wire::{AgentStatus, AgentType, SurfaceList};

use super::json;
use super::openapi::Describe;
use crate::App;

pub(super) fn routes() -> ApiRouter<Arc<App>> {
    ApiRouter::new().api_route(
        "/a2a/agents",
        get_with(list, |operation| {
            operation
                .tag("mesh")
                .summary("The A2A surfaces of the healthy agents")
                .answers::<SurfaceList>(200, "The surfaces, by agent")
        }),
    )
}

async fn list(State(app): State<Arc<App>>) -> Response {
    let mesh = app.mesh.load();
    let mut agents: Vec<_> = mesh
        .agents()
        .filter(|agent| agent.profile.agent_type == AgentType::A2a)
        // A surface that nobody answers at helps nobody who looks for one.
        .filter(|agent| agent.status == AgentStatus::Healthy)
        .collect();
    agents.sort_unstable_by(|left, right| left.profile.id.cmp(&right.profile.id));
    let surfaces = agents.iter().flat_map(|agent| &agent.profile.surfaces);
    let list = SurfaceList {
        surfaces: surfaces.collect(),
    };
    json(StatusCode::OK, &list)
}
