//! Creating, reading and listing.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{START, claim, job, post, read, refused, submit};
use crate::registry::Registry;

#[tokio::test]
async fn a_new_job_says_everything_of_itself() {
    let registry = Registry::new().await;
    let reply = post(&registry, "/jobs", &job(&json!({ "unknown": 1 }))).await;
    assert_eq!(reply.status, StatusCode::CREATED);
    let created = reply.json();
    let id = created["id"].as_str().expect("an id");
    assert_eq!(
        created,
        json!({ "id": id, "status": "working", "owner_instance_id": null })
    );
    assert_eq!(id.len(), 36, "a UUID");
    assert_eq!(
        read(&registry, id).await,
        json!({
            "id": id, "capability": "render", "owner_instance_id": null, "claim_epoch": 0,
            "recv_cursor": null, "status": "working", "progress": null, "progress_message": null,
            "result": null, "error": null, "submitted_payload": { "n": 3 }, "attempt_count": 0,
            "max_retries": 1, "max_duration": null, "total_deadline": null,
            "lease_expires_at": null, "last_heartbeat_at": null, "submitted_at": START,
            "submitted_by": "cli-1",
        })
    );
}

#[tokio::test]
async fn a_job_for_one_owner_is_his_without_a_claim() {
    let registry = Registry::new().await;
    let extra = json!({ "owner_instance_id": "worker-1", "max_retries": 0, "max_duration": 7,
        "total_deadline": START + 60 });
    let reply = post(&registry, "/jobs", &job(&extra)).await;
    assert_eq!(reply.json()["owner_instance_id"], "worker-1");
    let id = reply.json()["id"].as_str().expect("an id").to_owned();
    let stored = read(&registry, &id).await;
    for (field, value) in [
        ("claim_epoch", json!(0)),
        ("attempt_count", json!(0)),
        ("lease_expires_at", Value::Null),
        ("max_retries", json!(0)),
        ("max_duration", json!(7)),
        ("total_deadline", json!(START + 60)),
    ] {
        assert_eq!(stored[field], value, "{field}");
    }
    assert_eq!(claim(&registry, "worker-2").await, Value::Null);
}

#[tokio::test]
async fn what_is_wrong_with_a_new_job_is_said() {
    let registry = Registry::new().await;
    for (extra, expected) in [
        (json!({ "capability": "" }), "capability is required"),
        (json!({ "capability": null }), "capability is required"),
        (json!({ "submitted_by": "" }), "submitted_by is required"),
        (
            json!({ "submitted_payload": null }),
            "submitted_payload is required",
        ),
        (
            json!({ "submitted_payload": [1] }),
            "Invalid JSON payload: submitted_payload must be an object",
        ),
        (
            json!({ "max_retries": -1 }),
            "max_retries must be non-negative",
        ),
        (
            json!({ "max_duration": 0 }),
            "max_duration must be positive",
        ),
        (
            json!({ "capability": "a\u{0}b" }),
            "capability holds the character U+0000, which cannot be stored",
        ),
    ] {
        let error = refused(&registry, "/jobs", &job(&extra)).await;
        assert_eq!(error, (400, expected.to_owned()), "{extra}");
    }
    for body in [
        "",
        "[]",
        "null",
        "{",
        r#"{"capability":1}"#,
        r#"{"capability":"a","max_retries":"1"}"#,
        r#"{"capability":"a","max_duration":1.5}"#,
    ] {
        let reply = registry.send(Method::POST, "/jobs", body).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{body}");
        let error = reply.json()["error"].as_str().map(ToOwned::to_owned);
        let error = error.expect("a reason");
        assert!(
            error.starts_with("Invalid JSON payload:"),
            "{body}: {error}"
        );
    }
}

#[tokio::test]
async fn an_unknown_job_is_not_found() {
    let registry = Registry::new().await;
    for id in ["nothing", "%00", "%ff"] {
        let path = format!("/jobs/{id}");
        let reply = registry.send(Method::GET, &path, Body::empty()).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{id}");
        assert!(reply.json()["error"].is_string(), "{id}");
    }
}

/// The jobs of a page by the number in their payload, and where the next page begins.
async fn page(registry: &Registry, query: &str) -> (Vec<i64>, Value) {
    let list = registry.get(&format!("/jobs?{query}")).await;
    let jobs = list["jobs"].as_array().expect("a list");
    let numbers = jobs
        .iter()
        .map(|job| job["submitted_payload"]["n"].as_i64());
    let numbers = numbers.map(|number| number.expect("a number")).collect();
    (numbers, list["next_cursor"].clone())
}

#[tokio::test]
async fn jobs_are_listed_newest_first_page_by_page() {
    let registry = Registry::new().await;
    assert_eq!(page(&registry, "").await, (vec![], Value::Null));
    for n in 0..5 {
        submit(&registry, &json!({ "submitted_payload": { "n": n } })).await;
        registry.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(page(&registry, "").await.0, [4, 3, 2, 1, 0]);
    let mut seen = Vec::new();
    let mut query = "limit=2".to_owned();
    loop {
        let (jobs, next) = page(&registry, &query).await;
        seen.push(jobs);
        let Some(cursor) = next.as_str() else { break };
        query = format!("limit=2&cursor={cursor}");
    }
    assert_eq!(seen, [vec![4, 3], vec![2, 1], vec![0]]);
}

#[tokio::test]
async fn jobs_that_are_as_old_are_all_listed() {
    let registry = Registry::new().await;
    for n in 0..3 {
        submit(&registry, &json!({ "submitted_payload": { "n": n } })).await;
    }
    let (mut seen, cursor) = page(&registry, "limit=2").await;
    let cursor = cursor.as_str().expect("another page");
    seen.extend(page(&registry, &format!("limit=2&cursor={cursor}")).await.0);
    seen.sort_unstable();
    assert_eq!(seen, [0, 1, 2]);
}

#[tokio::test]
async fn filters_narrow_the_list() {
    let registry = Registry::new().await;
    let numbered = |n: i64, extra: Value| {
        let mut job = json!({ "submitted_payload": { "n": n } });
        let fields = job.as_object_mut().expect("an object");
        fields.extend(extra.as_object().expect("an object").clone());
        job
    };
    submit(&registry, &numbered(0, json!({ "capability": "other" }))).await;
    submit(
        &registry,
        &numbered(1, json!({ "owner_instance_id": "worker-1" })),
    )
    .await;
    registry.clock.advance(Duration::from_secs(1));
    let cancelled = submit(&registry, &numbered(2, json!({}))).await;
    post(&registry, &format!("/jobs/{cancelled}/cancel"), &json!({})).await;
    for (query, expected) in [
        ("capability=other".to_owned(), vec![0]),
        ("owner_instance_id=worker-1".to_owned(), vec![1]),
        ("status=cancelled".to_owned(), vec![2]),
        ("status=cancelled,failed".to_owned(), vec![2]),
        (format!("submitted_since={}", START + 1), vec![2]),
        ("capability=nothing".to_owned(), vec![]),
    ] {
        assert_eq!(page(&registry, &query).await.0, expected, "{query}");
    }
}

#[tokio::test]
async fn a_list_that_cannot_be_made_says_why() {
    let registry = Registry::new().await;
    for (query, expected) in [
        ("limit=0", "limit must be in [1, 200], got 0"),
        ("limit=201", "limit must be in [1, 200], got 201"),
        (
            "status=working,done",
            "invalid status \"done\": must be one of \
             working,input_required,completed,failed,cancelled",
        ),
        (
            "cursor=garbage",
            "invalid cursor `garbage`: take it from `next_cursor` of the page before",
        ),
        (
            "cursor=1.2",
            "invalid cursor `1.2`: take it from `next_cursor` of the page before",
        ),
    ] {
        let path = format!("/jobs?{query}");
        let reply = registry.send(Method::GET, &path, Body::empty()).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(reply.json()["error"], expected, "{query}");
    }
    for name in ["limit", "submitted_since"] {
        let path = format!("/jobs?{name}=abc");
        let reply = registry.send(Method::GET, &path, Body::empty()).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{name}");
        assert_eq!(
            reply.json(),
            json!({ "msg": format!("Invalid format for parameter {name}: `abc` is not a whole number") })
        );
    }
}

/// One job that a client cannot read would spoil every list that it is in.
#[tokio::test]
async fn what_no_client_could_read_is_refused() {
    let registry = Registry::new().await;
    let id = submit(&registry, &json!({})).await;
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    for value in [r#""\ud800""#, "1e999", &deep] {
        let object = format!(r#"{{"a":{value}}}"#);
        for (path, field, body) in [
            (
                "/jobs".to_owned(),
                "submitted_payload",
                format!(r#"{{"capability":"c","submitted_by":"m","submitted_payload":{object}}}"#),
            ),
            (
                "/jobs/batch".to_owned(),
                "result",
                format!(r#"{{"instance_id":"a","deltas":[{{"id":"{id}","result":{value}}}]}}"#),
            ),
            (
                format!("/jobs/{id}/events"),
                "payload",
                format!(r#"{{"type":"go","payload":{value}}}"#),
            ),
            (
                format!("/jobs/{id}/events"),
                "trace_context",
                format!(r#"{{"type":"go","trace_context":{object}}}"#),
            ),
        ] {
            let reply = registry.send(Method::POST, &path, body).await;
            assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{path}: {field}");
            let error = reply.json()["error"].to_string();
            let start = format!("\"Invalid JSON payload: `{field}`: ");
            assert!(error.starts_with(&start), "{error}");
        }
    }
    assert_eq!(
        registry.get("/jobs").await["jobs"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}
