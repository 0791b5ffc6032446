//! `POST /heartbeat` registers an agent; `HEAD /heartbeat/{agent_id}` says that it is alive.

use std::convert::Infallible;
use std::sync::Arc;

use aide::OperationInput;
use aide::axum::ApiRouter;
use aide::axum::routing::{head_with, post_with};
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use mesh_core::wire::{
    ANSWER_ID_HEADER, AgentStatus, Answer, AnswerHead, AnswerStatus, PENDING_JOBS_HEADER,
    Registration,
};

use super::error::ApiError;
use super::openapi::Describe;
use super::{json, raw_json};
use crate::App;
use crate::published::Published;
use crate::topology::{Agent, AnswerId, Fingerprint, InvalidRegistration, Profile};
use crate::writer::WriteError;

pub(super) fn routes() -> ApiRouter<Arc<App>> {
    ApiRouter::new()
        .api_route(
            "/heartbeat",
            post_with(register, |operation| {
                operation
                    .tag("agents")
                    .summary("Register an agent, or replace its description")
                    .takes::<Registration>(
                        "The whole description; every POST replaces the one before",
                    )
                    .answers::<Answer>(200, "Stored, or refused with `status` `error` and a reason")
                    .fails(400, "The body cannot be read, or names no agent")
                    .needs_store()
            }),
        )
        .api_route(
            "/heartbeat/{agent_id}",
            head_with(ping, |operation| {
                operation
                    .tag("agents")
                    .summary("Say that an agent is alive")
                    .path("agent_id", "The agent")
                    .header::<String>(
                        ANSWER_ID_HEADER,
                        "The answer that it holds, as a watch named it",
                    )
                    .answers_nothing(200, "Nothing changed for it")
                    .answers_nothing(202, "Its answer changed: POST again to fetch it")
                    .answers_nothing(410, "It is unknown or was given up: POST again")
                    .answers_nothing(
                        503,
                        "It was heard, but the store does not answer: ask again",
                    )
            }),
        )
}

/// 200: nothing changed. 202: fetch your new answer. 410: register first. 503: nothing can change now.
///
/// An agent is told 503 only if it is known, and is heard all the same: it must not age for the store.
/// Which of the first two it is follows from the answer that the agent fetched last, or from the one
/// that it says it holds: only the agent knows whether what was pushed to it arrived.
async fn ping(
    State(app): State<Arc<App>>,
    agent_id: Result<Path<String>, PathRejection>,
    held: Held,
) -> Response {
    let Ok(Path(agent_id)) = agent_id else {
        return StatusCode::GONE.into_response(); // What is no text is nobody's id.
    };
    let mesh = app.mesh.load();
    match mesh.agent(&agent_id) {
        Some(agent) if agent.status != AgentStatus::Unhealthy => {
            agent.pulse.beat(app.clock.now());
            if app.store_health.is_down() {
                return StatusCode::SERVICE_UNAVAILABLE.into_response();
            }
            let is_outdated = match held.0 {
                Some(held) => agent.is_outdated_with(held),
                None => agent.is_outdated(),
            };
            let status = if is_outdated {
                StatusCode::ACCEPTED
            } else {
                StatusCode::OK
            };
            match app.jobs.pending.hint(&mesh, &agent.profile.name) {
                0 => status.into_response(),
                jobs => (status, [(PENDING_JOBS_HEADER, jobs.to_string())]).into_response(),
            }
        }
        // An agent that was given up must register again; a ping does not revive it.
        _ => StatusCode::GONE.into_response(),
    }
}

/// The answer that the agent says it holds; what is no id says nothing.
struct Held(Option<AnswerId>);

/// The route describes the header by hand.
impl OperationInput for Held {}

impl<S: Sync> FromRequestParts<S> for Held {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let value = parts.headers.get(ANSWER_ID_HEADER);
        Ok(Self(
            value.and_then(|value| AnswerId::parse(value.to_str().ok()?)),
        ))
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
        if app.store_health.is_down() {
            return Err(ApiError::Store); // As if it had changed: who registers need not know.
        }
        return Ok(success(&app, agent, UPDATED));
    }
    let registration: Registration = serde_json::from_slice(&body).map_err(invalid)?;
    if registration.agent_id.is_empty() {
        return Err(ApiError::Invalid("agent_id is required".to_owned()));
    }
    let agent_id = registration.agent_id.clone();
    let prefix = app.settings.public_url_prefix.as_deref();
    let published = Published::read(&registration, app.clock.now());
    match Profile::compile(registration, fingerprint, prefix) {
        Ok(mut profile) => {
            profile.warn(published.warnings);
            let text = String::from_utf8(body.into()).map_err(invalid)?;
            let registered = match app.writer.register(profile, text, published.rows).await {
                Err(WriteError::Refused(cycle)) => return Ok(refusal(&app, &agent_id, &cycle)),
                Err(error @ WriteError::Store(_)) => {
                    hear(&app, &agent_id);
                    return Err(error.into());
                }
                outcome => outcome?,
            };
            for warning in &registered.agent.profile.warnings {
                tracing::warn!(%agent_id, warning, "registration taken with a change");
            }
            let message = if registered.is_new {
                REGISTERED
            } else {
                UPDATED
            };
            Ok(success(&app, &registered.agent, message))
        }
        Err(reason @ InvalidRegistration::Json { .. }) => Err(invalid(reason)),
        Err(reason) => Ok(refusal(&app, &agent_id, &reason)),
    }
}

/// Takes a registration that could not be stored for a sign of life.
fn hear(app: &App, agent_id: &str) {
    let mesh = app.mesh.load();
    if let Some(agent) = mesh.agent(agent_id)
        && agent.status == AgentStatus::Healthy
    {
        agent.pulse.beat(app.clock.now());
    }
}

/// The answer to what is understood and not taken.
fn refusal(app: &App, agent_id: &str, reason: &dyn std::error::Error) -> Response {
    let head = AnswerHead {
        agent_id,
        status: AnswerStatus::Error,
        timestamp: app.clock.now(),
        message: &reason.to_string(),
    };
    json(StatusCode::OK, &head)
}

const REGISTERED: &str = "Agent registered via heartbeat";
const UPDATED: &str = "Agent updated via heartbeat";

fn success(app: &App, agent: &Agent, message: &str) -> Response {
    agent.mark_fetched();
    let mut response = raw_json(StatusCode::OK, spell_with(app, agent, message));
    let id = HeaderValue::from_str(&agent.wiring.id().to_string()).expect("digits and a hyphen");
    response.headers_mut().insert(ANSWER_ID_HEADER, id);
    response
}

/// What `agent` would be answered now.
pub(super) fn spell(app: &App, agent: &Agent) -> Vec<u8> {
    spell_with(app, agent, UPDATED)
}

/// The answer: a head that differs each time, and the wiring as it was spelled when it changed.
fn spell_with(app: &App, agent: &Agent, message: &str) -> Vec<u8> {
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
    text
}

/// The bytes of a head whose agent has a long id.
const TYPICAL_HEAD: usize = 192;

fn invalid(reason: impl std::fmt::Display) -> ApiError {
    ApiError::Invalid(format!("Invalid JSON payload: {reason}"))
}
