//! `POST /jobs/batch`: what workers report, and which reports do not count.

use std::time::Duration;

use serde_json::{Value, json};

use super::{START, claim, done, post, read, refused, report, submit};
use crate::registry::Registry;

#[tokio::test]
async fn progress_is_kept_and_extends_the_lease() {
    let registry = Registry::new().await;
    let id = submit(&registry, &json!({ "max_duration": 60 })).await;
    claim(&registry, "worker-1").await;
    registry.clock.advance(Duration::from_secs(30));
    let delta = json!({ "id": id, "claim_epoch": 1, "progress": 0.25,
        "progress_message": "quarter", "result": { "early": true }, "error": "early" });
    assert_eq!(report(&registry, "worker-1", &delta).await, "accepted");
    let job = read(&registry, &id).await;
    for (field, value) in [
        ("progress", json!(0.25)),
        ("progress_message", json!("quarter")),
        ("result", Value::Null),
        ("error", Value::Null),
        ("lease_expires_at", json!(START + 90)),
        ("last_heartbeat_at", json!(START + 30)),
    ] {
        assert_eq!(job[field], value, "{field}");
    }
}

#[tokio::test]
async fn a_completed_job_keeps_its_result_and_its_owner() {
    let registry = Registry::new().await;
    let id = submit(&registry, &json!({})).await;
    claim(&registry, "worker-1").await;
    let delta = json!({ "id": id, "claim_epoch": 1, "status": "completed", "progress": 1,
        "result": { "n": [3, null] }, "recv_cursor": { "go": 0 } });
    assert_eq!(report(&registry, "worker-1", &delta).await, "accepted");
    let job = read(&registry, &id).await;
    assert_eq!(job["status"], "completed");
    assert_eq!(job["result"], json!({ "n": [3, null] }));
    assert_eq!(job["recv_cursor"], json!({ "go": 0 }));
    assert_eq!(job["owner_instance_id"], "worker-1");
}

#[tokio::test]
async fn cursors_only_grow() {
    let registry = Registry::new().await;
    let id = submit(&registry, &json!({})).await;
    claim(&registry, "worker-1").await;
    for (cursor, expected) in [
        (json!({ "": 5, "go": 2 }), json!({ "": 5, "go": 2 })),
        (
            json!({ "": 3, "stop": 1 }),
            json!({ "": 5, "go": 2, "stop": 1 }),
        ),
        (json!({ "go": 7 }), json!({ "": 5, "go": 7, "stop": 1 })),
    ] {
        let delta = json!({ "id": id, "recv_cursor": cursor });
        assert_eq!(report(&registry, "worker-1", &delta).await, "accepted");
        assert_eq!(read(&registry, &id).await["recv_cursor"], expected);
    }
}

#[tokio::test]
async fn the_first_reason_that_fits_is_given() {
    let registry = Registry::new().await;
    let live = submit(&registry, &json!({})).await;
    claim(&registry, "worker-1").await;
    let ended = submit(&registry, &json!({})).await;
    claim(&registry, "worker-1").await;
    let delta = json!({ "id": ended, "claim_epoch": 1, "status": "failed", "error": "no" });
    assert_eq!(report(&registry, "worker-1", &delta).await, "accepted");
    let free = submit(&registry, &json!({})).await;

    for (instance, delta, expected) in [
        (
            "worker-1",
            json!({ "id": "nothing", "status": "x" }),
            "not_found",
        ),
        (
            "worker-1",
            json!({ "id": live, "claim_epoch": 2 }),
            "claim_superseded",
        ),
        (
            "worker-2",
            json!({ "id": live, "claim_epoch": 1 }),
            "claim_superseded",
        ),
        (
            "worker-2",
            json!({ "id": ended, "claim_epoch": 1 }),
            "claim_superseded",
        ),
        (
            "worker-1",
            json!({ "id": free, "claim_epoch": 0 }),
            "claim_superseded",
        ),
        ("worker-2", json!({ "id": live }), "not_owner"),
        ("worker-1", json!({ "id": free }), "not_owner"),
        (
            "worker-1",
            json!({ "id": ended, "claim_epoch": 1 }),
            "already_terminal",
        ),
        (
            "worker-1",
            json!({ "id": ended, "status": "x" }),
            "already_terminal",
        ),
        (
            "worker-1",
            json!({ "id": live, "status": "done" }),
            "invalid_status",
        ),
        (
            "worker-1",
            json!({ "id": live, "claim_epoch": 1 }),
            "accepted",
        ),
    ] {
        assert_eq!(
            report(&registry, instance, &delta).await,
            expected,
            "{delta}"
        );
    }
}

#[tokio::test]
async fn each_delta_of_a_batch_counts_by_itself() {
    let registry = Registry::new().await;
    let id = submit(&registry, &json!({})).await;
    claim(&registry, "worker-1").await;
    let request = json!({ "instance_id": "worker-1", "deltas": [
        { "id": "nothing" },
        { "id": id, "progress": 0.5 },
        { "id": id, "status": "completed" },
        { "id": id, "progress": 0.75 },
    ] });
    assert_eq!(
        done(&registry, "/jobs/batch", &request).await,
        json!({ "accepted": 2, "rejected": [
            { "id": "nothing", "reason": "not_found" },
            { "id": id, "reason": "already_terminal" },
        ] })
    );
    assert_eq!(read(&registry, &id).await["progress"], 0.5);
}

#[tokio::test]
async fn a_batch_that_cannot_be_read_is_refused_whole() {
    let registry = Registry::new().await;
    for (request, expected) in [
        (
            json!({ "deltas": [{ "id": "a" }] }),
            "instance_id is required",
        ),
        (json!({ "instance_id": "a" }), "deltas must not be empty"),
        (
            json!({ "instance_id": "a", "deltas": null }),
            "deltas must not be empty",
        ),
        (
            json!({ "instance_id": "a", "deltas": [{ "id": "b" }, { "progress": 1 }] }),
            "every delta requires a non-empty id",
        ),
    ] {
        let error = refused(&registry, "/jobs/batch", &request).await;
        assert_eq!(error, (400, expected.to_owned()), "{request}");
    }
    for delta in [
        json!({ "id": "a", "progress": "half" }),
        json!({ "id": "a", "recv_cursor": { "go": "1" } }),
        json!({ "id": 7 }),
    ] {
        let request = json!({ "instance_id": "a", "deltas": [delta] });
        let reply = post(&registry, "/jobs/batch", &request).await;
        assert_eq!(reply.status, 400, "{request}");
        let error = reply.json()["error"].as_str().map(ToOwned::to_owned);
        let error = error.expect("a reason");
        assert!(error.starts_with("Invalid JSON payload:"), "{error}");
    }
}
