//! How many jobs wait, as every ping says.

use axum::body::Body;
use axum::http::Method;
use serde_json::json;

use super::{claim, done, submit};
use crate::registry::{Registry, provider};

/// What a ping of `id` says of waiting jobs.
async fn hint(registry: &Registry, id: &str) -> Option<String> {
    registry
        .app
        .recount_jobs()
        .await
        .expect("the store answers");
    let path = format!("/heartbeat/{id}");
    let reply = registry.send(Method::HEAD, &path, Body::empty()).await;
    let hint = reply.headers.get("x-mesh-pending-jobs");
    hint.map(|value| value.to_str().expect("text").to_owned())
}

/// A replica of `worker` that offers `capabilities`.
fn replica(id: &str, capabilities: &[&str]) -> serde_json::Value {
    let mut agent = provider(id, capabilities);
    agent["name"] = json!("worker");
    agent
}

#[tokio::test]
async fn a_ping_counts_jobs_for_all_agents_of_its_name() {
    let registry = Registry::new().await;
    registry.register(&replica("worker-1", &["render"])).await;
    registry
        .register(&replica("worker-2", &["render", "scale"]))
        .await;
    registry
        .register(&provider("other-1", &["render-not"]))
        .await;
    assert_eq!(hint(&registry, "worker-1").await, None);

    submit(&registry, &json!({})).await;
    submit(&registry, &json!({ "capability": "scale" })).await;
    submit(&registry, &json!({ "owner_instance_id": "worker-1" })).await;
    assert_eq!(hint(&registry, "worker-1").await.as_deref(), Some("2"));
    assert_eq!(hint(&registry, "other-1").await, None);

    registry.leave("worker-2").await;
    assert_eq!(
        hint(&registry, "worker-1").await.as_deref(),
        Some("2"),
        "health does not matter"
    );
    registry.register(&replica("worker-2", &[])).await;
    assert_eq!(hint(&registry, "worker-1").await.as_deref(), Some("1"));

    let job = claim(&registry, "worker-1").await;
    assert_eq!(hint(&registry, "worker-1").await, None);
    let id = job["id"].as_str().expect("an id");
    let release = json!({ "instance_id": "worker-1" });
    done(&registry, &format!("/jobs/{id}/release"), &release).await;
    assert_eq!(hint(&registry, "worker-1").await.as_deref(), Some("1"));
    done(&registry, &format!("/jobs/{id}/cancel"), &json!({})).await;
    assert_eq!(hint(&registry, "worker-1").await, None);
}

#[tokio::test]
async fn the_count_ends_at_a_hundred_and_comes_back_after_a_crash() {
    let registry = Registry::new().await;
    registry.register(&replica("worker-1", &["render"])).await;
    for _ in 0..101 {
        submit(&registry, &json!({})).await;
    }
    assert_eq!(hint(&registry, "worker-1").await.as_deref(), Some("100"));
    let registry = registry.crash().await;
    assert_eq!(hint(&registry, "worker-1").await.as_deref(), Some("100"));
}
