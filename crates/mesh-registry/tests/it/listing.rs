//! `GET /agents`.

use axum::body::Body;
use axum::http::Method;
use serde_json::json;

use crate::registry::{Registry, consumer, provider};

#[tokio::test]
async fn an_agent_is_listed_with_what_it_offers_and_needs() {
    let registry = Registry::new().await;
    assert_eq!(
        registry.get("/agents").await["agents"],
        json!([]),
        "never null"
    );
    registry.register(&provider("clock-1", &["time"])).await;
    let mut report = consumer(
        "report-1",
        &json!([{ "capability": "time" }, { "capability": "staff", "tags": ["+fast", ["a", "b"]] }]),
    );
    report["name"] = json!("report");
    report["tools"][0]["kwargs"] = json!({ "task": true });
    registry.register(&report).await;
    let list = registry.get("/agents?capabilities=use").await;
    insta::assert_json_snapshot!(list, @r#"
    {
      "agents": [
        {
          "a2a_consumer": false,
          "a2a_producer": false,
          "agent_type": "mcp_agent",
          "capabilities": [
            {
              "available": true,
              "description": "",
              "function_name": "use",
              "name": "use",
              "tags": [],
              "task": true,
              "version": "1.0.0"
            }
          ],
          "created_at": "2026-09-21T14:13:20Z",
          "dependencies_resolved": 1,
          "dependency_resolutions": [
            {
              "capability": "time",
              "endpoint": "http://127.0.0.1:9001",
              "function_name": "use",
              "mcp_tool": "do_time",
              "provider_agent_id": "clock-1",
              "status": "available"
            },
            {
              "capability": "staff",
              "function_name": "use",
              "status": "unresolved",
              "tags": [
                "+fast"
              ]
            }
          ],
          "description": "",
          "endpoint": "http://127.0.0.1:9002",
          "id": "report-1",
          "last_seen": "2026-09-21T14:13:20Z",
          "llm_provider_resolutions": [],
          "llm_tool_resolutions": [],
          "name": "report",
          "runtime": "python",
          "status": "healthy",
          "total_dependencies": 2,
          "version": ""
        }
      ],
      "count": 1,
      "timestamp": "2026-09-21T14:13:20Z"
    }
    "#);
}

#[tokio::test]
async fn filters_narrow_the_list() {
    let registry = Registry::new().await;
    let mut clock = provider("clock-1", &["time.now"]);
    clock["namespace"] = json!("prod");
    registry.register(&clock).await;
    registry.register(&provider("maths-1", &["calc"])).await;
    registry.leave("maths-1").await;
    for (query, expected) in [
        ("", vec!["clock-1", "maths-1"]),
        ("?namespace=prod", vec!["clock-1"]),
        ("?status=unhealthy", vec!["maths-1"]),
        ("?type=api", vec![]),
        ("?capabilities=calc&capabilities=none", vec!["maths-1"]),
        ("?capabilities=TIME", vec![]),
        ("?capabilities=TIME&fuzzy=true", vec!["clock-1"]),
        ("?tags=ignored", vec!["clock-1", "maths-1"]),
    ] {
        let list = registry.get(&format!("/agents{query}")).await;
        let ids: Vec<_> = list["agents"]
            .as_array()
            .unwrap()
            .iter()
            .map(|a| &a["id"])
            .collect();
        assert_eq!(ids, expected, "{query}");
    }
    let unavailable = registry.get("/agents?status=unhealthy").await;
    let capability = &unavailable["agents"][0]["capabilities"][0];
    assert_eq!(capability["available"], false);
    assert_eq!(capability["unavailable_reason"], "agent unhealthy");
}

#[tokio::test]
async fn bad_parameters_are_named() {
    let registry = Registry::new().await;
    let reply = registry
        .send(Method::GET, "/agents?fuzzy=perhaps", Body::empty())
        .await;
    assert_eq!(reply.status, 400);
    let error = reply.json()["error"].as_str().unwrap().to_owned();
    assert!(
        error.starts_with("Invalid query parameters: fuzzy: `perhaps`"),
        "{error}"
    );

    let reply = registry
        .send(Method::GET, "/events?limit=abc", Body::empty())
        .await;
    assert_eq!(reply.status, 400);
    let message = "Invalid format for parameter limit: `abc` is not a whole number";
    assert_eq!(reply.json(), json!({ "msg": message }));
}

#[tokio::test]
async fn a_list_is_never_null_however_empty() {
    let registry = Registry::new().await;
    for (path, list) in [
        ("/agents", "agents"),
        ("/events", "events"),
        ("/schemas", "schemas"),
        ("/jobs", "jobs"),
        ("/a2a/agents", "surfaces"),
        ("/admin/entities", "entities"),
    ] {
        assert_eq!(registry.get(path).await[list], json!([]), "{path}");
    }

    let bare = json!({ "agent_id": "bare-1", "tools": null, "surfaces": null });
    registry.register(&bare).await;
    let entry = registry.get("/agents").await["agents"][0].clone();
    for list in [
        "capabilities",
        "dependency_resolutions",
        "llm_tool_resolutions",
        "llm_provider_resolutions",
    ] {
        assert_eq!(entry[list], json!([]), "{list}");
    }
    registry
        .register(&json!({ "agent_id": "bare-1", "tools": [
            { "function_name": "f", "capability": "c", "tags": null, "dependencies": null },
        ] }))
        .await;
    let entry = registry.get("/agents").await["agents"][0].clone();
    assert_eq!(entry["capabilities"][0]["tags"], json!([]));

    let post = async |path: &str, body: serde_json::Value| {
        let reply = registry.send(Method::POST, path, body.to_string()).await;
        assert!(reply.status.is_success(), "{path}: {}", reply.text);
        reply.json()
    };
    let claim = json!({ "capability": "c", "instance_id": "bare-1" });
    assert_eq!(post("/jobs/claim", claim).await["claimed"], json!([]));
    let job = json!({ "capability": "c", "submitted_by": "t", "submitted_payload": {} });
    let job = post("/jobs", job).await;
    let id = job["id"].as_str().unwrap();
    let events = registry.get(&format!("/jobs/{id}/events")).await;
    assert_eq!(events["events"], json!([]));
    let claim = json!({ "capability": "c", "instance_id": "bare-1" });
    post("/jobs/claim", claim).await;
    let delta = json!({ "id": id, "claim_epoch": 1, "progress": 0.5 });
    let batch = json!({ "instance_id": "bare-1", "deltas": [delta] });
    assert_eq!(post("/jobs/batch", batch).await["rejected"], json!([]));
}

/// White space between tokens, as some clients send it.
const SPACED: &str = "{ \"n\" : [ 1 , { } ] ,\n \"text\" : \" as it is \" }";

#[tokio::test]
async fn answers_are_compact_however_bodies_are_spaced() {
    let registry = Registry::new().await;
    let hash = mesh_core::schema::hash_canonical(SPACED).unwrap();
    let agent = format!(
        r#"{{ "agent_id" : "a-1", "http_host" : "h", "http_port" : 1, "tools" : [ {{
            "function_name" : "f", "capability" : "c", "kwargs" : {SPACED},
            "inputSchema" : {SPACED}, "outputSchemaCanonical" : {SPACED},
            "outputSchemaHash" : "{hash}", "llm_filter" : {{ "filter" : [ "c" ] }},
            "dependencies" : [ {{ "capability" : "c", "tags" : [ "+x", [ "y" ] ] }} ] }} ] }}"#
    );
    let job = format!(
        r#"{{ "capability" : "c", "submitted_by" : "t", "submitted_payload" : {SPACED} }}"#
    );
    let claim = r#"{ "capability" : "c", "instance_id" : "a-1" }"#.to_owned();
    let mut answers = Vec::new();
    for (path, body) in [
        ("/heartbeat", &agent),
        ("/heartbeat", &agent),
        ("/jobs", &job),
        ("/jobs/claim", &claim),
    ] {
        answers.push(registry.send(Method::POST, path, body.clone()).await);
    }
    let id = answers[2].json()["id"].as_str().unwrap().to_owned();
    let event = format!(r#"{{ "type" : "go", "payload" : {SPACED}, "trace_context" : {SPACED} }}"#);
    let delta = format!(r#"{{ "id" : "{id}", "status" : "completed", "result" : {SPACED} }}"#);
    let batch = format!(r#"{{ "instance_id" : "a-1", "deltas" : [ {delta} ] }}"#);
    for (path, body) in [
        (format!("/jobs/{id}/events"), event),
        ("/jobs/batch".to_owned(), batch),
        ("/jobs".to_owned(), "{ }".to_owned()),
    ] {
        answers.push(registry.send(Method::POST, &path, body).await);
    }
    for path in [
        "/agents",
        "/events",
        "/schemas",
        "/jobs",
        &format!("/jobs/{id}"),
        &format!("/jobs/{id}/events"),
        "/health",
        "/trace/stats",
    ] {
        answers.push(registry.send(Method::GET, path, Body::empty()).await);
    }
    for answer in answers {
        let compact = answer.json().to_string();
        assert_eq!(answer.text.len(), compact.len(), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_list_has_a_length_by_default_and_one_at_most() {
    let registry = Registry::new().await;
    for number in 0..60 {
        let agent = json!({ "agent_id": format!("a-{number}") });
        registry.register(&agent).await;
    }
    for (query, length) in [
        ("", 50),
        ("?limit=0", 1),
        ("?limit=-7", 1),
        ("?limit=9999", 60),
    ] {
        let list = registry.get(&format!("/events{query}")).await;
        assert_eq!(list["count"], length, "{query}");
        assert_eq!(list["events"].as_array().unwrap().len(), length, "{query}");
    }
}
