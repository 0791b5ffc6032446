//! A store that does not answer for a while, as agents see it.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::registry::{Registry, consumer, provider};

/// Time passes, and `ids` go on saying that they are alive.
async fn beat_for(registry: &Registry, seconds: u64, ids: [&str; 2], status: u16) {
    for _ in 0..seconds {
        registry.clock.advance(Duration::from_secs(1));
        for id in ids {
            assert_eq!(registry.ping(id).await, status, "{id}");
        }
    }
    registry.app.age_silent_agents().await;
}

async fn agent(registry: &Registry, id: &str) -> Value {
    let list = registry.get("/agents").await;
    let mut agents = list["agents"].as_array().expect("a list").iter();
    let agent = agents.find(|agent| agent["id"] == id);
    agent.expect("it is listed").clone()
}

async fn store_up(registry: &Registry) -> bool {
    let reply = registry.send(Method::GET, "/metrics", Body::empty()).await;
    let line = |value| format!("mcp_mesh_store_up {value}\n");
    let (up, down) = (line(1), line(0));
    assert!(reply.text.contains(&up) || reply.text.contains(&down));
    reply.text.contains(&up)
}

/// Another program that holds the database's lock.
#[tokio::test]
async fn a_locked_database_gives_nobody_up_and_un_wires_nobody() {
    let registry = Registry::with(&[("DB_BUSY_TIMEOUT", "50")]).await;
    for (id, capability) in [("clock-1", "time"), ("silent-1", "other")] {
        registry.register(&provider(id, &[capability])).await;
    }
    let needs_time = consumer("report-1", &json!([{ "capability": "time" }]));
    let before = registry.register(&needs_time).await;
    assert!(store_up(&registry).await);
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
        (Method::POST, "/heartbeat", needs_time.to_string()),
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
    assert!(!store_up(&registry).await);
    for (path, status) in [("/ready", 503), ("/health", 200)] {
        let reply = registry.send(Method::GET, path, Body::empty()).await;
        assert_eq!(reply.status, status, "{path}");
    }
    assert_eq!(registry.ping("late-1").await, 410, "it was never taken");
    beat_for(&registry, 60, ["clock-1", "report-1"], 503).await;
    for id in ["clock-1", "report-1", "silent-1"] {
        assert_eq!(agent(&registry, id).await["status"], "healthy", "{id}");
    }
    let consumer = agent(&registry, "report-1").await;
    assert_eq!(consumer["dependencies_resolved"], 1);
    drop(lock);

    registry.app.check_store().await;
    assert!(store_up(&registry).await);
    beat_for(&registry, 29, ["clock-1", "report-1"], 200).await;
    let silent = agent(&registry, "silent-1").await;
    assert_eq!(silent["status"], "healthy", "it may still be waiting");
    beat_for(&registry, 2, ["clock-1", "report-1"], 200).await;
    let silent = agent(&registry, "silent-1").await;
    assert_eq!(silent["status"], "unhealthy", "it is gone");

    let answer = registry.register(&needs_time).await;
    assert_eq!(
        answer["dependencies_resolved"],
        before["dependencies_resolved"]
    );
    registry.register(&moved).await;
    assert_eq!(registry.ping("report-1").await, 202);
    let answer = registry.register(&needs_time).await;
    let endpoint = &answer["dependencies_resolved"]["use"][0]["endpoint"];
    assert_eq!(endpoint, "http://127.0.0.1:9999");
    registry.app.store_pulses().await;
    let registry = registry.crash().await;
    for id in ["clock-1", "report-1"] {
        assert_ne!(registry.ping(id).await, 410, "{id} was acknowledged");
    }
}

/// Agents that are told 503 soon register instead of pinging, and not always with the same words.
#[tokio::test]
async fn whoever_registers_in_vain_was_heard() {
    let registry = Registry::new().await;
    for id in ["same-1", "other-1"] {
        registry.register(&provider(id, &["time"])).await;
    }
    let aside = registry.set_database_aside();
    registry.clock.advance(Duration::from_mins(1));
    for (id, capability) in [("other-1", "another"), ("same-1", "time")] {
        let body = provider(id, &[capability]).to_string();
        let reply = registry.send(Method::POST, "/heartbeat", body).await;
        assert_eq!(reply.status, 503, "{id}");
    }
    drop(aside);
    registry.app.check_store().await;
    registry.clock.advance(Duration::from_secs(10));
    registry.app.age_silent_agents().await;
    for id in ["same-1", "other-1"] {
        assert_eq!(agent(&registry, id).await["status"], "healthy", "{id}");
    }
}

/// Nobody changes anything, so nothing but the registry itself asks the store.
#[tokio::test]
async fn an_idle_registry_notices_an_outage_and_its_end_by_itself() {
    let registry = Registry::new().await;
    registry.register(&provider("clock-1", &["time"])).await;
    let watch = tokio::spawn(registry.app.clone().watch_store());
    let until = async |status: u16, limit: u64| {
        let asked = Instant::now();
        while registry.ping("clock-1").await != status {
            assert!(asked.elapsed() < Duration::from_secs(limit), "{status}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let aside = registry.set_database_aside();
    until(503, 10).await;
    drop(aside);
    until(200, 4).await;
    watch.abort();
}
