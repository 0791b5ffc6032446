//! Required dependencies: who is available, who is told, and what is refused.

use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};

use crate::registry::{Registry, consumer, provider};

/// An agent whose tool offers `capability` and requires each of `needs`.
fn link(id: &str, capability: &str, needs: &[&str]) -> Value {
    let needs: Vec<_> = needs
        .iter()
        .map(|name| json!({ "capability": name, "required": true }))
        .collect();
    json!({
        "agent_id": id, "http_host": "127.0.0.1", "http_port": 9003,
        "tools": [{ "function_name": "f", "capability": capability, "dependencies": needs }],
    })
}

/// The provider of the first dependency of the answer's function `use`.
fn wired(answer: &Value) -> &str {
    answer["dependencies_resolved"]["use"][0]["agent_id"]
        .as_str()
        .expect("an id or the empty text")
}

/// Why the first capability of `id` is not available; the empty text if it is.
async fn reason(registry: &Registry, id: &str) -> String {
    let list = registry.get("/agents").await;
    let agents = list["agents"].as_array().expect("a list");
    let agent = agents.iter().find(|agent| agent["id"] == id);
    let capability = &agent.expect("the agent is listed")["capabilities"][0];
    let reason = capability["unavailable_reason"].as_str();
    assert_eq!(capability["available"], reason.is_none(), "{capability}");
    reason.unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_loss_spreads_along_required_edges_and_its_return_mends_it() {
    let registry = Registry::new().await;
    registry.register(&link("b-1", "b", &["c"])).await;
    registry.register(&provider("c-1", &["c"])).await;
    let user = consumer("user-1", &json!([{ "capability": "b" }]));
    assert_eq!(wired(&registry.register(&user).await), "b-1");
    let bystander = consumer("other-1", &json!([{ "capability": "d" }]));
    registry.register(&bystander).await;

    registry.leave("c-1").await;
    assert_eq!(registry.ping("user-1").await, 202);
    assert_eq!(registry.ping("other-1").await, 200);
    assert_eq!(registry.ping("b-1").await, 202, "its own slot is empty");
    assert_eq!(wired(&registry.register(&user).await), "");
    assert_eq!(registry.ping("user-1").await, 200);
    assert_eq!(
        reason(&registry, "b-1").await,
        "required dep 'c' unavailable (provider c-1 unhealthy)"
    );

    registry.register(&provider("c-1", &["c"])).await;
    assert_eq!(registry.ping("user-1").await, 202);
    assert_eq!(wired(&registry.register(&user).await), "b-1");
    assert_eq!(reason(&registry, "b-1").await, "");
}

#[tokio::test]
async fn a_long_chain_falls_and_rises_as_one() {
    let registry = Registry::new().await;
    for n in 1..20 {
        let needs = format!("c{}", n - 1);
        let agent = link(&format!("a-{n}"), &format!("c{n}"), &[&needs]);
        registry.register(&agent).await;
    }
    let user = consumer("user-1", &json!([{ "capability": "c19" }]));
    assert_eq!(wired(&registry.register(&user).await), "");
    assert_eq!(
        reason(&registry, "a-2").await,
        "required dep 'c1' unavailable (provider a-1 unavailable)"
    );
    registry.register(&provider("root", &["c0"])).await;
    assert_eq!(registry.ping("user-1").await, 202);
    assert_eq!(wired(&registry.register(&user).await), "a-19");

    registry.clock.advance(Duration::from_secs(15));
    for n in 1..20 {
        registry.ping(&format!("a-{n}")).await;
    }
    registry.ping("user-1").await;
    registry.clock.advance(Duration::from_secs(6));
    registry.app.age_silent_agents().await;
    assert_eq!(registry.ping("user-1").await, 202, "the root went silent");
    assert_eq!(wired(&registry.register(&user).await), "");
}

#[tokio::test]
async fn an_optional_edge_does_not_spread() {
    let registry = Registry::new().await;
    registry
        .register(&consumer("b-1", &json!([{ "capability": "c" }])))
        .await;
    let user = consumer("user-1", &json!([{ "capability": "use" }]));
    assert_eq!(wired(&registry.register(&user).await), "b-1");
    assert_eq!(reason(&registry, "b-1").await, "");
}

#[tokio::test]
async fn a_replica_that_is_not_hit_takes_over() {
    let registry = Registry::new().await;
    registry.register(&provider("c-1", &["c"])).await;
    registry.register(&link("b-1", "b", &["c"])).await;
    registry.register(&provider("b-2", &["b"])).await;
    let user = consumer("user-1", &json!([{ "capability": "b" }]));
    assert_eq!(wired(&registry.register(&user).await), "b-1");
    registry.leave("c-1").await;
    assert_eq!(registry.ping("user-1").await, 202);
    assert_eq!(wired(&registry.register(&user).await), "b-2");
    registry.register(&provider("c-2", &["c"])).await;
    assert_eq!(registry.ping("user-1").await, 202);
    assert_eq!(wired(&registry.register(&user).await), "b-1");
}

#[tokio::test]
async fn functions_are_judged_one_by_one_even_under_one_capability() {
    let registry = Registry::new().await;
    registry
        .register(&json!({ "agent_id": "b-1", "tools": [
            { "function_name": "a_needy", "capability": "b",
              "dependencies": [{ "capability": "c", "required": true }] },
            { "function_name": "z_free", "capability": "b" },
        ] }))
        .await;
    let user = consumer("user-1", &json!([{ "capability": "b" }]));
    let answer = registry.register(&user).await;
    assert_eq!(
        answer["dependencies_resolved"]["use"][0]["function_name"],
        "z_free"
    );
    registry.register(&provider("c-1", &["c"])).await;
    assert_eq!(registry.ping("user-1").await, 202);
    let answer = registry.register(&user).await;
    assert_eq!(
        answer["dependencies_resolved"]["use"][0]["function_name"],
        "a_needy"
    );
}

#[tokio::test]
async fn a_listing_says_why_a_capability_is_not_available() {
    let registry = Registry::new().await;
    registry.register(&provider("c-1", &["c"])).await;
    registry.register(&link("b-1", "b", &["missing"])).await;
    let needy = |need: Value| {
        json!({ "agent_id": "a-1", "tools": [
            { "function_name": "f", "capability": "a", "dependencies": [need] }] })
    };
    for (need, expected) in [
        (
            json!({ "capability": "d", "required": true, "tags": ["+fast"] }),
            "required dep 'd' unresolved",
        ),
        (
            json!({ "capability": "c", "required": true, "version": ">=2", "matchMode": "strict",
                "tags": ["x", "-y", ["p", "q"]], "expectedSchemaHash": "sha256:1" }),
            "required dep 'c' unresolved (no provider matches tags=[x -y (p|q)], version >=2, \
             schema=strict)",
        ),
        (
            json!({ "capability": "c", "required": true, "version": ">=2" }),
            "required dep 'c' unresolved (no provider matches version >=2)",
        ),
        (
            json!({ "capability": "b", "required": true }),
            "required dep 'b' unavailable (provider b-1 unavailable)",
        ),
        (json!({ "capability": "c", "required": true }), ""),
        (
            json!({ "capability": "", "required": true }),
            "required dep '' unresolved",
        ),
    ] {
        registry.register(&needy(need.clone())).await;
        assert_eq!(reason(&registry, "a-1").await, expected, "{need}");
    }
    registry.leave("a-1").await;
    assert_eq!(reason(&registry, "a-1").await, "agent unhealthy");
}

async fn message(registry: &Registry, agent: &Value) -> String {
    let reply = registry
        .send(Method::POST, "/heartbeat", agent.to_string())
        .await;
    assert_eq!(reply.status, 200);
    let answer = reply.json();
    assert_eq!(answer["status"], "error", "{answer}");
    assert!(answer.get("dependencies_resolved").is_none());
    answer["message"].as_str().expect("a text").to_owned()
}

#[tokio::test]
async fn a_registration_that_closes_a_cycle_is_refused_and_changes_nothing() {
    let registry = Registry::new().await;
    registry.register(&link("a-1", "a", &["b"])).await;
    registry.register(&provider("b-1", &["b"])).await;
    let closing = link("b-1", "b", &["a"]);
    assert_eq!(
        message(&registry, &closing).await,
        "required dependency cycle: b → a → b"
    );
    assert_eq!(reason(&registry, "b-1").await, "");
    assert_eq!(
        message(&registry, &link("c-1", "c", &["c"])).await,
        "required dependency cycle: c → c"
    );
    let list = registry.get("/agents").await;
    assert_eq!(list["count"], 2);
    assert_eq!(registry.ping("c-1").await, 410);
    assert_eq!(
        registry.get("/events?agent_id=b-1").await["count"],
        1,
        "nothing happened to it"
    );

    // An agent that is gone still counts, until it says otherwise.
    registry.leave("a-1").await;
    message(&registry, &closing).await;
    registry.register(&link("a-1", "a", &[])).await;
    registry.register(&closing).await;
    assert_eq!(reason(&registry, "b-1").await, "");
}

#[tokio::test]
async fn an_agent_may_turn_its_own_edge_around() {
    let registry = Registry::new().await;
    registry.register(&link("a-1", "a", &["b"])).await;
    let turned = json!({ "agent_id": "a-1", "tools": [
        { "function_name": "f", "capability": "a" },
        { "function_name": "g", "capability": "b",
          "dependencies": [{ "capability": "a", "required": true }] },
    ] });
    registry.register(&turned).await;
    registry.register(&link("x-1", "x", &["b"])).await;
    assert_eq!(
        message(&registry, &link("a-2", "a", &["x"])).await,
        "required dependency cycle: a → x → b → a"
    );
}

#[tokio::test]
async fn two_halves_of_a_cycle_at_the_same_time_are_not_both_admitted() {
    for _ in 0..20 {
        let registry = Registry::new().await;
        let (left, right) = (link("a-1", "a", &["b"]), link("b-1", "b", &["a"]));
        let post = |agent: &Value| registry.send(Method::POST, "/heartbeat", agent.to_string());
        let (left, right) = tokio::join!(post(&left), post(&right));
        let mut outcomes = [left.json(), right.json()].map(|answer| answer["status"].clone());
        outcomes.sort_by_key(ToString::to_string);
        assert_eq!(outcomes, ["error", "success"]);
    }
}

#[tokio::test]
async fn a_restart_judges_as_before() {
    let registry = Registry::new().await;
    registry.register(&link("b-1", "b", &["c"])).await;
    registry.register(&link("a-1", "a", &["b"])).await;
    let user = consumer("user-1", &json!([{ "capability": "a" }]));
    registry.register(&user).await;
    let before = registry.get("/agents").await["agents"].clone();
    let registry = registry.restart(Duration::from_secs(1)).await;
    assert_eq!(registry.get("/agents").await["agents"], before);
    assert_eq!(registry.ping("user-1").await, 200);
    registry.register(&provider("c-1", &["c"])).await;
    assert_eq!(registry.ping("user-1").await, 202);
    let registry = registry.restart(Duration::from_secs(1)).await;
    assert_eq!(reason(&registry, "a-1").await, "");
    assert_eq!(registry.ping("user-1").await, 202);
    assert_eq!(
        message(&registry, &link("c-1", "c", &["a"])).await,
        "required dependency cycle: c → a → b → c"
    );
}

#[tokio::test]
async fn the_first_alternative_that_resolves_is_wired() {
    let registry = Registry::new().await;
    let user = consumer(
        "user-1",
        &json!([[{ "capability": "gold" }, { "capability": "silver", "version": ">=1" },
            { "capability": "bronze" }]]),
    );
    let slot = |answer: &Value| {
        let slot = &answer["dependencies_resolved"]["use"][0];
        (slot["capability"].clone(), slot["status"].clone())
    };
    let answer = registry.register(&user).await;
    assert_eq!(slot(&answer), (json!("gold"), json!("unresolved")));
    for name in ["bronze", "silver", "gold"] {
        registry
            .register(&provider(&format!("{name}-1"), &[name]))
            .await;
        assert_eq!(registry.ping("user-1").await, 202, "{name} is better");
        let answer = registry.register(&user).await;
        assert_eq!(slot(&answer), (json!(name), json!("available")));
    }
    registry.leave("silver-1").await;
    assert_eq!(registry.ping("user-1").await, 200, "it was not in use");
    registry.leave("gold-1").await;
    assert_eq!(registry.ping("user-1").await, 202);
    let answer = registry.register(&user).await;
    assert_eq!(slot(&answer), (json!("bronze"), json!("available")));
    let listed = registry.get("/agents?capabilities=use").await;
    let listed = &listed["agents"][0]["dependency_resolutions"][0];
    assert_eq!(listed["capability"], "bronze");
    assert_eq!(listed["provider_agent_id"], "bronze-1");
}

#[tokio::test]
async fn a_required_position_is_met_by_any_alternative() {
    let registry = Registry::new().await;
    let needy = json!({ "agent_id": "b-1", "tools": [{ "function_name": "f", "capability": "b",
        "dependencies": [[{ "capability": "gold", "required": true }, { "capability": "silver" }]] }] });
    registry.register(&needy).await;
    assert_eq!(
        reason(&registry, "b-1").await,
        "required dep 'gold' unresolved"
    );
    registry.register(&provider("silver-1", &["silver"])).await;
    assert_eq!(reason(&registry, "b-1").await, "");
    assert_eq!(
        message(&registry, &link("silver-2", "silver", &["b"])).await,
        "required dependency cycle: silver → b → silver"
    );
}

#[tokio::test]
async fn alternatives_that_are_none_are_a_bad_request() {
    let registry = Registry::new().await;
    for (dependencies, error) in [
        (json!([[]]), "invalid length 0, expected a dependency or a"),
        (
            json!(["c"]),
            "invalid type: string \"c\", expected a dependency or a",
        ),
        (
            json!([[["c"]]]),
            "invalid type: sequence, expected a dependency",
        ),
    ] {
        let agent = consumer("user-1", &dependencies);
        let reply = registry
            .send(Method::POST, "/heartbeat", agent.to_string())
            .await;
        assert_eq!(reply.status, 400);
        let text = reply.json()["error"].as_str().unwrap().to_owned();
        let expected = format!("Invalid JSON payload: {error}");
        assert!(text.starts_with(&expected), "{text}");
    }
}
