//! A store that does not answer for a while, as agents see it.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use serde_json::json;

use crate::registry::{Registry, consumer, provider};

/// Another program that holds the database's lock.
#[tokio::test]
async fn a_locked_database_gives_nobody_up_and_un_wires_nobody() {
    let registry = Registry::with(&[("DB_BUSY_TIMEOUT", "50")]).await;
    for (id, capability) in [("clock-1", "time"), ("silent-1", "other")] {
        registry.register(&provider(id, &[capability])).await;
    }
    let needs_time = consumer("report-1", &json!([{ "capability": "time" }]));
    let before = registry.register(&needs_time).await;
    let mut moved = provider("clock-1", &["time"]);
    moved["http_port"] = json!(9999);

    let lock = registry.lock_database();
    for (method, path, body) in [
        (
            Method::POST,
            "/heartbeat",
            provider("late-1", &["late"]).to_string(),
        ),
        (Method::POST, "/heartbeat", moved.to_string()),
        (Method::DELETE, "/agents/clock-1", String::new()),
        (Method::POST, "/admin/rotate", String::new()),
    ] {
        let reply = registry.send(method.clone(), path, body).await;
        let told = (reply.status, reply.json()["error"].clone());
        let expected = json!("the store does not answer");
        assert_eq!(
            told,
            (StatusCode::SERVICE_UNAVAILABLE, expected),
            "{method} {path}"
        );
        assert!(reply.json()["hint"].is_string(), "{method} {path}");
    }
    registry.clock.advance(Duration::from_secs(15));
    for id in ["clock-1", "report-1"] {
        assert_eq!(registry.ping(id).await, 200, "{id}");
    }
    registry.clock.advance(Duration::from_secs(6));
    registry.app.age_silent_agents().await;
    for id in ["clock-1", "report-1", "silent-1"] {
        assert_eq!(
            registry.ping(id).await,
            200,
            "{id} is neither given up nor asked"
        );
    }
    assert_eq!(registry.ping("late-1").await, 410, "it was never taken");
    let answer = registry.register(&needs_time).await;
    assert_eq!(
        answer["dependencies_resolved"],
        before["dependencies_resolved"]
    );
    drop(lock);

    registry.register(&moved).await;
    assert_eq!(
        registry.ping("report-1").await,
        202,
        "it has recovered by itself"
    );
    let answer = registry.register(&needs_time).await;
    let endpoint = &answer["dependencies_resolved"]["use"][0]["endpoint"];
    assert_eq!(endpoint, "http://127.0.0.1:9999");
    let registry = registry.crash().await;
    for id in ["clock-1", "report-1", "silent-1"] {
        assert_ne!(registry.ping(id).await, 410, "{id} was acknowledged");
    }
}
