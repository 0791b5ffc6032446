//! Claiming, giving back and taking away.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Method;
use serde_json::{Value, json};

use super::{START, claim, done, read, refused, report, state, submit};
use crate::registry::{Registry, provider};

#[tokio::test]
async fn a_claim_hands_out_the_oldest_job_once() {
    let registry = Registry::new().await;
    let first = submit(&registry, &json!({ "max_duration": 60 })).await;
    registry.clock.advance(Duration::from_secs(1));
    let second = submit(&registry, &json!({})).await;
    assert_eq!(
        claim(&registry, "worker-1").await,
        json!({
            "id": first, "attempt_count": 1, "claim_epoch": 1, "submitted_payload": { "n": 3 },
            "max_duration": 60, "lease_expires_at": START + 61, "recv_cursor": null,
        })
    );
    let job = claim(&registry, "worker-1").await;
    assert_eq!(job["id"], *second);
    assert_eq!(
        job["lease_expires_at"],
        START + 301,
        "five minutes if unset"
    );
    assert_eq!(claim(&registry, "worker-1").await, Value::Null);
    let owned = read(&registry, &first).await;
    assert_eq!(owned["owner_instance_id"], "worker-1");
    assert_eq!(owned["last_heartbeat_at"], START + 1);
}

#[tokio::test]
async fn twenty_claimers_of_ten_jobs_get_each_once() {
    let registry = Arc::new(Registry::new().await);
    let mut jobs = BTreeSet::new();
    for _ in 0..10 {
        jobs.insert(submit(&registry, &json!({})).await);
    }
    let claimers: Vec<_> = (0..20)
        .map(|number| {
            let registry = registry.clone();
            tokio::spawn(async move { claim(&registry, &format!("worker-{number}")).await })
        })
        .collect();
    let mut claimed = Vec::new();
    for claimer in claimers {
        let job = claimer.await.expect("no panic");
        claimed.extend(job["id"].as_str().map(ToOwned::to_owned));
    }
    assert_eq!(claimed.len(), 10);
    assert_eq!(claimed.into_iter().collect::<BTreeSet<_>>(), jobs);
}

#[tokio::test]
async fn a_claim_names_its_capability_and_its_instance() {
    let registry = Registry::new().await;
    for (request, expected) in [
        (json!({ "instance_id": "a" }), "capability is required"),
        (json!({ "capability": "a" }), "instance_id is required"),
    ] {
        let error = refused(&registry, "/jobs/claim", &request).await;
        assert_eq!(error, (400, expected.to_owned()));
    }
    let (status, error) = refused(&registry, "/jobs/claim", &json!(["render", "a"])).await;
    assert_eq!(status, 400);
    assert!(error.starts_with("Invalid JSON payload:"), "{error}");
}

#[tokio::test]
async fn a_worker_that_lacks_what_it_requires_gets_no_job_and_burns_no_attempt() {
    let registry = Registry::new().await;
    let worker = json!({
        "agent_id": "worker-1", "http_host": "127.0.0.1", "http_port": 9005,
        "tools": [{ "function_name": "f", "capability": "render",
            "dependencies": [{ "capability": "fonts", "required": true }, { "capability": "x" }] }],
    });
    registry.register(&worker).await;
    let id = submit(&registry, &json!({})).await;
    assert_eq!(claim(&registry, "worker-1").await, Value::Null);
    assert_eq!(read(&registry, &id).await["attempt_count"], 0);

    registry.register(&provider("fonts-1", &["fonts"])).await;
    registry.leave("worker-1").await;
    let job = claim(&registry, "worker-1").await;
    assert_eq!(job["id"], *id, "its own health does not matter");
}

#[tokio::test]
async fn an_instance_that_does_not_offer_the_capability_may_claim() {
    let registry = Registry::new().await;
    registry.register(&provider("worker-1", &["other"])).await;
    let first = submit(&registry, &json!({})).await;
    assert_eq!(claim(&registry, "worker-1").await["id"], *first);
    let second = submit(&registry, &json!({})).await;
    assert_eq!(claim(&registry, "stranger").await["id"], *second);
}

#[tokio::test]
async fn an_exhausted_job_does_not_block_the_queue() {
    let registry = Registry::new().await;
    let spent = submit(&registry, &json!({ "max_retries": 0 })).await;
    claim(&registry, "worker-1").await;
    // The operator's way leaves it without an owner and without an attempt.
    done(&registry, &format!("/jobs/{spent}/reclaim"), &json!({})).await;
    registry.clock.advance(Duration::from_secs(1));
    let next = submit(&registry, &json!({})).await;
    assert_eq!(claim(&registry, "worker-2").await["id"], *next);
    assert_eq!(
        state(&registry, &spent).await,
        ("failed".to_owned(), json!("max retries exceeded"))
    );
}

#[tokio::test]
async fn a_released_job_is_claimable_again_until_its_attempts_are_spent() {
    let registry = Registry::new().await;
    let id = submit(&registry, &json!({})).await;
    let path = format!("/jobs/{id}/release");
    claim(&registry, "worker-1").await;
    let delta = json!({ "id": id, "status": "input_required" });
    assert_eq!(report(&registry, "worker-1", &delta).await, "accepted");
    let release = json!({ "instance_id": "worker-1", "reason": "busy" });
    assert_eq!(
        done(&registry, &path, &release).await,
        json!({ "status": "working", "attempt_count": 1 })
    );
    let released = read(&registry, &id).await;
    assert_eq!(released["owner_instance_id"], Value::Null);
    assert_eq!(released["lease_expires_at"], Value::Null);

    let again = claim(&registry, "worker-1").await;
    assert_eq!(
        (&again["claim_epoch"], &again["attempt_count"]),
        (&json!(2), &json!(2))
    );
    let stale = json!({ "instance_id": "worker-1", "claim_epoch": 1 });
    assert_eq!(
        refused(&registry, &path, &stale).await,
        (409, "claim_superseded".to_owned()),
        "a late release of the claim before"
    );
    assert_eq!(
        done(&registry, &path, &release).await,
        json!({ "status": "failed", "attempt_count": 2 })
    );
    assert_eq!(
        state(&registry, &id).await,
        ("failed".to_owned(), json!("exhausted (release): busy"))
    );
}

#[tokio::test]
async fn only_the_owner_of_a_live_job_may_release_it() {
    let registry = Registry::new().await;
    let id = submit(&registry, &json!({})).await;
    let path = format!("/jobs/{id}/release");
    let by = |instance: &str| json!({ "instance_id": instance });
    let not_owner = "caller is not the current owner of this job".to_owned();
    assert_eq!(
        refused(&registry, &path, &by("worker-1")).await,
        (403, not_owner.clone())
    );
    claim(&registry, "worker-1").await;
    assert_eq!(
        refused(&registry, &path, &by("worker-2")).await,
        (403, not_owner)
    );
    assert_eq!(
        refused(&registry, &path, &json!({})).await,
        (400, "instance_id is required".to_owned())
    );
    let delta = json!({ "id": id, "status": "completed" });
    report(&registry, "worker-1", &delta).await;
    for instance in ["worker-1", "worker-2"] {
        assert_eq!(
            refused(&registry, &path, &by(instance)).await,
            (409, "job is already in a terminal state".to_owned())
        );
    }
    let (status, _) = refused(&registry, "/jobs/nothing/release", &by("worker-1")).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn a_reclaimed_job_is_free_and_its_old_owner_is_fenced_off() {
    let registry = Registry::new().await;
    let id = submit(&registry, &json!({})).await;
    claim(&registry, "worker-1").await;
    let path = format!("/jobs/{id}/reclaim");
    let reclaimed = registry.send(Method::POST, &path, Body::empty()).await;
    assert_eq!(
        reclaimed.json(),
        json!({ "status": "working", "previous_owner_instance_id": "worker-1", "claim_epoch": 1 })
    );
    let delta = json!({ "id": id, "claim_epoch": 1, "progress": 0.5 });
    assert_eq!(
        report(&registry, "worker-1", &delta).await,
        "claim_superseded"
    );
    assert_eq!(
        done(&registry, &path, &json!({})).await["previous_owner_instance_id"],
        Value::Null,
        "nobody has it"
    );
    claim(&registry, "worker-2").await;
    let delta = json!({ "id": id, "status": "failed", "error": "no" });
    report(&registry, "worker-2", &delta).await;
    assert_eq!(
        refused(&registry, &path, &json!({})).await,
        (409, "job is already in a terminal state".to_owned())
    );
    let (status, _) = refused(&registry, "/jobs/nothing/reclaim", &json!({})).await;
    assert_eq!(status, 404);
}
