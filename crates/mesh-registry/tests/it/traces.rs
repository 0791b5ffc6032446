//! Traces from a real Redis, and from one that is away, silent or closed to us.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::Method;
use mesh_registry::Settings;
use mesh_registry::cli::Args;
use mesh_test::redis::Redis;
use redis::Connection;
use serde_json::{Value, json};

use crate::registry::{Registry, Reply};

const TRACE: &str = "0123456789abcdef0123456789abcdef";

async fn registry_at(url: &str) -> Registry {
    Registry::with(&[
        ("MCP_MESH_DISTRIBUTED_TRACING_ENABLED", "True"),
        ("REDIS_URL", url),
    ])
    .await
}

fn connect(url: &str) -> Connection {
    let client = redis::Client::open(url).expect("a URL");
    client.get_connection().expect("it answers")
}

/// Publishes a span of `TRACE` as agents in Python do.
fn publish(connection: &mut Connection, span: &[(&str, &str)]) {
    let common = [
        ("trace_id", TRACE),
        ("agent_ip", "10.0.0.4"),
        ("runtime", "python"),
    ];
    redis::cmd("XADD")
        .arg(&["mesh:trace", "*"])
        .arg([&common, span].concat())
        .exec(connection)
        .expect("it is taken");
}

/// A function of `web` calls one of `clock`, which fails; the last to end is published last.
fn publish_call(connection: &mut Connection) {
    publish(
        connection,
        &[
            ("span_id", "dd3c79ab372548ac"),
            ("parent_span", "5896ea054bf54a08"),
            ("function_name", "now"),
            ("agent_name", "clock"),
            ("agent_id", "clock-0ee137b7"),
            ("start_time", "1795329671.2356327"),
            ("end_time", "1795329671.2361002"),
            ("duration_ms", "0.47"),
            ("success", "False"),
            ("error", "no such zone"),
        ],
    );
    publish(
        connection,
        &[
            ("span_id", "5896ea054bf54a08"),
            ("parent_span", "null"),
            ("function_name", "proxy_call_wrapper"),
            ("agent_name", "web"),
            ("agent_id", "web-d3f927da"),
            ("start_time", "1795329671.1076581"),
            ("end_time", "1795329671.2432706"),
            ("duration_ms", "135.61"),
            ("success", "True"),
            ("error", "null"),
        ],
    );
}

async fn ask(registry: &Registry) -> Reply {
    let path = format!("/trace/{TRACE}");
    registry.send(Method::GET, &path, Body::empty()).await
}

/// The words of a refusal.
async fn refusal(registry: &Registry) -> (u16, Value, Value) {
    let reply = ask(registry).await;
    let body = reply.json();
    (
        reply.status.as_u16(),
        body["error"].clone(),
        body["hint"].clone(),
    )
}

fn length(connection: &mut Connection) -> u64 {
    let length = redis::cmd("XLEN").arg("mesh:trace").query(connection);
    length.expect("a stream")
}

#[tokio::test]
async fn a_trace_is_made_of_the_spans_in_the_stream() {
    let redis = Redis::start().expect("Redis");
    let mut connection = connect(&redis.url());
    let registry = registry_at(&redis.url()).await;
    let none = ask(&registry).await;
    assert_eq!(none.status, 404);
    assert_eq!(
        none.json(),
        json!({ "error": "trace not found", "trace_id": TRACE })
    );

    publish_call(&mut connection);
    // Of another trace, and of none.
    let other: [(&str, &str); 1] = [("trace_id", "ffffffffffffffffffffffffffffffff")];
    let mut add = redis::cmd("XADD");
    add.arg(&["mesh:trace", "*"]).arg(&other);
    add.exec(&mut connection).unwrap();
    redis::cmd("XADD")
        .arg(&["mesh:trace", "*", "trace", "x"])
        .exec(&mut connection)
        .unwrap();
    insta::assert_snapshot!(ask(&registry).await.text.replace(",\"", ",\n\""), @r#"
        {"TraceID":"0123456789abcdef0123456789abcdef",
        "Spans":[{"TraceID":"0123456789abcdef0123456789abcdef",
        "SpanID":"5896ea054bf54a08",
        "ParentSpan":null,
        "AgentName":"web",
        "AgentID":"web-d3f927da",
        "IPAddress":"10.0.0.4",
        "Operation":"proxy_call_wrapper",
        "StartTime":"2026-11-22T06:41:11.107658Z",
        "EndTime":"2026-11-22T06:41:11.243271Z",
        "DurationMS":135,
        "Success":true,
        "ErrorMessage":null,
        "Capability":null,
        "TargetAgent":"clock",
        "Runtime":"python"},{"TraceID":"0123456789abcdef0123456789abcdef",
        "SpanID":"dd3c79ab372548ac",
        "ParentSpan":"5896ea054bf54a08",
        "AgentName":"clock",
        "AgentID":"clock-0ee137b7",
        "IPAddress":"10.0.0.4",
        "Operation":"now",
        "StartTime":"2026-11-22T06:41:11.235633Z",
        "EndTime":"2026-11-22T06:41:11.2361Z",
        "DurationMS":0,
        "Success":false,
        "ErrorMessage":"no such zone",
        "Capability":null,
        "TargetAgent":null,
        "Runtime":"python"}],
        "StartTime":"2026-11-22T06:41:11.107658Z",
        "EndTime":"2026-11-22T06:41:11.243271Z",
        "Duration":135613000,
        "Success":false,
        "SpanCount":2,
        "AgentCount":2,
        "Agents":["web",
        "clock"]}
        "#);
    assert_eq!(length(&mut connection), 4, "nothing is consumed");
    assert_eq!(
        registry.get("/trace/status").await,
        json!({
            "enabled": true,
            "exporter_type": "none",
            "stream": {
                "stream_name": "mesh:trace",
                "connection_state": "connected",
                "stream_length": 4,
                "searched": 100_000,
            },
        })
    );
    assert_eq!(
        registry.get("/trace/stats").await,
        json!({
            "enabled": true,
            "stats_available": false,
            "reason": "statistics collection not enabled",
        })
    );
}

#[tokio::test]
async fn a_trace_is_found_however_many_came_after_it() {
    let redis = Redis::start().expect("Redis");
    let mut connection = connect(&redis.url());
    publish_call(&mut connection);
    let mut pipeline = redis::pipe();
    for _ in 0..5_500 {
        let add = pipeline
            .cmd("XADD")
            .arg(&["mesh:trace", "*", "trace_id", "other"]);
        add.ignore();
    }
    pipeline.exec(&mut connection).expect("they are taken");
    let registry = registry_at(&redis.url()).await;
    let trace = ask(&registry).await.json();
    assert_eq!(trace["SpanCount"], 2, "{trace}");
    assert_eq!(trace["Truncated"], Value::Null);
}

#[tokio::test]
async fn redis_may_come_late_and_be_restarted() {
    let mut redis = Redis::start().expect("Redis");
    redis.stop().expect("it stops");
    let registry = registry_at(&redis.url()).await;
    let (status, error, hint) = refusal(&registry).await;
    assert_eq!(status, 503);
    let error = error.as_str().expect("words");
    // Each system has words and a number of its own for it.
    assert!(error.starts_with("Redis, which holds the spans, does not answer: "));
    insta::assert_snapshot!(hint.as_str().expect("words"), @"start Redis, or set `REDIS_URL` of the registry and the agents to where it is");
    let state = registry.get("/trace/status").await;
    assert_eq!(state["stream"]["connection_state"], "disconnected");
    assert_eq!(state["reason"], error);
    for _ in 0..2 {
        redis.resume().expect("it starts");
        publish_call(&mut connect(&redis.url()));
        // Nothing was said to the registry, which has a connection that broke the second time.
        assert_eq!(ask(&registry).await.json()["SpanCount"], 2);
        redis.stop().expect("it stops");
    }
    assert_eq!(ask(&registry).await.status, 503);
    // It has never depended on it.
    registry.get("/health").await;
}

#[tokio::test]
async fn a_redis_that_says_nothing_is_waited_for_a_moment() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let url = format!("redis://{}", silent.local_addr().unwrap());
    let registry = registry_at(&url).await;
    let start = Instant::now();
    let (first, second) = tokio::join!(refusal(&registry), refusal(&registry));
    assert!(
        start.elapsed() < Duration::from_secs(12),
        "{:?}",
        start.elapsed()
    );
    for (status, error, _) in [first, second] {
        assert_eq!(status, 503);
        assert_eq!(error, "Redis, which holds the spans, takes too long");
    }
}

#[tokio::test]
async fn a_password_is_used_and_never_shown() {
    let redis = Redis::start().expect("Redis");
    let mut connection = connect(&redis.url());
    publish_call(&mut connection);
    let mut protect = redis::cmd("CONFIG");
    protect.arg(&["SET", "requirepass", "s3cret"]);
    protect.exec(&mut connection).expect("it has a password");
    let with = |login: &str| redis.url().replace("redis://", &format!("redis://{login}"));
    assert_eq!(ask(&registry_at(&with(":s3cret@")).await).await.status, 200);

    for (login, named) in [(":wr0ng@", "WRONGPASS"), ("", "NOAUTH")] {
        let registry = registry_at(&with(login)).await;
        let (status, error, hint) = refusal(&registry).await;
        assert_eq!(status, 503);
        let expected = format!("Redis, which holds the spans, answers with the error {named}");
        assert_eq!(error, expected);
        assert!(!hint.to_string().contains("wr0ng"), "{hint}");
        let state = registry.get("/trace/status").await.to_string();
        assert!(!state.contains("wr0ng"), "{state}");
    }
}

#[test]
fn a_url_that_leads_nowhere_is_refused_only_if_it_is_used() {
    let resolve = |switch: &str| {
        let variables = [
            ("MCP_MESH_DISTRIBUTED_TRACING_ENABLED", switch),
            ("REDIS_URL", "http://:s3cret@cache"),
        ];
        let environment = variables.into_iter().collect();
        Settings::resolve(Args::default(), &environment, "/".as_ref())
    };
    assert!(resolve("false").unwrap().traces.is_none());
    insta::assert_snapshot!(resolve("true").unwrap_err(), @"`REDIS_URL` is `http://***@cache`, which is not allowed: a URL such as `redis://localhost:6379`; `rediss:` and `unix:` work too");
    insta::assert_snapshot!(resolve("maybe").unwrap_err(), @"`MCP_MESH_DISTRIBUTED_TRACING_ENABLED` is `maybe`, which is not allowed: `true` or `false`");
}
