//! The events that tell how a dependency was resolved.

use axum::http::Method;
use serde_json::{Value, json};

use crate::registry::{Registry, consumer, provider};

/// The audit events of `user-1`, oldest first.
async fn audit(registry: &Registry) -> Vec<Value> {
    let events = registry.get("/events?agent_id=user-1&limit=500").await;
    let events = events["events"].as_array().expect("a list");
    let of_audit = |event: &&Value| {
        let kind = event["event_type"].as_str();
        kind.is_some_and(|kind| kind.starts_with("dependency_"))
    };
    events.iter().rev().filter(of_audit).cloned().collect()
}

/// The audit in short: what happened, who won, who had won.
async fn story(registry: &Registry) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let short = |event: Value| {
        let (kind, data) = (text(&event["event_type"]), &event["data"]);
        let (chosen, prior) = (&data["chosen"]["agent_id"], &data["prior_chosen"]);
        format!("{kind} {} {}", text(chosen), text(prior))
    };
    audit(registry).await.into_iter().map(short).collect()
}

fn user() -> Value {
    consumer("user-1", &json!([{ "capability": "c" }]))
}

#[tokio::test]
async fn a_trace_tells_every_stage() {
    let registry = Registry::new().await;
    let offer = |id: &str, version: &str, tags: &[&str]| {
        json!({ "agent_id": id, "http_host": "10.0.0.5", "http_port": 9000, "tools": [{
            "function_name": "list", "capability": "employees", "version": version, "tags": tags,
            "outputSchemaHash": format!("sha256:{id}"),
            "outputSchemaCanonical": { "type": if id == "hr-5" { "string" } else { "object" } } }] })
    };
    for agent in [
        offer("hr-1", "1.2.0", &["fast", "py"]),
        offer("hr-2", "1.2.0", &["beta", "py"]),
        offer("hr-3", "1.0.0", &["go"]),
        offer("hr-4", "0.9.0", &["py"]),
        offer("hr-5", "1.2.0", &["py"]),
        offer("hr-6", "1.9.0", &["py"]),
        offer("hr-9", "1.2.0", &["py"]),
    ] {
        registry.register(&agent).await;
    }
    let mut requiring = offer("hr-8", "1.2.0", &["py"]);
    requiring["tools"][0]["dependencies"] = json!([{ "capability": "database", "required": true }]);
    registry.register(&requiring).await;
    registry.leave("hr-9").await;
    let needs = json!([{ "capability": "nothing" }, {
        "capability": "employees", "tags": ["+fast", "-beta", ["py", "ts"]], "version": ">=1.0.0",
        "matchMode": "subset", "expectedSchemaHash": "sha256:0",
        "expectedSchemaCanonical": { "type": "object" } }]);
    registry.register(&consumer("user-1", &needs)).await;
    let events = audit(&registry).await;
    assert_eq!(events.len(), 1, "a slot without candidates is not told");
    assert_eq!(events[0]["event_type"], "dependency_resolved");
    assert_eq!(events[0]["function_name"], "use");
    insta::assert_json_snapshot!(events[0]["data"]);
}

#[tokio::test]
async fn a_slot_with_one_candidate_is_not_told_until_it_is_lost() {
    let registry = Registry::new().await;
    registry.register(&user()).await;
    registry.register(&provider("p-1", &["c"])).await;
    registry.register(&user()).await;
    assert!(audit(&registry).await.is_empty());
    registry.leave("p-1").await;
    registry.register(&provider("p-1", &["c"])).await;
    assert_eq!(
        story(&registry).await,
        ["dependency_unresolved - p-1", "dependency_resolved p-1 -"]
    );
    let lost = &audit(&registry).await[0]["data"];
    assert_eq!(
        lost["stages"],
        json!([{ "stage": "health", "kept": [], "evicted": [{ "id": "p-1:do_c",
            "reason": "Unhealthy", "details": { "status": "unhealthy" } }] }])
    );
    assert_eq!(lost.get("chosen"), None);
}

#[tokio::test]
async fn whoever_is_turned_down_alone_is_told_and_so_is_another_function_of_the_winner() {
    let registry = Registry::new().await;
    registry.register(&provider("p-1", &["c"])).await;
    let picky = json!([{ "capability": "c", "tags": ["x"] }]);
    registry.register(&consumer("user-1", &picky)).await;
    assert_eq!(story(&registry).await, ["dependency_unresolved - -"]);

    let registry = Registry::new().await;
    let mut offer = provider("p-1", &["c"]);
    registry.register(&offer).await;
    registry.register(&user()).await;
    assert!(audit(&registry).await.is_empty(), "there was no choice");
    offer["tools"][0]["function_name"] = json!("another");
    registry.register(&offer).await;
    assert_eq!(story(&registry).await, ["dependency_resolved p-1 p-1"]);
    let chosen = &audit(&registry).await[0]["data"]["chosen"];
    assert_eq!(chosen["function_name"], "another");
}

#[tokio::test]
async fn a_choice_is_told_once_and_a_new_winner_again() {
    let registry = Registry::new().await;
    registry.register(&provider("p-2", &["c"])).await;
    registry.register(&provider("p-3", &["c"])).await;
    let mut user = user();
    for version in ["1", "2", "3"] {
        user["version"] = json!(version);
        registry.register(&user).await;
    }
    assert_eq!(story(&registry).await, ["dependency_resolved p-2 -"]);
    registry.register(&provider("p-1", &["c"])).await;
    registry.leave("p-1").await;
    registry.register(&provider("p-4", &["c"])).await;
    assert_eq!(
        story(&registry).await,
        [
            "dependency_resolved p-2 -",
            "dependency_resolved p-1 p-2",
            "dependency_resolved p-2 p-1",
            "dependency_resolved p-2 p-2",
        ],
        "the last one tells that p-4 lost"
    );
}

#[tokio::test]
async fn a_newcomer_who_loses_is_told_once_and_the_consumer_need_not_know() {
    let registry = Registry::new().await;
    let offer = |id: &str, tags: &[&str]| {
        json!({ "agent_id": id, "tools": [
            { "function_name": "do_c", "capability": "c", "tags": tags },
            { "function_name": "do_d", "capability": "d" }] })
    };
    let needs = json!([{ "capability": "c", "tags": ["x"] }, { "capability": "e" }]);
    registry.register(&consumer("user-1", &needs)).await;
    registry.register(&offer("p-1", &["x"])).await;
    registry.register(&consumer("user-1", &needs)).await;
    assert!(audit(&registry).await.is_empty(), "p-1 is alone");

    for (id, tags) in [("p-2", ["x"]), ("p-3", ["y"])] {
        let before = audit(&registry).await.len();
        for round in ["1", "2"] {
            let mut offer = offer(id, &tags);
            registry.register(&offer).await;
            registry.register(&offer).await;
            offer["version"] = json!(round);
            registry.register(&offer).await;
        }
        let events = audit(&registry).await;
        assert_eq!(events.len(), before + 1, "{id}: {events:?}");
    }
    assert_eq!(registry.ping("user-1").await, 200);
    let events = audit(&registry).await;
    for event in &events {
        assert_eq!(event["event_type"], "dependency_resolved");
        assert_eq!(event["data"]["chosen"]["agent_id"], "p-1");
        assert_eq!(event["data"]["prior_chosen"], "p-1");
    }
    let last = &events[1]["data"]["stages"];
    assert_eq!(last[2]["kept"], json!(["p-1:do_c", "p-2:do_c"]));
    assert_eq!(
        last[2]["evicted"],
        json!([{ "id": "p-3:do_c", "reason": "MissingTag",
            "details": { "missing": ["x"] } }])
    );
}

#[tokio::test]
async fn a_newcomer_who_does_not_suit_either_is_told() {
    let registry = Registry::new().await;
    let needs = json!([{ "capability": "c", "version": ">=2" }]);
    registry.register(&consumer("user-1", &needs)).await;
    let mut evicted = Vec::new();
    for id in ["p-1", "p-2"] {
        registry.register(&provider(id, &["c"])).await;
        let events = audit(&registry).await;
        let last = events.last().expect("the newcomer is told");
        assert_eq!(last["event_type"], "dependency_unresolved");
        let stages = last["data"]["stages"].as_array().unwrap();
        evicted.push(stages.last().unwrap()["evicted"].as_array().unwrap().len());
    }
    assert_eq!(evicted, [1, 2]);
}

#[tokio::test]
async fn the_loss_of_a_third_agent_is_told_with_its_reason() {
    let registry = Registry::new().await;
    registry.register(&provider("d-1", &["d"])).await;
    registry
        .register(
            &json!({ "agent_id": "p-1", "tools": [{ "function_name": "f", "capability": "c",
            "dependencies": [{ "capability": "d", "required": true }] }] }),
        )
        .await;
    registry.register(&user()).await;
    registry.leave("d-1").await;
    let events = audit(&registry).await;
    assert_eq!(events.len(), 1);
    assert_eq!(
        events[0]["data"]["stages"][0]["evicted"],
        json!([{ "id": "p-1:f", "reason": "Unavailable", "details": {
            "reason": "required dep 'd' unavailable (provider d-1 unhealthy)" } }])
    );
}

#[tokio::test]
async fn audits_survive_an_orderly_stop() {
    let registry = Registry::new().await;
    registry.register(&provider("p-1", &["c"])).await;
    registry.register(&provider("p-2", &["c"])).await;
    let reply = registry.send(Method::POST, "/heartbeat", user().to_string());
    assert_eq!(reply.await.status, 200);
    let registry = registry.restart(std::time::Duration::from_secs(1)).await;
    assert_eq!(story(&registry).await, ["dependency_resolved p-1 -"]);
}

#[tokio::test]
async fn a_crowd_of_candidates_is_counted_where_it_is_not_listed() {
    let registry = Registry::new().await;
    let tools: Vec<_> = (0..300)
        .map(|n| json!({ "function_name": format!("f{n:03}"), "capability": "c" }))
        .collect();
    registry
        .register(&json!({ "agent_id": "p-1", "tools": tools }))
        .await;
    registry.register(&user()).await;
    let events = audit(&registry).await;
    let stages = events[0]["data"]["stages"].as_array().unwrap();
    assert_eq!(stages[0]["kept"].as_array().unwrap().len(), 200);
    assert_eq!(stages[0]["omitted"], 100);
    assert_eq!(stages.last().unwrap()["chosen"], "p-1:f000");
}
