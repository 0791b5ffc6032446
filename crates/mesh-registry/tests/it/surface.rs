//! The rest of the surface: A2A, traces, metrics and the document of it all.

use axum::body::Body;
use axum::http::Method;
use serde_json::{Value, json};

use crate::registry::{Registry, provider};

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
    let rest = text.lines().find_map(|found| found.strip_prefix(line))?;
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
        (
            r#"mcp_mesh_store_operation_duration_seconds_count{operation="ping"}"#,
            1.0,
        ),
    ] {
        assert_eq!(sample(&text, line), Some(value), "{line}\n{text}");
    }
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
