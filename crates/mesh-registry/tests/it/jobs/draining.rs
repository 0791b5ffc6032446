//! The drain: nobody gets a job, what runs goes on.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{claim, report, submit};
use crate::registry::Registry;

async fn drain(registry: &Registry, method: Method) -> Value {
    let reply = registry.send(method, "/admin/drain", Body::empty()).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    reply.json()
}

#[tokio::test]
async fn a_drain_blocks_claims_and_nothing_else() {
    let registry = Registry::new().await;
    let running = submit(&registry, &json!({})).await;
    claim(&registry, "worker-1").await;
    let state = |draining: bool, live_claims: u64| json!({ "draining": draining, "live_claims": live_claims });
    assert_eq!(drain(&registry, Method::GET).await, state(false, 1));
    assert_eq!(drain(&registry, Method::POST).await, state(true, 1));
    assert_eq!(
        drain(&registry, Method::POST).await,
        state(true, 1),
        "again"
    );

    let waiting = submit(&registry, &json!({})).await;
    assert_eq!(claim(&registry, "worker-1").await, Value::Null);
    let delta = json!({ "id": running, "claim_epoch": 1, "status": "completed" });
    assert_eq!(report(&registry, "worker-1", &delta).await, "accepted");
    assert_eq!(drain(&registry, Method::GET).await, state(true, 0));

    assert_eq!(drain(&registry, Method::DELETE).await, state(false, 0));
    assert_eq!(claim(&registry, "worker-1").await["id"], *waiting);
}

#[tokio::test]
async fn a_drain_outlives_a_restart() {
    let registry = Registry::new().await;
    submit(&registry, &json!({})).await;
    drain(&registry, Method::POST).await;
    let registry = registry.restart(Duration::from_secs(1)).await;
    assert_eq!(drain(&registry, Method::GET).await["draining"], true);
    assert_eq!(claim(&registry, "worker-1").await, Value::Null);
}
