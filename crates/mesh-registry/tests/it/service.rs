//! The registry about itself, and paths that lead nowhere.

use std::time::Duration;

use axum::body::Body;
use axum::http::Method;
use serde_json::json;

use crate::registry::Registry;

#[tokio::test]
async fn the_banner_and_the_health_document_are_those_of_the_protocol() {
    let registry = Registry::new().await;
    assert_eq!(
        registry.get("/").await,
        json!({
            "service": "mcp-mesh-registry", "version": "1.0.0", "status": "running",
            "endpoints": ["/health", "/heartbeat", "/agents"],
        })
    );
    registry.clock.advance(Duration::from_secs(12));
    assert_eq!(
        registry.get("/health").await,
        json!({
            "status": "healthy", "version": "1.0.0", "uptime_seconds": 12,
            "timestamp": "2026-09-21T14:13:32Z", "service": "mcp-mesh-registry",
        })
    );
    let head = registry.send(Method::HEAD, "/health", Body::empty()).await;
    assert_eq!(head.headers["x-health-status"], "healthy");
    assert_eq!(head.headers["x-uptime-seconds"], "12");
    assert_eq!(registry.get("/ready").await["ready"], true);
}

#[tokio::test]
async fn what_no_route_serves_is_a_plain_404() {
    let registry = Registry::new().await;
    for (method, path) in [
        (Method::GET, "/nothing"),
        (Method::PUT, "/agents"),
        (Method::GET, "/heartbeat"),
        (Method::GET, "/agents/clock-1"),
        (Method::DELETE, "/proxy/h:1/mcp"),
    ] {
        let reply = registry.send(method.clone(), path, Body::empty()).await;
        assert_eq!(
            (reply.status.as_u16(), reply.text.as_str()),
            (404, "404 page not found"),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn a_trailing_slash_is_redirected() {
    let registry = Registry::new().await;
    let reply = registry
        .send(Method::GET, "/agents/?type=api", Body::empty())
        .await;
    assert_eq!(reply.status, 301);
    assert_eq!(reply.headers["location"], "/agents?type=api");
    let reply = registry
        .send(Method::POST, "/heartbeat/", Body::empty())
        .await;
    assert_eq!(reply.status, 307);
    for path in ["//evil.example/", r"/\evil.example/"] {
        let reply = registry.send(Method::GET, path, Body::empty()).await;
        assert_eq!(reply.status, 404, "{path}: never to another host");
    }
}

#[tokio::test]
async fn json_is_labelled_as_such() {
    let registry = Registry::new().await;
    for path in ["/", "/health", "/ready", "/agents", "/events"] {
        let reply = registry.send(Method::GET, path, Body::empty()).await;
        assert_eq!(
            reply.headers["content-type"], "application/json; charset=utf-8",
            "{path}"
        );
    }
}
