//! The rest of the surface: A2A, traces, metrics and the document of it all.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, Request};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::registry::{Registry, consumer, provider};

fn a2a(id: &str, path: &str) -> Value {
    json!({ "agent_id": id, "agent_type": "a2a", "http_host": "h", "http_port": 1, "surfaces": [
        { "path": path, "skill_id": "date", "name": "Date", "tags": ["t1"] },
        { "path": "", "skill_id": "nowhere" },
    ] })
}

#[tokio::test]
async fn the_surfaces_of_healthy_a2a_agents_are_listed() {
    let registry = Registry::with(&[("MCP_MESH_PUBLIC_URL_PREFIX", "https://mesh.example/")]).await;
    let nothing = json!({ "surfaces": [] });
    assert_eq!(registry.get("/a2a/agents").await, nothing);
    registry.register(&a2a("date-1", "agents/date")).await;
    registry.register(&a2a("gone-1", "/agents/gone")).await;
    let mut no_a2a = a2a("plain-1", "/agents/plain");
    no_a2a["agent_type"] = "mcp_agent".into();
    registry.register(&no_a2a).await;
    registry.leave("gone-1").await;
    assert_eq!(
        registry.get("/a2a/agents").await,
        json!({ "surfaces": [{
            "path": "agents/date", "skill_id": "date",
            "public_url": "https://mesh.example/agents/date",
            "agent_card_url": "https://mesh.example/agents/date/.well-known/agent.json",
        }] })
    );
    registry.leave("date-1").await;
    assert_eq!(registry.get("/a2a/agents").await, nothing);
}

#[tokio::test]
async fn tracing_says_that_it_is_not_enabled() {
    let registry = Registry::new().await;
    for path in ["/trace/status", "/trace/info", "/trace/stats"] {
        assert_eq!(
            registry.get(path).await,
            json!({ "enabled": false, "reason": "tracing not initialized" }),
            "{path}"
        );
    }
    let path = "/trace/0af7651916cd43dd8448eb211c80319c";
    let reply = registry.send(Method::GET, path, Body::empty()).await;
    assert_eq!(reply.status, 404);
    assert_eq!(
        reply.json(),
        json!({ "error": "tracing not enabled", "enabled": false })
    );
}

/// The value of the sample that `line` starts.
fn sample(text: &str, line: &str) -> Option<f64> {
    let rest = text
        .lines()
        .find_map(|found| found.strip_prefix(line)?.strip_prefix(' '))?;
    rest.trim().parse().ok()
}

#[tokio::test]
async fn metrics_tell_of_agents_requests_and_the_store() {
    let registry = Registry::new().await;
    registry.register(&provider("a-1", &["a"])).await;
    registry.register(&provider("b-1", &["b"])).await;
    registry.leave("b-1").await;
    for _ in 0..3 {
        registry.ping("a-1").await;
    }
    registry.ping("b-1").await;
    registry.send(Method::GET, "/nothing", Body::empty()).await;
    registry.get("/ready").await;
    let reply = registry.send(Method::GET, "/metrics", Body::empty()).await;
    assert_eq!(
        reply.headers["content-type"],
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    let text = reply.text;
    assert!(text.ends_with("# EOF\n"), "{text}");
    for (line, value) in [
        (r#"mcp_mesh_agents{status="healthy"}"#, 1.0),
        (r#"mcp_mesh_agents{status="unhealthy"}"#, 1.0),
        ("mcp_mesh_topology_generation", 2.0),
        (
            r#"mcp_mesh_http_requests_total{method="HEAD",route="/heartbeat/{agent_id}",status="200"}"#,
            3.0,
        ),
        (
            r#"mcp_mesh_http_requests_total{method="HEAD",route="/heartbeat/{agent_id}",status="410"}"#,
            1.0,
        ),
        (
            r#"mcp_mesh_http_requests_total{method="GET",route="none",status="404"}"#,
            1.0,
        ),
        (
            r#"mcp_mesh_http_request_duration_seconds_count{method="POST",route="/heartbeat"}"#,
            2.0,
        ),
        (
            r#"mcp_mesh_store_operation_duration_seconds_count{operation="apply"}"#,
            3.0,
        ),
        (r#"mcp_mesh_store_failures_total{operation="apply"}"#, 0.0),
        ("mcp_mesh_store_up", 1.0),
        (
            r#"mcp_mesh_store_operation_duration_seconds_count{operation="ping"}"#,
            1.0,
        ),
    ] {
        assert_eq!(sample(&text, line), Some(value), "{line}\n{text}");
    }
}

#[tokio::test]
async fn metrics_tell_of_what_the_store_does_for_jobs_and_of_who_waits() {
    let registry = Arc::new(Registry::new().await);
    let post = async |path: &str, body: Value| {
        let reply = registry.send(Method::POST, path, body.to_string()).await;
        assert!(reply.status.is_success(), "{path}: {}", reply.text);
        reply.json()
    };
    let metrics = async || {
        let reply = registry.send(Method::GET, "/metrics", Body::empty()).await;
        reply.text
    };
    let job = json!({ "capability": "render", "submitted_by": "t", "submitted_payload": {} });
    let id = post("/jobs", job.clone()).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let claim = json!({ "capability": "render", "instance_id": "a-1" });
    post("/jobs/claim", claim).await;
    let delta = json!({ "id": id, "claim_epoch": 1, "progress": 0.5 });
    let batch = json!({ "instance_id": "a-1", "deltas": [delta] });
    post("/jobs/batch", batch).await;
    registry.get(&format!("/jobs/{id}")).await;
    registry.get("/jobs").await;
    let release = json!({ "instance_id": "a-1", "claim_epoch": 1 });
    post(&format!("/jobs/{id}/release"), release).await;
    post("/admin/drain", json!({})).await;
    registry.app.sweep().await;
    let text = metrics().await;
    for (operation, count) in [
        ("create_job", 1.0),
        ("claim_job", 1.0),
        ("apply_deltas", 1.0),
        ("release_job", 1.0),
        ("jobs", 2.0),
        ("drain", 3.0),
        ("cap_events", 1.0),
        ("forget_schemas", 1.0),
        ("forget_jobs", 1.0),
    ] {
        let name = "mcp_mesh_store_operation_duration_seconds_count";
        let line = format!("{name}{{operation=\"{operation}\"}}");
        assert_eq!(sample(&text, &line), Some(count), "{line}\n{text}");
    }

    assert_eq!(sample(&text, "mcp_mesh_waiting_reads"), Some(0.0));
    let id = post("/jobs", job).await["id"].as_str().unwrap().to_owned();
    let waiting = tokio::spawn({
        let (registry, id) = (registry.clone(), id.clone());
        async move {
            registry
                .get(&format!("/jobs/{id}/events?wait=60&types=tick"))
                .await
        }
    });
    while registry.app.waiting_reads() == 0 {
        tokio::task::yield_now().await;
    }
    let text = metrics().await;
    assert_eq!(sample(&text, "mcp_mesh_waiting_reads"), Some(1.0));
    let path = format!("/jobs/{id}/events");
    post(&path, json!({ "type": "tick" })).await;
    assert_eq!(waiting.await.unwrap()["events"][0]["type"], "tick");
    let text = metrics().await;
    assert_eq!(sample(&text, "mcp_mesh_waiting_reads"), Some(0.0));
}

#[tokio::test]
async fn metrics_tell_of_open_watches_and_of_who_is_told_to_ask_again() {
    let registry = Registry::new().await;
    let needs = json!([{ "capability": "time" }]);
    registry.register(&consumer("a-1", &needs)).await;
    let request = Request::get("/agents/a-1/watch").body(Body::empty());
    let router = mesh_registry::app(registry.app.clone());
    let response = router.oneshot(request.unwrap()).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut stream = response.into_body().into_data_stream();
    stream.next().await.unwrap().unwrap();
    registry.register(&provider("b-1", &["time"])).await;
    stream.next().await.unwrap().unwrap();
    assert_eq!(registry.ping("a-1").await, 202);
    let metrics = async || {
        let reply = registry.send(Method::GET, "/metrics", Body::empty()).await;
        reply.text
    };
    let text = metrics().await;
    assert_eq!(sample(&text, "mcp_mesh_watches"), Some(1.0), "{text}");
    assert_eq!(sample(&text, "mcp_mesh_watch_answers_total"), Some(2.0));
    let line =
        r#"mcp_mesh_http_requests_total{method="HEAD",route="/heartbeat/{agent_id}",status="202"}"#;
    assert_eq!(sample(&text, line), Some(1.0), "{text}");
    drop(stream);
    let text = metrics().await;
    assert_eq!(sample(&text, "mcp_mesh_watches"), Some(0.0), "{text}");
}

#[tokio::test]
async fn the_document_names_every_route_and_is_served() {
    let registry = Registry::new().await;
    let reply = registry
        .send(Method::GET, "/openapi.json", Body::empty())
        .await;
    assert_eq!(reply.text, mesh_registry::openapi());
    let document = reply.json();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    for (path, method) in [
        ("/heartbeat", "post"),
        ("/heartbeat/{agent_id}", "head"),
        ("/agents/{agent_id}", "delete"),
        ("/agents/{agent_id}/watch", "get"),
        ("/proxy/{target}/mcp", "post"),
        ("/health", "head"),
        ("/trace/{trace_id}", "get"),
        ("/admin/rotate", "post"),
        ("/openapi.json", "get"),
    ] {
        assert!(
            paths[path][method]["responses"].is_object(),
            "{method} {path}"
        );
    }
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().unwrap() {
            assert!(operation["summary"].is_string(), "{method} {path}");
            assert!(operation["responses"].is_object(), "{method} {path}");
        }
    }
}
