//! The registry's interface.

use std::time::Duration;

use mesh_client::{ClientError, ClientOptions, EventQuery, Ping, PingVerdict, RegistryClient};
use mesh_core::Hint;
use mesh_core::wire::{AnswerStatus, Registration};
use mesh_test::{Script, ScriptedServer};

fn client(server: &ScriptedServer) -> RegistryClient {
    RegistryClient::new(&format!("{}/", server.url()), ClientOptions::default()).expect("a URL")
}

/// What was asked, one line a request.
fn asked(server: &ScriptedServer) -> Vec<String> {
    let requests = server.requests();
    let lines = requests.iter();
    lines
        .map(|request| format!("{} {}", request.method, request.path))
        .collect()
}

#[tokio::test]
async fn each_method_asks_its_resource() {
    let server = ScriptedServer::start(|request| match request.path.as_str() {
        "/health" => Script::json(
            r#"{"status":"healthy","version":"1.0.0","uptime_seconds":1,"timestamp":"2026-01-02T03:04:05Z","service":"mcp-mesh-registry"}"#,
        ),
        "/ready" => Script::body(
            503,
            "application/json",
            r#"{"ready":false,"reason":"disk full","timestamp":"2026-01-02T03:04:05Z"}"#,
        ),
        "/heartbeat" => Script::json(
            r#"{"agent_id":"a-1","status":"error","message":"a cycle","timestamp":"2026-01-02T03:04:05Z","extra":1}"#,
        ),
        "/agents" => {
            Script::json(r#"{"agents":null,"count":0,"timestamp":"2026-01-02T03:04:05Z"}"#)
        }
        "/agents/a-1" => Script::status(204),
        _ => Script::json(r#"{"count":0,"events":[]}"#),
    });
    let client = client(&server);
    assert_eq!(client.base(), server.url());
    assert_eq!(client.health().await.unwrap().status, "healthy");
    assert_eq!(client.ready().await.unwrap().reason.unwrap(), "disk full");
    let answer = client.register(&Registration::default()).await.unwrap();
    assert_eq!(
        (answer.status, answer.message.as_str()),
        (AnswerStatus::Error, "a cycle")
    );
    assert!(client.agents().await.unwrap().agents.is_empty());
    assert!(
        client
            .agents_raw()
            .await
            .unwrap()
            .starts_with(b"{\"agents\":null")
    );
    client.leave("a-1").await.unwrap();
    let query = EventQuery {
        agent_id: Some("a b".to_owned()),
        limit: Some(3),
        ..EventQuery::default()
    };
    assert_eq!(client.events(&query).await.unwrap().count, 0);
    assert_eq!(
        client.proxy_endpoint("10.0.0.1:80"),
        format!("{}/proxy/10.0.0.1:80", server.url())
    );
    assert_eq!(
        asked(&server),
        [
            "GET /health",
            "GET /ready",
            "POST /heartbeat",
            "GET /agents",
            "GET /agents",
            "DELETE /agents/a-1",
            "GET /events?agent_id=a+b&limit=3",
        ]
    );
    assert_eq!(server.connections(), 1);
    assert_eq!(
        server.requests()[2].header("content-type"),
        Some("application/json")
    );
}

#[tokio::test]
async fn a_ping_is_current_changed_or_unknown() {
    let server = ScriptedServer::start(|request| {
        let status = request.path.rsplit('/').next().unwrap();
        Script::default().send(format!(
            "HTTP/1.1 {status} X\r\nX-Mesh-Pending-Jobs: 7\r\ncontent-length: 0\r\n\r\n"
        ))
    });
    let client = client(&server);
    for (status, verdict) in [
        ("200", PingVerdict::Current),
        ("202", PingVerdict::Changed),
        ("410", PingVerdict::Unknown),
    ] {
        let expected = Ping {
            verdict,
            pending_jobs: 7,
        };
        assert_eq!(client.ping(status, None).await.unwrap(), expected);
    }
    for status in ["503", "404", "500"] {
        let error = client.ping(status, None).await.unwrap_err();
        assert!(
            matches!(&error, ClientError::Refused { status: got, .. } if got.to_string() == status),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_refusal_carries_the_registrys_reason_and_advice() {
    let server = ScriptedServer::start(|_| {
        Script::body(
            503,
            "application/json",
            r#"{"error":"the database does not answer","hint":"free some space","timestamp":"2026-01-02T03:04:05Z"}"#,
        )
    });
    let error = client(&server).agents().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the registry at `{}` refused the request with 503: the database does not answer",
            server.url()
        )
    );
    assert_eq!(error.hint().as_deref(), Some("free some space"));
    assert!(error.is_transient());
}

#[tokio::test]
async fn what_is_no_registry_is_malformed_or_refused() {
    let server = ScriptedServer::start(|request| match request.path.as_str() {
        "/agents" => Script::body(200, "text/html", "<html>"),
        _ => Script::status(302),
    });
    let client = client(&server);
    let error = client.agents().await.unwrap_err();
    assert!(matches!(error, ClientError::Malformed { .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("MCP_MESH_REGISTRY_URL"));
    let error = client.health().await.unwrap_err();
    assert!(
        matches!(error, ClientError::Refused { status: 302, .. }),
        "a redirection is not followed: {error:?}"
    );
}

#[tokio::test]
async fn silence_ends_at_the_time_out() {
    let server = ScriptedServer::start(|_| Script::default().pause(Duration::from_secs(3)));
    let options = ClientOptions {
        timeout: Duration::from_millis(100),
        ..ClientOptions::default()
    };
    let client = RegistryClient::new(&server.url(), options).unwrap();
    let error = client.health().await.unwrap_err();
    assert!(matches!(error, ClientError::Timeout { .. }), "{error:?}");
    assert!(error.is_transient());
}

#[tokio::test]
async fn a_registry_that_is_away_is_unreachable() {
    let server = ScriptedServer::start(|_| Script::status(200));
    let client = client(&server);
    drop(server);
    let error = client.health().await.unwrap_err();
    assert!(
        matches!(error, ClientError::Unreachable { .. }),
        "{error:?}"
    );
    assert!(error.hint().unwrap().contains("meshctl start"));
}

#[test]
fn a_url_that_is_none_is_refused_at_once() {
    let error = RegistryClient::new("localhost:8000", ClientOptions::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`localhost:8000` is not the URL of a registry: scheme `localhost` is neither `http` nor `https`"
    );
    assert_eq!(
        error.hint().as_deref(),
        Some("set `MCP_MESH_REGISTRY_URL` to a URL such as `http://localhost:8000`")
    );
}

#[tokio::test]
async fn a_trace_is_read_and_kept_as_it_was_spelled() {
    const KNOWN: &str = r#"{"TraceID":"a1", "Spans":[{"SpanID":"b2","DurationMS":3}],"More":1.50}"#;
    let server = ScriptedServer::start(|request| match request.path.as_str() {
        "/trace/a1" => Script::json(KNOWN),
        "/trace/b%2F2" => Script::body(404, "application/json", r#"{"error":"trace not found"}"#),
        _ => Script::body(
            404,
            "application/json",
            r#"{"enabled":false,"error":"tracing not enabled"}"#,
        ),
    });
    let client = client(&server);
    let found = client.trace("a1").await.unwrap();
    assert_eq!(found.trace.spans[0].duration_ms, 3);
    assert_eq!(found.raw.get(), KNOWN);
    let absent = client.trace("b/2").await.unwrap_err();
    assert!(!absent.is_tracing_disabled(), "{absent}");
    let disabled = client.trace("c3").await.unwrap_err();
    assert!(disabled.is_tracing_disabled(), "{disabled}");
}
