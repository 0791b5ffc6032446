//! A store that does not answer.

#[cfg(unix)]
use std::sync::Arc;
#[cfg(unix)]
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde_json::json;

#[cfg(unix)]
use super::{claim, state};
use super::{job, post, submit};
use crate::registry::Registry;

#[tokio::test]
async fn without_the_store_every_request_is_told_to_try_again() {
    let registry = Registry::new().await;
    let id = submit(&registry, &json!({})).await;
    registry.lose_database();
    let delta = json!({ "instance_id": "a", "deltas": [{ "id": id }] });
    for (path, body) in [
        ("/jobs".to_owned(), job(&json!({}))),
        (
            "/jobs/claim".to_owned(),
            json!({ "capability": "render", "instance_id": "a" }),
        ),
        ("/jobs/batch".to_owned(), delta),
        (format!("/jobs/{id}/cancel"), json!({})),
        (format!("/jobs/{id}/release"), json!({ "instance_id": "a" })),
        (format!("/jobs/{id}/reclaim"), json!({})),
        (format!("/jobs/{id}/events"), json!({ "type": "go" })),
        ("/admin/drain".to_owned(), json!({})),
    ] {
        let reply = post(&registry, &path, &body).await;
        assert_eq!(
            reply.status,
            StatusCode::SERVICE_UNAVAILABLE,
            "{path}: {}",
            reply.text
        );
        assert_eq!(reply.json()["error"], "the store does not answer", "{path}");
        assert!(reply.json()["hint"].is_string(), "{path}");
    }
}

/// Another program that holds the database's lock.
#[cfg(unix)]
#[tokio::test]
async fn a_store_that_answers_again_has_lost_nothing() {
    let registry = Registry::with(&[("DB_BUSY_TIMEOUT", "50")]).await;
    let id = submit(&registry, &json!({})).await;
    let lock = registry.lock_database();
    let new = job(&json!({}));
    let request = json!({ "capability": "render", "instance_id": "worker-1" });
    let switch = json!({});
    let replies = tokio::join!(
        post(&registry, "/jobs", &new),
        post(&registry, "/jobs/claim", &request),
        post(&registry, "/admin/drain", &switch),
    );
    for reply in [replies.0, replies.1, replies.2] {
        assert_eq!(
            reply.status,
            StatusCode::SERVICE_UNAVAILABLE,
            "{}",
            reply.text
        );
    }
    drop(lock);
    assert_eq!(state(&registry, &id).await.0, "working");
    let claimed = claim(&registry, "worker-1").await;
    assert_eq!(claimed["id"], *id, "the drain was not switched on either");
    assert_eq!(
        claimed["claim_epoch"], 1,
        "the claim that failed never happened"
    );
}

/// A worker's patience is over before the store's is: who never heard of a job does not run it.
#[cfg(unix)]
#[tokio::test]
async fn a_claim_whose_claimer_hung_up_is_given_back() {
    let registry = Arc::new(Registry::with(&[("DB_BUSY_TIMEOUT", "20000")]).await);
    let id = submit(&registry, &json!({})).await;
    let lock = registry.lock_database();
    let asked = tokio::spawn({
        let registry = registry.clone();
        async move { claim(&registry, "hasty-1").await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await; // It waits for the lock.
    asked.abort();
    assert!(asked.await.is_err(), "nobody answered it");
    drop(lock);

    let began = Instant::now();
    let claimed = loop {
        let claimed = claim(&registry, "worker-1").await;
        if !claimed.is_null() {
            break claimed;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "it lies idle");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(claimed["id"], *id);
    assert_eq!(claimed["claim_epoch"], 2, "the first claim did happen");
}
