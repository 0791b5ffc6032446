//! What a running job is told, and how it waits for that.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::{START, claim, done, post, read, refused, report, submit};
use crate::registry::{Registry, Reply};

async fn tell(registry: &Registry, id: &str, event: &Value) -> Value {
    done(registry, &format!("/jobs/{id}/events"), event).await
}

/// The sequence numbers that a read brings, and what to ask for next.
async fn sequence(registry: &Registry, id: &str, query: &str) -> (Vec<i64>, i64) {
    let list = registry.get(&format!("/jobs/{id}/events?{query}")).await;
    let events = list["events"].as_array().expect("a list");
    let numbers = events.iter().map(|event| event["seq"].as_i64());
    let numbers = numbers.map(|number| number.expect("a number")).collect();
    (numbers, list["next_after"].as_i64().expect("a number"))
}

/// Reads in the background; wait until the reader really waits with [`until_waiting`].
fn reader(registry: &Arc<Registry>, id: &str, query: &str) -> JoinHandle<(Reply, Instant)> {
    let (registry, path) = (registry.clone(), format!("/jobs/{id}/events?{query}"));
    tokio::spawn(async move {
        let reply = registry.send(Method::GET, &path, Body::empty()).await;
        (reply, Instant::now())
    })
}

async fn until_waiting(registry: &Registry, readers: usize) {
    while registry.app.waiting_reads() < readers {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn events_are_numbered_from_one_and_read_in_order() {
    let registry = Registry::new().await;
    let id = submit(&registry, &json!({})).await;
    let event = json!({ "type": " go ", "payload": [1, null], "trace_context": { "t": "1" } });
    assert_eq!(
        tell(&registry, &id, &event).await,
        json!({ "job_id": id, "seq": 1, "created_at": START })
    );
    assert_eq!(
        tell(&registry, &id, &json!({ "type": "stop" })).await["seq"],
        2
    );
    let list = registry.get(&format!("/jobs/{id}/events")).await;
    assert_eq!(
        list,
        json!({ "events": [
            { "job_id": id, "seq": 1, "type": "go", "payload": [1, null],
              "trace_context": { "t": "1" }, "posted_by": null, "created_at": START },
            { "job_id": id, "seq": 2, "type": "stop", "payload": null, "trace_context": null,
              "posted_by": null, "created_at": START },
        ], "next_after": 2 })
    );
}

#[tokio::test]
async fn a_read_chooses_by_place_type_and_number() {
    let registry = Registry::new().await;
    let id = submit(&registry, &json!({})).await;
    for kind in ["a", "b", "a", "c"] {
        tell(&registry, &id, &json!({ "type": kind })).await;
    }
    for (query, expected) in [
        ("after=2", (vec![3, 4], 4)),
        ("types=a", (vec![1, 3], 3)),
        ("types=b,%20c", (vec![2, 4], 4)),
        ("limit=1", (vec![1], 1)),
        ("limit=0", (vec![1, 2, 3, 4], 4)),
        ("limit=9999", (vec![1, 2, 3, 4], 4)),
        ("after=4", (vec![], 4)),
        ("after=1&types=x", (vec![], 1)),
        ("wait=-5&after=9", (vec![], 9)),
    ] {
        assert_eq!(sequence(&registry, &id, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn an_event_that_cannot_be_taken_is_refused() {
    let registry = Registry::new().await;
    let id = submit(&registry, &json!({})).await;
    let path = format!("/jobs/{id}/events");
    for event in [json!({}), json!({ "type": "  " }), json!({ "type": null })] {
        let error = refused(&registry, &path, &event).await;
        assert_eq!(error, (400, "type is required".to_owned()));
    }
    let error = refused(
        &registry,
        &path,
        &json!({ "type": "a", "trace_context": "t" }),
    )
    .await;
    let reason = "Invalid JSON payload: trace_context must be an object";
    assert_eq!(error, (400, reason.to_owned()));
    let (status, _) = refused(&registry, "/jobs/nothing/events", &json!({ "type": "a" })).await;
    assert_eq!(status, 404);
    post(&registry, &format!("/jobs/{id}/cancel"), &json!({})).await;
    assert_eq!(
        refused(&registry, &path, &json!({ "type": "a" })).await,
        (409, "job is already in a terminal state".to_owned())
    );
    assert_eq!(
        sequence(&registry, &id, "").await.0,
        [1],
        "but it can be read: the cancel is there"
    );
}

#[tokio::test]
async fn a_read_that_cannot_be_served_says_why() {
    let registry = Registry::new().await;
    let id = submit(&registry, &json!({})).await;
    let get = async |path: String| registry.send(Method::GET, &path, Body::empty()).await;
    for query in ["instance_id=a", "claim_epoch=1"] {
        let reply = get(format!("/jobs/{id}/events?{query}")).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST);
        let expected = "instance_id and claim_epoch must be supplied together \
            (both for an executor read, or neither for an observer read)";
        assert_eq!(reply.json()["error"], expected);
    }
    for name in ["after", "wait", "limit", "claim_epoch"] {
        let reply = get(format!("/jobs/{id}/events?{name}=x")).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST);
        assert_eq!(
            reply.json()["msg"],
            format!("Invalid format for parameter {name}: `x` is not a whole number")
        );
    }
    for query in ["", "?wait=5"] {
        let reply = get(format!("/jobs/nothing/events{query}")).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{query}");
    }
}

#[tokio::test]
async fn an_executors_read_extends_its_lease_up_to_the_deadline() {
    let registry = Registry::new().await;
    let extra = json!({ "max_duration": 60, "total_deadline": START + 100 });
    let id = submit(&registry, &extra).await;
    claim(&registry, "worker-1").await;
    let lease = async || read(&registry, &id).await["lease_expires_at"].clone();
    for (advance, expected) in [(30, START + 90), (30, START + 100)] {
        registry.clock.advance(Duration::from_secs(advance));
        sequence(&registry, &id, "").await;
        let query = "instance_id=worker-1&claim_epoch=1";
        sequence(&registry, &id, query).await;
        assert_eq!(lease().await, expected);
    }
}

#[tokio::test]
async fn an_observers_read_extends_nothing() {
    let registry = Registry::new().await;
    let id = submit(&registry, &json!({})).await;
    claim(&registry, "worker-1").await;
    registry.clock.advance(Duration::from_secs(30));
    sequence(&registry, &id, "").await;
    assert_eq!(read(&registry, &id).await["lease_expires_at"], START + 300);
}

#[tokio::test]
async fn an_executor_that_lost_its_claim_is_told_so() {
    let registry = Registry::new().await;
    let id = submit(&registry, &json!({})).await;
    claim(&registry, "worker-1").await;
    let path = |query: &str| format!("/jobs/{id}/events?{query}");
    for query in [
        "instance_id=worker-1&claim_epoch=2",
        "instance_id=worker-2&claim_epoch=1",
    ] {
        let reply = registry
            .send(Method::GET, &path(query), Body::empty())
            .await;
        assert_eq!(reply.status, StatusCode::CONFLICT, "{query}");
        assert_eq!(reply.json()["error"], "claim_superseded");
    }
    let delta = json!({ "id": id, "status": "completed" });
    report(&registry, "worker-1", &delta).await;
    let query = "instance_id=worker-2&claim_epoch=9";
    assert_eq!(
        sequence(&registry, &id, query).await,
        (vec![], 0),
        "what is over is read by anybody"
    );
}

#[tokio::test]
async fn whoever_waits_is_woken_by_an_event_of_his_type() {
    let registry = Arc::new(Registry::new().await);
    let id = submit(&registry, &json!({})).await;
    let other = submit(&registry, &json!({})).await;
    let waiting = reader(&registry, &id, "wait=60&types=go");
    until_waiting(&registry, 1).await;
    tell(&registry, &other, &json!({ "type": "go" })).await;
    tell(&registry, &id, &json!({ "type": "noise" })).await;
    assert!(!waiting.is_finished());
    tell(&registry, &id, &json!({ "type": "go" })).await;
    let durable = Instant::now();
    let (reply, woken) = waiting.await.expect("no panic");
    assert_eq!(reply.json()["events"][0]["seq"], 2);
    assert_eq!(reply.json()["next_after"], 2);
    let delay = woken.saturating_duration_since(durable);
    assert!(
        delay < Duration::from_secs(5),
        "{delay:?}; its wait is a minute"
    );
    assert_eq!(registry.app.waiting_reads(), 0, "nothing stays behind");
}

#[tokio::test]
async fn an_event_that_is_there_already_is_not_waited_for() {
    let registry = Registry::new().await;
    let id = submit(&registry, &json!({})).await;
    tell(&registry, &id, &json!({ "type": "go" })).await;
    assert_eq!(sequence(&registry, &id, "wait=60").await.0, [1]);
}

#[tokio::test]
async fn a_wait_is_honoured_also_for_a_job_that_is_over() {
    let registry = Registry::new().await;
    let id = submit(&registry, &json!({})).await;
    post(&registry, &format!("/jobs/{id}/cancel"), &json!({})).await;
    let asked = Instant::now();
    assert_eq!(
        sequence(&registry, &id, "wait=1&after=1").await,
        (vec![], 1)
    );
    assert!(asked.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_waiting_executor_learns_at_once_that_its_claim_is_lost() {
    let registry = Arc::new(Registry::new().await);
    let id = submit(&registry, &json!({})).await;
    claim(&registry, "worker-1").await;
    let query = "wait=60&instance_id=worker-1&claim_epoch=1";
    let waiting = reader(&registry, &id, query);
    until_waiting(&registry, 1).await;
    done(&registry, &format!("/jobs/{id}/reclaim"), &json!({})).await;
    let (reply, _) = waiting.await.expect("no panic");
    assert_eq!(reply.status, StatusCode::CONFLICT);
    assert_eq!(reply.json()["error"], "claim_superseded");
}

#[tokio::test]
async fn a_waiting_executor_keeps_a_short_lease_alive() {
    let registry = Arc::new(Registry::new().await);
    let id = submit(&registry, &json!({ "max_duration": 1 })).await;
    claim(&registry, "worker-1").await;
    let query = "wait=60&instance_id=worker-1&claim_epoch=1";
    let waiting = reader(&registry, &id, query);
    until_waiting(&registry, 1).await;
    registry.clock.advance(Duration::from_secs(30));
    while read(&registry, &id).await["lease_expires_at"] != START + 31 {
        tokio::task::yield_now().await;
    }
    waiting.abort();
}

#[tokio::test]
async fn waits_end_empty_when_the_registry_stops() {
    let registry = Arc::new(Registry::new().await);
    let id = submit(&registry, &json!({})).await;
    let waiting = reader(&registry, &id, "wait=60&after=3");
    until_waiting(&registry, 1).await;
    registry.app.begin_stop();
    let (reply, _) = waiting.await.expect("no panic");
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.json(), json!({ "events": [], "next_after": 3 }));
    let asked = Instant::now();
    assert_eq!(sequence(&registry, &id, "wait=60").await.0, [0_i64; 0]);
    assert!(
        asked.elapsed() < Duration::from_secs(30),
        "nor is a wait begun"
    );
}

#[tokio::test]
async fn a_crowd_that_waits_for_one_job_has_an_end() {
    let registry = Arc::new(Registry::new().await);
    let id = submit(&registry, &json!({})).await;
    let crowd: Vec<_> = (0..256)
        .map(|_| reader(&registry, &id, "wait=60"))
        .collect();
    until_waiting(&registry, crowd.len()).await;
    let path = format!("/jobs/{id}/events?wait=60");
    let reply = registry.send(Method::GET, &path, Body::empty()).await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    let body = reply.json();
    assert_eq!(body["error"], "256 requests wait for this job already");
    assert_eq!(body["hint"], "try again later, or ask without `wait`");
    assert_eq!(
        sequence(&registry, &id, "").await.0,
        [0_i64; 0],
        "without `wait` it is served"
    );
    tell(&registry, &id, &json!({ "type": "go" })).await;
    for reader in crowd {
        let (reply, _) = reader.await.expect("no panic");
        assert_eq!(reply.json()["next_after"], 1, "everybody is woken");
    }
    assert_eq!(registry.app.waiting_reads(), 0);
}
