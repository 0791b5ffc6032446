//! `POST /heartbeat` registers an agent; `HEAD /heartbeat/{agent_id}` says that it is alive.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{head, post};
use mesh_core::wire::{AgentStatus, AnswerHead, AnswerStatus, Registration};

use super::error::ApiError;
use super::{json, raw_json};
use crate::App;
use crate::topology::{Agent, Fingerprint, InvalidRegistration, Profile};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/heartbeat", post(register))
        .route("/heartbeat/{agent_id}", head(ping))
}

/// 200: nothing changed. 202: fetch your new answer. 410: register first.
async fn ping(
    State(app): State<Arc<App>>,
    agent_id: Result<Path<String>, PathRejection>,
) -> StatusCode {
    let Ok(Path(agent_id)) = agent_id else {
        return StatusCode::GONE; // What is no text is nobody's id.
    };
    match app.mesh.load().agent(&agent_id) {
        Some(agent) if agent.status != AgentStatus::Unhealthy => {
            agent.pulse.beat(app.clock.now());
            if agent.is_outdated() {
                StatusCode::ACCEPTED
            } else {
                StatusCode::OK
            }
        }
        // An agent that was given up must register again; a ping does not revive it.
        _ => StatusCode::GONE,
    }
}

async fn register(State(app): State<Arc<App>>, body: Body) -> Result<Response, ApiError> {
    let body = super::body::read(body, app.settings.body_limit).await?;
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(invalid("expected a JSON object"));
    }
    let (envelope, fingerprint) = Fingerprint::read(&body).map_err(invalid)?;
    if let Some(agent_id) = envelope.agent_id.as_deref()
        && let Some(agent) = app.mesh.load().agent(agent_id)
        && agent.status == AgentStatus::Healthy
        && agent.profile.fingerprint == fingerprint
    {
        agent.pulse.beat(app.clock.now());
        return Ok(success(&app, agent, UPDATED));
    }
    let registration: Registration = serde_json::from_slice(&body).map_err(invalid)?;
    if registration.agent_id.is_empty() {
        return Err(ApiError::Invalid("agent_id is required".to_owned()));
    }
    let agent_id = registration.agent_id.clone();
    let prefix = app.settings.public_url_prefix.as_deref();
    match Profile::compile(registration, fingerprint, prefix) {
        Ok(profile) => {
            let text = String::from_utf8(body.into()).map_err(invalid)?;
            let registered = app.writer.register(profile, text).await?;
            let message = if registered.is_new {
                REGISTERED
            } else {
                UPDATED
            };
            Ok(success(&app, &registered.agent, message))
        }
        Err(refusal @ InvalidRegistration::Json { .. }) => Err(invalid(refusal)),
        Err(refusal) => Ok(json(
            StatusCode::OK,
            &AnswerHead {
                agent_id: &agent_id,
                status: AnswerStatus::Error,
                timestamp: app.clock.now(),
                message: &refusal.to_string(),
            },
        )),
    }
}

const REGISTERED: &str = "Agent registered via heartbeat";
const UPDATED: &str = "Agent updated via heartbeat";

/// The answer: a head that differs each time, and the wiring as it was spelled when it changed.
fn success(app: &App, agent: &Agent, message: &str) -> Response {
    agent.mark_fetched();
    let tail = &agent.wiring.tail;
    let head = AnswerHead {
        agent_id: agent.profile.id.as_str(),
        status: AnswerStatus::Success,
        timestamp: app.clock.now(),
        message,
    };
    let mut text = Vec::with_capacity(TYPICAL_HEAD + tail.len());
    serde_json::to_writer(&mut text, &head).expect("wire types hold nothing that JSON lacks");
    // The head's closing brace makes way for the members that follow.
    text.pop();
    text.push(b',');
    text.extend_from_slice(tail);
    raw_json(StatusCode::OK, text)
}

/// The bytes of a head whose agent has a long id.
const TYPICAL_HEAD: usize = 192;

fn invalid(reason: impl std::fmt::Display) -> ApiError {
    ApiError::Invalid(format!("Invalid JSON payload: {reason}"))
}
