//! Jobs whose owner does not end them.

use std::time::Duration;

use axum::body::Body;
use axum::http::Method;
use mesh_core::Clock;
use serde_json::{Value, json};

use super::{START, claim, post, read, report, state, submit};
use crate::registry::{Registry, provider};

async fn recover(registry: &Registry) {
    registry
        .app
        .recover_jobs()
        .await
        .expect("the store answers");
}

/// The next claim of `render`, as soon as there is one.
async fn next_claim(registry: &Registry, instance: &str) -> Value {
    let attempt = async {
        loop {
            let job = claim(registry, instance).await;
            if !job.is_null() {
                return job;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let limit = Duration::from_secs(20);
    tokio::time::timeout(limit, attempt)
        .await
        .expect("a job is free in time")
}

#[tokio::test]
async fn a_job_is_free_at_once_when_its_owner_leaves() {
    let registry = Registry::new().await;
    let clock = tokio::spawn(registry.app.clone().keep_jobs());
    registry.register(&provider("worker-1", &["render"])).await;
    let id = submit(&registry, &json!({})).await;
    claim(&registry, "worker-1").await;
    registry.leave("worker-1").await;
    let again = next_claim(&registry, "worker-2").await;
    assert_eq!(
        (&again["id"], &again["claim_epoch"]),
        (&json!(id), &json!(2))
    );
    let late = json!({ "id": id, "claim_epoch": 1, "status": "completed" });
    assert_eq!(
        report(&registry, "worker-1", &late).await,
        "claim_superseded"
    );
    clock.abort();
}

#[tokio::test]
async fn a_job_is_free_at_once_when_its_owner_has_gone_silent() {
    let registry = Registry::new().await;
    let clock = tokio::spawn(registry.app.clone().keep_jobs());
    registry.register(&provider("worker-1", &["render"])).await;
    submit(&registry, &json!({})).await;
    claim(&registry, "worker-1").await;
    registry.clock.advance(Duration::from_secs(21));
    registry.app.age_silent_agents().await;
    assert_eq!(next_claim(&registry, "worker-2").await["claim_epoch"], 2);
    clock.abort();
}

#[tokio::test]
async fn a_job_is_free_when_its_lease_is_over() {
    let registry = Registry::with_clock(Clock::System).await;
    let clock = tokio::spawn(registry.app.clone().keep_jobs());
    registry.register(&provider("worker-1", &["render"])).await;
    submit(&registry, &json!({ "max_duration": 1 })).await;
    claim(&registry, "worker-1").await;
    let begun = std::time::Instant::now();
    assert_eq!(next_claim(&registry, "worker-2").await["claim_epoch"], 2);
    assert!(
        begun.elapsed() > Duration::from_millis(900),
        "{:?}",
        begun.elapsed()
    );
    clock.abort();
}

#[tokio::test]
async fn an_orphan_without_attempts_left_fails() {
    let registry = Registry::new().await;
    registry.register(&provider("worker-1", &["render"])).await;
    let id = submit(&registry, &json!({ "max_retries": 0 })).await;
    claim(&registry, "worker-1").await;
    registry.leave("worker-1").await;
    recover(&registry).await;
    assert_eq!(
        state(&registry, &id).await,
        ("failed".to_owned(), json!("orphaned: max retries exceeded"))
    );
}

#[tokio::test]
async fn an_owner_that_nobody_knows_gets_time_to_register() {
    let registry = Registry::new().await;
    let id = submit(&registry, &json!({ "owner_instance_id": "worker-9" })).await;
    recover(&registry).await;
    registry.clock.advance(Duration::from_secs(20));
    recover(&registry).await;
    assert_eq!(read(&registry, &id).await["owner_instance_id"], "worker-9");
    registry.clock.advance(Duration::from_secs(1));
    recover(&registry).await;
    assert_eq!(read(&registry, &id).await["owner_instance_id"], Value::Null);
    assert_eq!(claim(&registry, "worker-1").await["id"], *id);
}

#[tokio::test]
async fn an_owner_that_was_silent_while_the_registry_was_away_gets_time_to_return() {
    let registry = Registry::new().await;
    registry.register(&provider("worker-1", &["render"])).await;
    registry.register(&provider("worker-2", &["render"])).await;
    let first = submit(&registry, &json!({})).await;
    claim(&registry, "worker-1").await;
    let second = submit(&registry, &json!({})).await;
    claim(&registry, "worker-2").await;
    let registry = registry.restart(Duration::from_secs(40)).await;
    recover(&registry).await;
    assert_eq!(
        read(&registry, &first).await["owner_instance_id"],
        "worker-1"
    );
    registry.register(&provider("worker-1", &["render"])).await;
    registry.clock.advance(Duration::from_secs(19));
    assert_eq!(registry.ping("worker-1").await, 200);
    registry.clock.advance(Duration::from_secs(2));
    recover(&registry).await;
    assert_eq!(
        read(&registry, &first).await["owner_instance_id"],
        "worker-1"
    );
    assert_eq!(
        read(&registry, &second).await["owner_instance_id"],
        Value::Null
    );
}

#[tokio::test]
async fn a_lease_that_is_over_frees_or_fails_whatever_the_retention_is() {
    let registry = Registry::with(&[("MCP_MESH_RETENTION", "0")]).await;
    registry.register(&provider("worker-1", &["render"])).await;
    let id = submit(&registry, &json!({})).await;
    let lease = Duration::from_mins(5);
    let second = Duration::from_secs(1);
    for epoch in [1, 2] {
        assert_eq!(claim(&registry, "worker-1").await["claim_epoch"], epoch);
        registry.clock.advance(lease.saturating_sub(second));
        registry.register(&provider("worker-1", &["render"])).await;
        recover(&registry).await;
        assert_eq!(read(&registry, &id).await["owner_instance_id"], "worker-1");
        registry.clock.advance(Duration::from_secs(2));
        recover(&registry).await;
        assert_eq!(
            read(&registry, &id).await["claim_epoch"],
            epoch,
            "a claim alone raises it"
        );
    }
    let error = json!("lease expired: no completion within lease window");
    assert_eq!(state(&registry, &id).await, ("failed".to_owned(), error));
}

#[tokio::test]
async fn a_deadline_fails_a_job_whether_or_not_it_runs() {
    let registry = Registry::new().await;
    let extra = json!({ "total_deadline": START + 10, "max_retries": 9 });
    let running = submit(&registry, &extra).await;
    claim(&registry, "worker-1").await;
    let waiting = submit(&registry, &extra).await;
    registry.clock.advance(Duration::from_secs(11));
    recover(&registry).await;
    for id in [running, waiting] {
        let expected = ("failed".to_owned(), json!("deadline_exceeded"));
        assert_eq!(state(&registry, &id).await, expected);
    }
}

#[tokio::test]
async fn a_job_without_a_deadline_may_not_grow_too_old_if_that_is_set() {
    let registry = Registry::with(&[("MCP_MESH_JOB_STALE_TIMEOUT", "1m")]).await;
    let id = submit(&registry, &json!({})).await;
    let long = submit(&registry, &json!({ "max_duration": 120 })).await;
    let bounded = submit(&registry, &json!({ "total_deadline": START + 1000 })).await;
    registry.clock.advance(Duration::from_secs(61));
    recover(&registry).await;
    let (status, error) = state(&registry, &id).await;
    assert_eq!(status, "failed");
    let error = error.as_str().expect("an error").to_owned();
    assert!(
        error.starts_with("stale: no total_deadline set and exceeded"),
        "{error}"
    );
    assert!(error.contains("MCP_MESH_JOB_STALE_TIMEOUT"), "{error}");
    let list = registry.get(&format!("/jobs/{id}/events")).await;
    assert_eq!(list["events"][0]["type"], "stale");
    assert_eq!(list["events"][0]["payload"]["reason"], "stale");
    for id in [long, bounded] {
        assert_eq!(state(&registry, &id).await.0, "working");
    }
}

#[tokio::test]
async fn finished_jobs_are_forgotten_with_their_events_after_the_retention() {
    let registry = Registry::new().await;
    let live = submit(&registry, &json!({})).await;
    let ended = submit(&registry, &json!({})).await;
    post(&registry, &format!("/jobs/{ended}/cancel"), &json!({})).await;
    registry.clock.advance(Duration::from_secs(3599));
    registry.app.sweep().await;
    assert_eq!(state(&registry, &ended).await.0, "cancelled");
    registry.clock.advance(Duration::from_secs(2));
    registry.app.sweep().await;
    for path in [format!("/jobs/{ended}"), format!("/jobs/{ended}/events")] {
        let reply = registry.send(Method::GET, &path, Body::empty()).await;
        assert_eq!(reply.status.as_u16(), 404, "{path}");
    }
    assert_eq!(state(&registry, &live).await.0, "working");
}
