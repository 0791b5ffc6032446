//! `POST` and `HEAD /heartbeat`.

use axum::http::Method;
use serde_json::json;

use crate::registry::{Registry, consumer, provider};

#[tokio::test]
async fn answers_are_positional_and_unresolved_slots_keep_their_place() {
    let registry = Registry::new().await;
    let mut clock = provider("clock-1", &["time"]);
    clock["tools"][0]["kwargs"] = json!({ "z": 1, "a": { "y": 1, "b": 2 } });
    registry.register(&clock).await;
    let needs =
        json!([{ "capability": "employees" }, { "capability": "time" }, { "capability": "" }]);
    let answer = registry.register(&consumer("report-1", &needs)).await;
    insta::assert_json_snapshot!(answer, @r#"
    {
      "agent_id": "report-1",
      "dependencies_resolved": {
        "use": [
          {
            "agent_id": "",
            "capability": "employees",
            "endpoint": "",
            "function_name": "",
            "status": "unresolved"
          },
          {
            "agent_id": "clock-1",
            "capability": "time",
            "endpoint": "http://127.0.0.1:9001",
            "function_name": "do_time",
            "kwargs": {
              "a": {
                "b": 2,
                "y": 1
              },
              "z": 1
            },
            "status": "available"
          },
          {
            "agent_id": "",
            "capability": "",
            "endpoint": "",
            "function_name": "",
            "status": "unresolved"
          }
        ]
      },
      "llm_tools": {},
      "message": "Agent registered via heartbeat",
      "status": "success",
      "timestamp": "2026-09-21T14:13:20Z"
    }
    "#);
}

#[tokio::test]
async fn an_unchanged_registration_gets_the_same_bytes() {
    let registry = Registry::new().await;
    registry.register(&provider("clock-1", &["time"])).await;
    let mut report = consumer("report-1", &json!([{ "capability": "time" }]));
    registry.register(&report).await;
    report["timestamp"] = json!("2026-01-01T00:00:00Z");
    let first = registry
        .send(Method::POST, "/heartbeat", report.to_string())
        .await
        .text;
    report["timestamp"] = json!("2026-01-01T00:00:05Z");
    let second = registry
        .send(Method::POST, "/heartbeat", report.to_string())
        .await
        .text;
    assert_eq!(
        first, second,
        "the clock stands still, so nothing may differ"
    );
    assert!(first.contains("Agent updated via heartbeat"), "{first}");
}

#[tokio::test]
async fn only_consumers_whose_answer_differs_are_told() {
    let registry = Registry::new().await;
    registry
        .register(&consumer("needs-time", &json!([{ "capability": "time" }])))
        .await;
    registry
        .register(&consumer(
            "needs-other",
            &json!([{ "capability": "other" }]),
        ))
        .await;
    assert_eq!(registry.ping("needs-time").await, 200);

    registry.register(&provider("clock-1", &["time"])).await;
    assert_eq!(registry.ping("needs-time").await, 202);
    assert_eq!(
        registry.ping("needs-time").await,
        202,
        "until it has fetched the answer"
    );
    assert_eq!(registry.ping("needs-other").await, 200);
    assert_eq!(registry.ping("clock-1").await, 200);

    let needs = consumer("needs-time", &json!([{ "capability": "time" }]));
    let answer = registry.register(&needs).await;
    assert_eq!(
        answer["dependencies_resolved"]["use"][0]["agent_id"],
        "clock-1"
    );
    assert_eq!(registry.ping("needs-time").await, 200);

    // A second provider that loses the tie changes nobody's answer.
    registry.register(&provider("clock-2", &["time"])).await;
    assert_eq!(registry.ping("needs-time").await, 200);
    // A live change of the winner does.
    let mut moved = provider("clock-1", &["time"]);
    moved["http_port"] = json!(9999);
    registry.register(&moved).await;
    assert_eq!(registry.ping("needs-time").await, 202);
}

#[tokio::test]
async fn a_ping_does_not_know_strangers() {
    let registry = Registry::new().await;
    assert_eq!(registry.ping("nobody").await, 410);
    assert_eq!(registry.ping("No_Such%20Id").await, 410);
    for path in ["%FF", "a%2Fb", "%00"] {
        assert_eq!(registry.ping(path).await, 410, "{path}");
        assert_eq!(registry.leave(path).await, 204, "{path}");
    }
}

#[tokio::test]
async fn every_post_replaces_what_was_said_before() {
    let registry = Registry::new().await;
    let mut agent = provider("clock-1", &["time", "date"]);
    agent["version"] = json!("2.0.0");
    agent["agent_type"] = json!("a2a");
    registry.register(&agent).await;
    registry.register(&json!({ "agent_id": "clock-1" })).await;
    let listed = &registry.get("/agents").await["agents"][0];
    assert_eq!(listed["capabilities"], json!([]));
    assert_eq!(
        (&listed["version"], &listed["agent_type"]),
        (&json!(""), &json!("mcp_agent"))
    );
    assert_eq!(listed["endpoint"], "stdio://clock-1");
}

#[tokio::test]
async fn refusals_are_answers_that_people_can_read() {
    let registry = Registry::new().await;
    for (body, message) in [
        (
            json!({ "agent_id": "Bad_Id" }),
            "validation failed: agent_id: `Bad_Id`",
        ),
        (
            json!({ "agent_id": "a", "agent_type": "robot" }),
            "validation failed: agent_type:",
        ),
        (
            json!({ "agent_id": "a", "runtime": "cobol" }),
            "validation failed: runtime:",
        ),
        (
            json!({ "agent_id": "a", "http_scheme": "ftp" }),
            "validation failed: http_scheme: `ftp` is none of `http`, `https`",
        ),
        (
            json!({ "agent_id": "a".repeat(254) }),
            "validation failed: agent_id:",
        ),
    ] {
        let reply = registry
            .send(Method::POST, "/heartbeat", body.to_string())
            .await;
        assert_eq!(reply.status, 200);
        let answer = reply.json();
        assert_eq!(answer["status"], "error");
        let text = answer["message"].as_str().unwrap();
        assert!(text.starts_with(message), "{text}");
        assert!(answer.get("dependencies_resolved").is_none());
    }
    assert_eq!(registry.get("/agents").await["count"], 0);
}

#[tokio::test]
async fn what_is_not_a_registration_is_a_bad_request() {
    let registry = Registry::with(&[("MCP_MESH_MAX_REQUEST_BODY_BYTES", "1000")]).await;
    for (body, status, error) in [
        ("", 400, "Invalid JSON payload: expected a JSON object"),
        ("{", 400, "Invalid JSON payload: EOF while parsing"),
        (
            "[\"a\"]",
            400,
            "Invalid JSON payload: expected a JSON object",
        ),
        (
            r#"{"agent_id":7}"#,
            400,
            "Invalid JSON payload: invalid type",
        ),
        (
            r#"{"agent_id":"a","tools":{}}"#,
            400,
            "Invalid JSON payload: invalid type",
        ),
        (
            r#"{"agent_id":"a","http_port":"80"}"#,
            400,
            "Invalid JSON payload: invalid type",
        ),
        (
            r#"{"agent_id":"a","tools":[{"function_name":"f","capability":"c","kwargs":{"n":1e999}}]}"#,
            400,
            "Invalid JSON payload: `kwargs` of the tool `f`: number out of range",
        ),
        (
            r#"{"agent_id":"a","tools":[{"function_name":"f","capability":"c","kwargs":5}]}"#,
            400,
            "Invalid JSON payload: `kwargs` of the tool `f`: invalid type",
        ),
        (
            r#"{"agent_id":"a","tools":[{"function_name":"f","capability":"c","llm_filter":{"x":"\ud800"}}]}"#,
            400,
            "Invalid JSON payload: `llm_filter` of the tool `f`: ",
        ),
        (
            &format!(
                r#"{{"agent_id":"a","tools":[{{"llm_provider":{{"x":{}1{}}}}}]}}"#,
                "[".repeat(200),
                "]".repeat(200)
            ),
            400,
            "Invalid JSON payload: `llm_provider` of the tool ``: recursion limit",
        ),
        (
            // A consumer's answer has levels of its own around it.
            &format!(
                r#"{{"agent_id":"a","tools":[{{"function_name":"f","kwargs":{{"x":{}1{}}}}}]}}"#,
                "[".repeat(100),
                "]".repeat(100)
            ),
            400,
            "Invalid JSON payload: `kwargs` of the tool `f`: it nests deeper than 100 levels",
        ),
        ("{}", 400, "agent_id is required"),
        (r#"{"agent_id":null}"#, 400, "agent_id is required"),
        (
            &"x".repeat(1001),
            413,
            "the request body exceeds 1000 bytes",
        ),
    ] {
        let reply = registry
            .send(Method::POST, "/heartbeat", body.to_owned())
            .await;
        assert_eq!(reply.status, status, "{body}");
        let text = reply.json()["error"].as_str().unwrap().to_owned();
        assert!(text.starts_with(error), "{text}");
    }
}
