//! `/proxy/{host}:{port}/mcp`, with a real agent at the other end.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures_util::{StreamExt, stream};
use serde_json::json;
use tokio::net::TcpListener;
use tower::ServiceExt;

use crate::registry::Registry;

/// An agent's server that echoes, streams for ever, or refuses.
async fn agent() -> u16 {
    async fn echo(headers: HeaderMap, body: String) -> Response {
        let mut names: Vec<_> = headers.keys().map(ToString::to_string).collect();
        names.retain(|name| name.starts_with("x-") || name == "authorization");
        names.sort();
        (
            StatusCode::CREATED,
            [("x-agent", "yes")],
            format!("{body} {}", names.join(",")),
        )
            .into_response()
    }
    async fn drip() -> Response {
        let first = stream::iter([Ok::<_, Infallible>(Bytes::from("data: 1\n\n"))]);
        let body = Body::from_stream(first.chain(stream::pending()));
        ([("content-type", "text/event-stream")], body).into_response()
    }
    let router = Router::new()
        .route("/mcp", post(echo))
        .route("/mcp/drip", post(drip))
        .route("/mcp/session", post(session).get(session));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    serve(listener, router)
}

fn serve(listener: TcpListener, router: Router) -> u16 {
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move { axum::serve(listener, router).await });
    port
}

/// Begins a session, or says which one it was called in.
async fn session(headers: HeaderMap) -> Response {
    let session = headers.get("mcp-session-id");
    let text = session.map_or("none", |id| id.to_str().expect("text"));
    let mut response = text.to_owned().into_response();
    let answer = response.headers_mut();
    answer.insert("mcp-session-id", HeaderValue::from_static("s-2"));
    answer.insert(
        "mcp-protocol-version",
        HeaderValue::from_static("2025-06-18"),
    );
    answer.insert("x-agent", HeaderValue::from_static("yes"));
    answer.append(header::SET_COOKIE, HeaderValue::from_static("a=1"));
    answer.append(header::SET_COOKIE, HeaderValue::from_static("b=2"));
    answer.insert(
        header::WARNING,
        HeaderValue::from_bytes(b"caf\xe9").expect("a value"),
    );
    answer.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/x-session"),
    );
    response
}

async fn registry_with_agent(port: u16) -> Registry {
    let registry = Registry::with(&[("MCP_MESH_PROPAGATE_HEADERS", "x-tenant")]).await;
    let agent = json!({ "agent_id": "clock-1", "name": "clock",
        "http_host": "127.0.0.1", "http_port": port });
    registry.register(&agent).await;
    registry
}

#[tokio::test]
async fn a_call_reaches_the_agent_with_allowed_headers_only() {
    let port = agent().await;
    let registry = registry_with_agent(port).await;
    for host in ["127.0.0.1", "clock-1", "clock"] {
        let request = Request::post(format!("/proxy/{host}:{port}/mcp?dropped=1"))
            .header("authorization", "secret")
            .header("x-tenant", "blue")
            .header("x-trace-id", "t")
            .header("x-other", "no")
            .body(Body::from("hello"))
            .unwrap();
        let reply = registry.send_request(request).await;
        assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text);
        assert_eq!(reply.headers["x-agent"], "yes");
        assert_eq!(reply.text, "hello x-tenant,x-trace-id");
    }
}

#[tokio::test]
async fn a_stream_that_is_cut_by_the_deadline_says_so() {
    let port = agent().await;
    let registry = registry_with_agent(port).await;
    let request = Request::post(format!("/proxy/127.0.0.1:{port}/mcp/drip"))
        .header("x-mesh-timeout", "1")
        .body(Body::empty())
        .unwrap();
    let reply = tokio::time::timeout(Duration::from_secs(10), registry.send_request(request)).await;
    let text = reply.expect("the proxy keeps its deadline").text;
    assert_eq!(text, "data: 1\n\n\n: mesh-proxy-timeout budget=1s\n\n");
}

#[tokio::test]
async fn only_registered_agents_and_only_mcp() {
    let port = agent().await;
    let registry = registry_with_agent(port).await;
    let path = format!("/proxy/127.0.0.1:{port}/mcp");
    let reply = registry.send(Method::HEAD, &path, Body::empty()).await;
    assert_eq!(reply.status, 404, "only GET and POST go on");
    for (path, status, error) in [
        (
            "/proxy/127.0.0.1:1".to_owned(),
            400,
            "Invalid target format: missing path. Expected",
        ),
        (
            format!("/proxy/127.0.0.1:{port}/admin"),
            400,
            "Only /mcp/* paths are allowed",
        ),
        (
            format!("/proxy/127.0.0.1:{port}/mcp/../admin"),
            400,
            "Only /mcp/* paths are allowed",
        ),
        (
            "/proxy/127.0.0.1:1/mcp".to_owned(),
            403,
            "Target host '127.0.0.1:1' is not a registered",
        ),
        (format!("/proxy/evil:{port}/mcp"), 403, "Target host 'evil:"),
    ] {
        let reply = registry.send(Method::POST, &path, "x").await;
        assert_eq!(reply.status, status, "{path}");
        let text = reply.json()["error"].as_str().unwrap().to_owned();
        assert!(text.starts_with(error), "{text}");
    }
}

#[tokio::test]
async fn an_agent_that_wants_tls_is_not_reached_without_certificates() {
    let port = agent().await;
    let registry = registry_with_agent(port).await;
    let secure = json!({ "agent_id": "vault-1", "http_scheme": "https",
        "http_host": "localhost", "http_port": port });
    registry.register(&secure).await;
    let path = format!("/proxy/localhost:{port}/mcp");
    let reply = registry.send(Method::POST, &path, "x").await;
    assert_eq!(reply.status, 500, "{}", reply.text);
    let text = reply.json()["error"].as_str().unwrap().to_owned();
    assert!(text.starts_with("Proxy TLS misconfiguration: "), "{text}");
}

#[tokio::test]
async fn a_host_that_is_more_than_a_host_is_no_target() {
    let port = agent().await;
    let registry = registry_with_agent(port).await;
    let odd = json!({ "agent_id": "odd-1", "http_host": format!("127.0.0.1:{port}/admin?x="),
        "http_port": 7777 });
    registry.register(&odd).await;
    let reply = registry
        .send(Method::POST, "/proxy/odd-1:7777/mcp", "x")
        .await;
    assert_eq!(reply.status, 403, "{}", reply.text);
}

#[tokio::test]
async fn of_agents_with_one_name_a_healthy_one_is_called() {
    let port = agent().await;
    let registry = registry_with_agent(port).await;
    for n in 0..8 {
        let gone = json!({ "agent_id": format!("a-{n}"), "name": "clock",
            "http_host": "192.0.2.1", "http_port": port });
        registry.register(&gone).await;
        registry.leave(&format!("a-{n}")).await;
    }
    let path = format!("/proxy/clock:{port}/mcp");
    let reply = registry.send(Method::POST, &path, "x").await;
    assert_eq!(reply.status, 201, "{}", reply.text);
}

#[tokio::test]
async fn an_agent_that_does_not_answer_is_a_bad_gateway() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let registry = registry_with_agent(port).await;
    let reply = registry
        .send(Method::POST, &format!("/proxy/clock:{port}/mcp"), "x")
        .await;
    assert_eq!(reply.status, 502);
    let text = reply.json()["error"].as_str().unwrap().to_owned();
    assert!(text.starts_with("Failed to reach target agent: "), "{text}");
    assert!(text.contains("refused"), "the cause is named: {text}");
}

#[tokio::test]
async fn a_session_goes_both_ways_and_every_header_of_the_answer_comes_back() {
    let port = agent().await;
    let registry = registry_with_agent(port).await;
    let path = format!("/proxy/clock-1:{port}/mcp/session");
    for method in [Method::POST, Method::GET] {
        let request = Request::builder().method(method).uri(&path);
        let request = request.header("Mcp-Session-Id", "s-1").body(Body::empty());
        let reply = registry.send_request(request.unwrap()).await;
        assert_eq!(reply.text, "s-1", "the agent is told the caller's session");
        assert_eq!(reply.headers["mcp-session-id"], "s-2");
        assert_eq!(reply.headers["mcp-protocol-version"], "2025-06-18");
        assert_eq!(reply.headers["x-agent"], "yes");
        assert_eq!(reply.headers["content-type"], "text/x-session");
        assert_eq!(reply.headers["warning"], b"caf\xe9"[..], "bytes, not text");
        let cookies: Vec<_> = reply.headers.get_all(header::SET_COOKIE).iter().collect();
        assert_eq!(cookies, ["a=1", "b=2"], "repeated headers stay repeated");
    }
    let reply = registry.send(Method::POST, &path, "x").await;
    assert_eq!(reply.text, "none", "no session is made up");
}

#[tokio::test]
async fn the_first_piece_of_a_stream_does_not_wait_for_the_second() {
    let port = agent().await;
    let registry = registry_with_agent(port).await;
    let request = Request::post(format!("/proxy/127.0.0.1:{port}/mcp/drip"))
        .header("x-mesh-timeout", "600")
        .body(Body::empty())
        .unwrap();
    let router = mesh_registry::app(registry.app.clone());
    let response = router.oneshot(request).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    // The agent never sends a second piece, and the deadline is ten minutes away.
    let mut pieces = response.into_body().into_data_stream();
    let first = tokio::time::timeout(Duration::from_secs(10), pieces.next()).await;
    let first = first.expect("the first piece does not wait").unwrap();
    assert_eq!(first.unwrap(), "data: 1\n\n");
}

#[tokio::test]
async fn an_agent_at_an_address_of_version_6_is_called() {
    let Ok(listener) = TcpListener::bind("[::1]:0").await else {
        return; // This machine has no such address.
    };
    let port = serve(listener, Router::new().route("/mcp", post(session)));
    let registry = Registry::new().await;
    registry
        .register(&json!({ "agent_id": "six-1", "http_host": "::1", "http_port": port }))
        .await;
    for host in ["[::1]", "six-1"] {
        let path = format!("/proxy/{host}:{port}/mcp");
        let reply = registry.send(Method::POST, &path, "x").await;
        assert_eq!((reply.status.as_u16(), reply.text.as_str()), (200, "none"));
    }
    let path = format!("/proxy/::1:{port}/mcp");
    let reply = registry.send(Method::POST, &path, "x").await;
    assert_eq!(reply.status, 400, "without brackets, no port can be told");
}
