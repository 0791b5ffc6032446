//! `GET /agents/{agent_id}/watch` pushes an agent's whole answer whenever it changes, as Server-Sent
//! Events.
//!
//! State, not events: a stream holds nothing but the name of the answer that it sent last. Whoever
//! reads slowly skips what was replaced meanwhile, and whoever comes back with `Last-Event-ID` is sent
//! the current answer unless it holds that one already.
//!
//! A watch is no sign of life and a pushed answer does not count as fetched, because the registry
//! cannot know whether it arrived: a broken connection takes what is written to it for a long time.
//! Both are what the agent's own `HEAD /heartbeat/{agent_id}` says, the latter by naming the answer
//! that it holds.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use aide::axum::ApiRouter;
use aide::axum::routing::ApiMethodDocs;
use aide::openapi::Operation;
use axum::body::{Body, Bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream;
use mesh_core::wire::AgentStatus;
use tokio::sync::Notify;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::error::ApiError;
use super::heartbeat;
use super::openapi::Describe;
use crate::App;
use crate::topology::{Agent, AnswerId, Pulse};

/// How often a silent stream says that it is still there. Proxies on the way cut connections that are
/// silent for longer, and whoever vanished without a word is noticed by it.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

pub(super) fn routes() -> ApiRouter<Arc<App>> {
    let path = "/agents/{agent_id}/watch";
    // A HEAD would open a watch and throw it away; it is answered like any unknown method, and the
    // document, which knows no such thing as a route that is not one, is told of the GET alone.
    ApiRouter::new()
        .route(path, get(watch).head(super::unknown))
        .api_route_docs(path, ApiMethodDocs::new("get", describe()))
}

fn describe() -> Operation {
    Operation {
        summary: Some("Follow an agent's answer".to_owned()),
        description: Some(
            "Server-Sent Events. An `answer` holds what a registration would be answered now, is sent \
             whenever that changes, and has the answer's name as its `id`. `gone` ends the stream of \
             an agent that must register again. A silent stream says by a comment that it is still \
             there. Watching is no sign of life."
                .to_owned(),
        ),
        tags: vec!["agents".to_owned()],
        ..Operation::default()
    }
    .path("agent_id", "The agent")
    .header::<String>(
        "last-event-id",
        "The answer that the agent holds; it is not sent again",
    )
    .answers_text(200, "text/event-stream", "The stream, until either side ends it")
    .fails(410, "The agent must register first")
    .fails(503, "The registry is stopping")
}

async fn watch(
    State(app): State<Arc<App>>,
    agent_id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let agent_id = agent_id.map_or_else(|_| String::new(), |Path(agent_id)| agent_id);
    if app.stopping.is_cancelled() {
        return Err(ApiError::Closing);
    }
    let held = headers
        .get("last-event-id")
        .and_then(|value| AnswerId::parse(value.to_str().ok()?));
    let watch = Watch::open(app, &agent_id, held).ok_or(ApiError::Gone(agent_id))?;
    let events = stream::unfold(watch, |mut watch| async move {
        let event = watch.next().await?;
        Some((Ok::<_, Infallible>(event), watch))
    });
    let content = [
        (header::CONTENT_TYPE.as_str(), "text/event-stream"),
        (header::CACHE_CONTROL.as_str(), "no-store"),
        ("x-accel-buffering", "no"), // What nginx must be told.
    ];
    Ok((content, Body::from_stream(events)).into_response())
}

/// One open stream.
struct Watch {
    app: Arc<App>,
    agent_id: String,
    /// Of the agent's life that is watched; an agent that was forgotten begins another one.
    pulse: Arc<Pulse>,
    /// Notified when this watch has to make room.
    entry: Arc<Notify>,
    /// The answer that the agent holds, as far as it was told.
    held: Option<AnswerId>,
    keep_alive: Interval,
    is_over: bool,
}

impl Watch {
    fn open(app: Arc<App>, agent_id: &str, held: Option<AnswerId>) -> Option<Self> {
        let pulse = Arc::clone(&registered(&app, agent_id)?.pulse);
        let entry = pulse.watches.enter();
        app.metrics.watches.inc();
        let mut keep_alive = interval_at(Instant::now() + KEEP_ALIVE, KEEP_ALIVE);
        keep_alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Some(Self {
            agent_id: agent_id.to_owned(),
            pulse,
            entry,
            held,
            keep_alive,
            is_over: false,
            app,
        })
    }

    /// Waits for what is to be sent next; `None` ends the stream.
    async fn next(&mut self) -> Option<Bytes> {
        if self.is_over {
            return None;
        }
        loop {
            let mut changed = pin!(self.pulse.watches.changed());
            // Listen first, then look: what happens in between is not missed.
            changed.as_mut().enable();
            let Some(agent) = registered(&self.app, &self.agent_id)
                .filter(|agent| Arc::ptr_eq(&agent.pulse, &self.pulse))
            else {
                self.is_over = true;
                return Some(gone(&self.agent_id));
            };
            let current = agent.wiring.id();
            if !self
                .held
                .is_some_and(|held| held.says_the_same_as(&current))
            {
                self.held = Some(current);
                self.app.metrics.pushed.inc();
                return Some(answer(&self.app, &agent));
            }
            drop(agent);
            tokio::select! {
                biased;
                () = self.app.stopping.cancelled() => return None,
                () = self.entry.notified() => return None,
                () = changed => {}
                _ = self.keep_alive.tick() => return Some(Bytes::from_static(b": keep-alive\n\n")),
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.pulse.watches.leave(&self.entry);
        self.app.metrics.watches.dec();
    }
}

/// The agent, if it need not register first.
fn registered(app: &App, agent_id: &str) -> Option<Agent> {
    let mesh = app.mesh.load();
    let agent = mesh.agent(agent_id)?;
    (agent.status != AgentStatus::Unhealthy).then(|| agent.clone())
}

/// What a registration would be answered now.
fn answer(app: &App, agent: &Agent) -> Bytes {
    event(
        "answer",
        Some(agent.wiring.id()),
        &heartbeat::spell(app, agent),
    )
}

/// The agent was given up: it must register again.
fn gone(agent_id: &str) -> Bytes {
    let body = ApiError::Gone(agent_id.to_owned()).body();
    let body = serde_json::to_vec(&body).expect("wire types hold nothing that JSON lacks");
    event("gone", None, &body)
}

fn event(name: &str, id: Option<AnswerId>, json: &[u8]) -> Bytes {
    let mut text = Vec::with_capacity(json.len() + 96);
    text.extend_from_slice(format!("event: {name}\n").as_bytes());
    if let Some(id) = id {
        text.extend_from_slice(format!("id: {id}\n").as_bytes());
    }
    // Line ends of JSON stand between its tokens only, and an agent may have sent some.
    for line in json.split(|byte| matches!(byte, b'\n' | b'\r')) {
        text.extend_from_slice(b"data: ");
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    text.push(b'\n');
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_between_tokens_do_not_tear_an_event() {
        let text = event("answer", None, b"{\"a\":\r\n1}");
        assert_eq!(text, "event: answer\ndata: {\"a\":\ndata: \ndata: 1}\n\n");
    }
}
