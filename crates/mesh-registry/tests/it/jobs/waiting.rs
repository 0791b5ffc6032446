//! Waiting for work, and for what becomes of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::{claim, done, post, refused, report, state, submit};
use crate::registry::{Registry, Reply, consumer, provider};

/// Asks in the background.
fn ask(
    registry: &Arc<Registry>,
    method: Method,
    path: &str,
    body: String,
) -> JoinHandle<(Reply, Instant)> {
    let (registry, path) = (registry.clone(), path.to_owned());
    tokio::spawn(async move {
        let reply = registry.send(method, &path, body).await;
        (reply, Instant::now())
    })
}

fn claimer(registry: &Arc<Registry>, instance: &str) -> JoinHandle<(Reply, Instant)> {
    let request = json!({ "capability": "render", "instance_id": instance, "wait": 60 });
    ask(registry, Method::POST, "/jobs/claim", request.to_string())
}

fn watcher(registry: &Arc<Registry>, id: &str, query: &str) -> JoinHandle<(Reply, Instant)> {
    let path = format!("/jobs/{id}?wait=60{query}");
    ask(registry, Method::GET, &path, String::new())
}

async fn until_waiting(registry: &Registry, waiting: usize) {
    while registry.app.waiting_reads() != waiting {
        tokio::task::yield_now().await;
    }
}

/// The only job in the answer to a claim.
fn job_of((reply, _): &(Reply, Instant)) -> Value {
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    reply.json()["claimed"][0]["id"].clone()
}

/// Makes sure that `waiting` ended soon after `since`, although its wait is a minute.
fn assert_soon((_, woken): &(Reply, Instant), since: Instant) {
    let delay = woken.saturating_duration_since(since);
    assert!(delay < Duration::from_secs(5), "{delay:?}");
}

#[tokio::test]
async fn a_claim_that_waits_gets_the_job_that_comes() {
    let registry = Arc::new(Registry::new().await);
    let waiting = claimer(&registry, "worker-1");
    until_waiting(&registry, 1).await;
    submit(&registry, &json!({ "capability": "other" })).await;
    submit(&registry, &json!({ "owner_instance_id": "worker-2" })).await;
    let id = submit(&registry, &json!({})).await;
    let created = Instant::now();
    let answer = waiting.await.expect("no panic");
    assert_eq!(job_of(&answer), *id);
    assert_soon(&answer, created);
    assert_eq!(registry.app.waiting_reads(), 0, "nothing stays behind");
}

#[tokio::test]
async fn a_job_that_is_there_is_not_waited_for_and_a_wait_has_an_end() {
    let registry = Registry::new().await;
    let id = submit(&registry, &json!({})).await;
    let request = |wait: i64| json!({ "capability": "render", "instance_id": "w-1", "wait": wait });
    let answer = done(&registry, "/jobs/claim", &request(60)).await;
    assert_eq!(answer["claimed"][0]["id"], *id);
    for wait in [0, -5] {
        let answer = done(&registry, "/jobs/claim", &request(wait)).await;
        assert_eq!(answer, json!({ "claimed": [] }));
    }
    let asked = Instant::now();
    let answer = done(&registry, "/jobs/claim", &request(1)).await;
    assert_eq!(answer, json!({ "claimed": [] }));
    assert!(asked.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn whatever_makes_a_job_claimable_wakes_a_claim() {
    let registry = Arc::new(Registry::new().await);
    let extra = json!({ "max_retries": 9, "max_duration": 60 });
    let id = submit(&registry, &extra).await;
    claim(&registry, "worker-0").await;
    let release = format!("/jobs/{id}/release");
    let reclaim = format!("/jobs/{id}/reclaim");

    let waiting = claimer(&registry, "worker-1");
    until_waiting(&registry, 1).await;
    done(&registry, &release, &json!({ "instance_id": "worker-0" })).await;
    assert_eq!(job_of(&waiting.await.expect("no panic")), *id, "released");

    let waiting = claimer(&registry, "worker-2");
    until_waiting(&registry, 1).await;
    done(&registry, &reclaim, &json!({})).await;
    assert_eq!(job_of(&waiting.await.expect("no panic")), *id, "reclaimed");

    registry.register(&provider("worker-3", &["render"])).await;
    let waiting = claimer(&registry, "worker-3");
    until_waiting(&registry, 1).await;
    registry.clock.advance(Duration::from_secs(61));
    registry
        .app
        .recover_jobs()
        .await
        .expect("the store answers");
    assert_eq!(job_of(&waiting.await.expect("no panic")), *id, "lease over");

    let waiting = claimer(&registry, "worker-4");
    until_waiting(&registry, 1).await;
    registry.leave("worker-3").await;
    registry
        .app
        .recover_jobs()
        .await
        .expect("the store answers");
    assert_eq!(job_of(&waiting.await.expect("no panic")), *id, "orphaned");
}

#[tokio::test]
async fn the_end_of_a_drain_wakes_claims() {
    let registry = Arc::new(Registry::new().await);
    let drain = async |method| registry.send(method, "/admin/drain", Body::empty()).await;
    drain(Method::POST).await;
    let id = submit(&registry, &json!({})).await;
    let waiting = claimer(&registry, "worker-1");
    until_waiting(&registry, 1).await;
    drain(Method::DELETE).await;
    assert_eq!(job_of(&waiting.await.expect("no panic")), *id);
}

#[tokio::test]
async fn whoever_lacks_a_requirement_waits_for_it_and_keeps_no_job_from_others() {
    let registry = Arc::new(Registry::new().await);
    let mut worker = consumer(
        "worker-1",
        &json!([{ "capability": "gpu", "required": true }]),
    );
    worker["tools"][0]["capability"] = json!("render");
    registry.register(&worker).await;
    let unequipped = claimer(&registry, "worker-1");
    until_waiting(&registry, 1).await;
    let other = claimer(&registry, "worker-2");
    until_waiting(&registry, 2).await;
    let first = submit(&registry, &json!({})).await;
    assert_eq!(job_of(&other.await.expect("no panic")), *first);

    let second = submit(&registry, &json!({})).await;
    assert!(!unequipped.is_finished());
    registry.register(&provider("gpu-1", &["gpu"])).await;
    assert_eq!(job_of(&unequipped.await.expect("no panic")), *second);
}

#[tokio::test]
async fn ten_jobs_at_once_find_ten_of_twenty_who_wait() {
    let registry = Arc::new(Registry::new().await);
    let claimers: Vec<_> = (0..20)
        .map(|number| claimer(&registry, &format!("worker-{number}")))
        .collect();
    until_waiting(&registry, 20).await;
    for _ in 0..10 {
        submit(&registry, &json!({})).await;
    }
    until_waiting(&registry, 10).await;
    registry.app.begin_stop();
    let mut claimed = Vec::new();
    for claimer in claimers {
        let answer = claimer.await.expect("no panic");
        claimed.extend(job_of(&answer).as_str().map(ToOwned::to_owned));
    }
    claimed.sort();
    claimed.dedup();
    assert_eq!(claimed.len(), 10);
}

#[tokio::test]
async fn claims_that_wait_end_empty_when_the_registry_stops() {
    let registry = Arc::new(Registry::new().await);
    let waiting = claimer(&registry, "worker-1");
    until_waiting(&registry, 1).await;
    registry.app.begin_stop();
    let (reply, _) = waiting.await.expect("no panic");
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.json(), json!({ "claimed": [] }));
    let asked = Instant::now();
    let (reply, _) = claimer(&registry, "worker-1").await.expect("no panic");
    assert_eq!(reply.json(), json!({ "claimed": [] }));
    assert!(
        asked.elapsed() < Duration::from_secs(30),
        "nor is one begun"
    );
}

#[tokio::test]
async fn a_crowd_that_waits_for_work_has_an_end() {
    let registry = Arc::new(Registry::new().await);
    let crowd: Vec<_> = (0..1024)
        .map(|number| claimer(&registry, &format!("worker-{number}")))
        .collect();
    until_waiting(&registry, crowd.len()).await;
    let request = json!({ "capability": "render", "instance_id": "one-more", "wait": 60 });
    assert_eq!(
        refused(&registry, "/jobs/claim", &request).await,
        (
            503,
            "1024 requests wait for this capability already".to_owned()
        )
    );
    let without = json!({ "capability": "render", "instance_id": "one-more" });
    let answer = done(&registry, "/jobs/claim", &without).await;
    assert_eq!(answer, json!({ "claimed": [] }));
    for claimer in crowd {
        claimer.abort();
    }
    until_waiting(&registry, 0).await;
}

#[tokio::test]
async fn whoever_waits_for_a_job_is_woken_by_its_state_and_not_by_its_progress() {
    let registry = Arc::new(Registry::new().await);
    let id = submit(&registry, &json!({})).await;
    claim(&registry, "worker-1").await;
    for (status, query) in [
        ("input_required", ""),
        ("working", "&known=input_required"),
        ("completed", "&known=working"),
    ] {
        let waiting = watcher(&registry, &id, query);
        until_waiting(&registry, 1).await;
        let delta = json!({ "id": id, "progress": 0.5 });
        assert_eq!(report(&registry, "worker-1", &delta).await, "accepted");
        assert!(!waiting.is_finished(), "{status}");
        let delta = json!({ "id": id, "status": status });
        assert_eq!(report(&registry, "worker-1", &delta).await, "accepted");
        let changed = Instant::now();
        let answer = waiting.await.expect("no panic");
        assert_eq!(answer.0.json()["status"], status);
        assert_soon(&answer, changed);
    }
}

#[tokio::test]
async fn whoever_waits_for_a_job_hears_of_its_end_however_it_comes() {
    let registry = Arc::new(Registry::new().await);
    let cancelled = submit(&registry, &json!({})).await;
    let waiting = watcher(&registry, &cancelled, "");
    until_waiting(&registry, 1).await;
    post(&registry, &format!("/jobs/{cancelled}/cancel"), &json!({})).await;
    let (reply, _) = waiting.await.expect("no panic");
    assert_eq!(reply.json()["status"], "cancelled");

    let late = submit(&registry, &json!({ "total_deadline": 1_790_000_010 })).await;
    let waiting = watcher(&registry, &late, "");
    until_waiting(&registry, 1).await;
    registry.clock.advance(Duration::from_secs(11));
    registry
        .app
        .recover_jobs()
        .await
        .expect("the store answers");
    let (reply, _) = waiting.await.expect("no panic");
    assert_eq!(reply.json()["status"], "failed");
    assert_eq!(state(&registry, &late).await.0, "failed");
}

#[tokio::test]
async fn a_job_that_is_over_or_unknown_is_not_waited_for() {
    let registry = Registry::new().await;
    let id = submit(&registry, &json!({})).await;
    post(&registry, &format!("/jobs/{id}/cancel"), &json!({})).await;
    let get = async |path: String| registry.send(Method::GET, &path, Body::empty()).await;
    let asked = Instant::now();
    let reply = get(format!("/jobs/{id}?wait=60&known=cancelled")).await;
    assert_eq!(reply.json()["status"], "cancelled");
    let reply = get("/jobs/nothing?wait=60".to_owned()).await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
    assert!(asked.elapsed() < Duration::from_secs(30));
    let reply = get(format!("/jobs/{id}?wait=x")).await;
    assert_eq!(
        reply.json()["msg"],
        "Invalid format for parameter wait: `x` is not a whole number"
    );
    let reply = get(format!("/jobs/{id}?known=over")).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        reply.json()["error"],
        "invalid known \"over\": must be one of working,input_required,completed,failed,cancelled"
    );
}

#[tokio::test]
async fn a_wait_for_a_job_ends_with_its_time_and_with_the_registry() {
    let registry = Arc::new(Registry::new().await);
    let id = submit(&registry, &json!({})).await;
    let asked = Instant::now();
    let job = registry.get(&format!("/jobs/{id}?wait=1")).await;
    assert_eq!(job["status"], "working");
    assert!(asked.elapsed() >= Duration::from_secs(1));
    let waiting = watcher(&registry, &id, "");
    until_waiting(&registry, 1).await;
    registry.app.begin_stop();
    let (reply, _) = waiting.await.expect("no panic");
    assert_eq!(reply.json()["status"], "working");
}
