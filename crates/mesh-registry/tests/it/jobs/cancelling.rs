//! Cancelling, and telling the owner, who is a real server here.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::routing::post as on_post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::{claim, done, post, refused, report, state, submit};
use crate::registry::Registry;

/// What an owner was told.
struct Told {
    job: String,
    headers: HeaderMap,
    body: String,
}

/// A registry with the agent `worker-1`, and what that agent is told.
async fn registry_with_owner(grace: &str) -> (Registry, mpsc::UnboundedReceiver<Told>) {
    let (tell, told) = mpsc::unbounded_channel();
    let hear = move |Path(job): Path<String>, headers: HeaderMap, body: String| {
        let _ = tell.send(Told { job, headers, body });
        async { "{}" }
    };
    let router = Router::new().route("/jobs/{id}/cancel", on_post(hear));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let registry = Registry::with(&[("MCP_MESH_CANCEL_EVENT_GRACE_MS", grace)]).await;
    let agent = json!({ "agent_id": "worker-1", "http_host": "127.0.0.1", "http_port": port });
    registry.register(&agent).await;
    (registry, told)
}

#[tokio::test]
async fn a_cancelled_job_says_why_and_leaves_an_event() {
    let registry = Registry::new().await;
    for (body, reason, error) in [
        (
            r#"{"reason":"too slow"}"#,
            "too slow",
            json!("cancelled: too slow"),
        ),
        ("{}", "", Value::Null),
        (r#"{"reason":" "}"#, "", Value::Null),
        ("", "", Value::Null),
    ] {
        let id = submit(&registry, &json!({})).await;
        let path = format!("/jobs/{id}/cancel");
        let reply = registry.send(Method::POST, &path, body).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
        assert_eq!(
            reply.json(),
            json!({ "status": "cancelled", "forwarded_to_instance_id": null })
        );
        assert_eq!(state(&registry, &id).await, ("cancelled".to_owned(), error));
        let list = registry.get(&format!("/jobs/{id}/events")).await;
        let event = &list["events"][0];
        assert_eq!(event["type"], "cancelled");
        assert_eq!(event["payload"], json!({ "reason": reason }));
        assert_eq!(claim(&registry, "worker-1").await, Value::Null);
    }
}

#[tokio::test]
async fn what_is_over_or_unknown_cannot_be_cancelled() {
    let registry = Registry::new().await;
    let id = submit(&registry, &json!({})).await;
    claim(&registry, "worker-1").await;
    let delta = json!({ "id": id, "status": "completed", "result": 1 });
    report(&registry, "worker-1", &delta).await;
    let path = format!("/jobs/{id}/cancel");
    assert_eq!(
        refused(&registry, &path, &json!({})).await,
        (409, "job is already in a terminal state".to_owned())
    );
    assert_eq!(state(&registry, &id).await.0, "completed", "and stays so");
    let (status, _) = refused(&registry, "/jobs/nothing/cancel", &json!({})).await;
    assert_eq!(status, 404);
    let live = submit(&registry, &json!({})).await;
    let path = format!("/jobs/{live}/cancel");
    for body in ["{", "[]", r#"{"reason":1}"#] {
        let reply = registry.send(Method::POST, &path, body).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{body}");
    }
    assert_eq!(state(&registry, &live).await.0, "working");
}

#[tokio::test]
async fn the_owner_is_told_with_the_reason_and_the_trace() {
    let (registry, mut told) = registry_with_owner("0").await;
    let id = submit(&registry, &json!({})).await;
    claim(&registry, "worker-1").await;
    let reason = "he said \"no\"\u{7}";
    let request = Request::post(format!("/jobs/{id}/cancel"))
        .header("x-trace-id", "t-1")
        .header("x-parent-span", "s-1")
        .header("x-mesh-timeout", "9")
        .header("authorization", "secret")
        .body(Body::from(json!({ "reason": reason }).to_string()));
    let reply = registry.send_request(request.expect("a request")).await;
    assert_eq!(
        reply.json(),
        json!({ "status": "cancelled", "forwarded_to_instance_id": "worker-1" })
    );
    let told = told.recv().await.expect("the owner hears of it");
    assert_eq!(told.job, id);
    let body: Value = serde_json::from_str(&told.body).expect("valid JSON");
    assert_eq!(body, json!({ "reason": reason }));
    for (name, expected) in [
        ("x-trace-id", Some("t-1")),
        ("x-parent-span", Some("s-1")),
        ("x-mesh-timeout", Some("9")),
        ("authorization", None),
    ] {
        let value = told
            .headers
            .get(name)
            .map(|value| value.to_str().expect("text"));
        assert_eq!(value, expected, "{name}");
    }
}

#[tokio::test]
async fn without_a_reason_the_owner_gets_no_body() {
    let (registry, mut told) = registry_with_owner("0").await;
    let id = submit(&registry, &json!({})).await;
    claim(&registry, "worker-1").await;
    done(&registry, &format!("/jobs/{id}/cancel"), &json!({})).await;
    assert_eq!(told.recv().await.expect("the owner hears of it").body, "");
}

#[tokio::test]
async fn during_the_grace_the_event_is_there_and_the_owner_not_told() {
    let (registry, mut told) = registry_with_owner("10000").await;
    let id = submit(&registry, &json!({})).await;
    claim(&registry, "worker-1").await;
    let path = format!("/jobs/{id}/cancel");
    let body = json!({});
    let cancel = post(&registry, &path, &body);
    let mut cancel = Box::pin(cancel);
    while state(&registry, &id).await.0 != "cancelled" {
        let asked = tokio::time::timeout(Duration::from_millis(1), &mut cancel).await;
        assert!(asked.is_err(), "it lasts as long as the grace");
    }
    let list = registry.get(&format!("/jobs/{id}/events")).await;
    assert_eq!(list["events"][0]["type"], "cancelled");
    assert!(told.try_recv().is_err());
    // Whoever asked hangs up, which ends the grace.
    drop(cancel);
    assert_eq!(told.recv().await.expect("the owner hears of it").job, id);
}

#[tokio::test]
async fn an_owner_that_nobody_can_call_is_not_waited_for() {
    let registry = Registry::with(&[("MCP_MESH_CANCEL_EVENT_GRACE_MS", "10000")]).await;
    let silent = json!({ "agent_id": "worker-2" });
    registry.register(&silent).await;
    for owner in ["stranger", "worker-2"] {
        let id = submit(&registry, &json!({})).await;
        claim(&registry, owner).await;
        let answer = done(&registry, &format!("/jobs/{id}/cancel"), &json!({})).await;
        assert_eq!(answer["forwarded_to_instance_id"], Value::Null, "{owner}");
    }
}

#[tokio::test]
async fn an_owner_that_is_gone_does_not_keep_the_registry_from_stopping() {
    let (registry, mut told) = registry_with_owner("10000").await;
    let id = submit(&registry, &json!({})).await;
    claim(&registry, "worker-1").await;
    let path = format!("/jobs/{id}/cancel");
    let body = json!({});
    let cancel = post(&registry, &path, &body);
    let stop = async {
        while state(&registry, &id).await.0 != "cancelled" {
            tokio::task::yield_now().await;
        }
        registry.app.begin_stop();
    };
    let (reply, ()) = tokio::join!(cancel, stop);
    assert_eq!(reply.status, StatusCode::OK);
    registry.app.settle_jobs().await;
    assert!(told.try_recv().is_err(), "he learns from his next delta");
    let delta = json!({ "id": id, "claim_epoch": 1 });
    assert_eq!(
        report(&registry, "worker-1", &delta).await,
        "already_terminal"
    );
}
