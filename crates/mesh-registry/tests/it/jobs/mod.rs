//! Jobs, from their creation to their end.

mod cancelling;
mod claims;
mod creation;
mod deltas;
mod draining;
mod events;
mod hint;
mod outage;
mod recovery;
mod waiting;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::registry::{Registry, Reply};

/// When the clock of a new registry stands still.
const START: i64 = 1_790_000_000;

async fn post(registry: &Registry, path: &str, body: &Value) -> Reply {
    registry.send(Method::POST, path, body.to_string()).await
}

/// Posts and expects 200.
async fn done(registry: &Registry, path: &str, body: &Value) -> Value {
    let reply = post(registry, path, body).await;
    assert_eq!(reply.status, StatusCode::OK, "{path}: {}", reply.text);
    reply.json()
}

/// Posts and expects a refusal.
async fn refused(registry: &Registry, path: &str, body: &Value) -> (u16, String) {
    let reply = post(registry, path, body).await;
    let error = reply.json()["error"].as_str().map(ToOwned::to_owned);
    let error = error.unwrap_or_else(|| panic!("{path} is not refused: {}", reply.text));
    (reply.status.as_u16(), error)
}

/// A job for `render`, with `extra` fields.
fn job(extra: &Value) -> Value {
    let mut job = json!({
        "capability": "render", "submitted_payload": { "n": 3 }, "submitted_by": "cli-1",
    });
    let fields = job.as_object_mut().expect("an object");
    fields.extend(extra.as_object().expect("an object").clone());
    job
}

/// Creates it and says its id.
async fn submit(registry: &Registry, extra: &Value) -> String {
    let reply = post(registry, "/jobs", &job(extra)).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text);
    reply.json()["id"].as_str().expect("an id").to_owned()
}

/// What `instance` gets for `render`; null if nothing.
async fn claim(registry: &Registry, instance: &str) -> Value {
    let request = json!({ "capability": "render", "instance_id": instance });
    let answer = done(registry, "/jobs/claim", &request).await;
    let claimed = answer["claimed"].as_array().expect("a list");
    assert!(claimed.len() <= 1, "{answer}");
    claimed.first().cloned().unwrap_or(Value::Null)
}

/// The reason why a delta of `instance` was rejected, or `accepted`.
async fn report(registry: &Registry, instance: &str, delta: &Value) -> String {
    let request = json!({ "instance_id": instance, "deltas": [delta] });
    let answer = done(registry, "/jobs/batch", &request).await;
    if answer["accepted"].as_u64().expect("a number") == 1 {
        assert_eq!(answer["rejected"], json!([]));
        "accepted".to_owned()
    } else {
        let rejected = &answer["rejected"][0];
        assert_eq!(rejected["id"], delta["id"]);
        rejected["reason"].as_str().expect("a reason").to_owned()
    }
}

async fn read(registry: &Registry, id: &str) -> Value {
    registry.get(&format!("/jobs/{id}")).await
}

/// The status and the error of a job.
async fn state(registry: &Registry, id: &str) -> (String, Value) {
    let job = read(registry, id).await;
    let status = job["status"].as_str().expect("a status").to_owned();
    (status, job["error"].clone())
}
