//! `/schemas`: what agents published, by hash.

use std::time::Duration;

use axum::body::Body;
use axum::http::Method;
use serde_json::{Value, json};

use crate::registry::{Registry, consumer, provider};

/// From the protocol's samples: a canonical form and its hash.
const HASH: &str = "sha256:031484bee02f8268c6e28d92357f69504b67377a936b84f35db817506fba6ba1";

fn canonical() -> Value {
    json!({ "type": "object", "required": ["name"],
        "properties": { "size": { "type": ["integer", "null"] }, "name": { "type": "string" } } })
}

fn publisher(id: &str, canonical: &Value, hash: &str) -> Value {
    json!({ "agent_id": id, "runtime": "typescript", "tools": [{
        "function_name": "report", "capability": "report",
        "outputSchemaCanonical": canonical, "outputSchemaHash": hash,
    }] })
}

#[tokio::test]
async fn a_published_schema_is_found_by_its_hash() {
    let registry = Registry::new().await;
    let nothing = json!({ "schemas": [], "count": 0 });
    assert_eq!(registry.get("/schemas").await, nothing);
    let answer = registry
        .register(&publisher("a-1", &canonical(), HASH))
        .await;
    assert!(answer["warnings"].is_null(), "{answer}");
    let list = registry.get("/schemas?limit=1").await;
    assert_eq!(list["count"], 1);
    assert_eq!(
        list["schemas"][0],
        json!({ "hash": HASH, "canonical": canonical(), "runtime_origin": "typescript",
            "created_at": "2026-09-21T14:13:20Z" })
    );
    assert_eq!(
        registry.get(&format!("/schemas/{HASH}")).await,
        list["schemas"][0]
    );
    let reply = registry
        .send(Method::GET, "/schemas/sha256:0", Body::empty())
        .await;
    assert_eq!(reply.status, 404);
    assert_eq!(reply.json()["error"], "schema not found: sha256:0");
}

/// However it was spaced and sorted when it was verified, so it is answered, but for the space.
#[tokio::test]
async fn a_schema_is_answered_in_a_text_that_its_hash_is_of() {
    const SPACED: &str = "{ \"type\" : \"object\" ,\n\t\"required\" : [ \"name\" ] ,\r\n \"properties\" :
        { \"size\" : { \"type\" : [ \"integer\" , \"null\" ] } , \"name\" : { \"type\" : \"string\" } } }";
    const KEPT: &str = concat!(
        r#"{"type":"object","required":["name"],"properties":"#,
        r#"{"size":{"type":["integer","null"]},"name":{"type":"string"}}}"#
    );
    let registry = Registry::new().await;
    let body = publisher("a-1", &json!("SPACED"), HASH).to_string();
    let body = body.replace("\"SPACED\"", SPACED);
    let answer = registry.send(Method::POST, "/heartbeat", body).await.json();
    assert!(answer["warnings"].is_null(), "{answer}");
    for path in ["/schemas".to_owned(), format!("/schemas/{HASH}")] {
        let answer = registry.send(Method::GET, &path, Body::empty()).await;
        let text = answer.text;
        assert!(text.contains(&format!(r#""canonical":{KEPT}"#)), "{text}");
    }
    for text in [SPACED, KEPT] {
        let hash = mesh_core::schema::hash_canonical(text);
        assert_eq!(hash.as_deref(), Some(HASH), "{text}");
    }
}

#[tokio::test]
async fn nobody_can_put_another_schema_in_a_hashes_place() {
    let registry = Registry::new().await;
    let poison = json!({ "type": "string" });
    let answer = registry.register(&publisher("evil-1", &poison, HASH)).await;
    let warning = answer["warnings"][0].as_str().unwrap();
    assert!(
        warning.starts_with(
            "outputSchemaCanonical of the tool `report` is not kept: its hash is `sha256:"
        ),
        "{warning}"
    );
    assert_eq!(registry.get("/schemas").await["count"], 0);
    registry
        .register(&publisher("good-1", &canonical(), HASH))
        .await;
    let found = registry.get(&format!("/schemas/{HASH}")).await;
    assert_eq!(found["canonical"], canonical());
}

#[tokio::test]
async fn a_schema_without_a_hash_and_a_hash_without_a_schema_are_passed_over() {
    let registry = Registry::new().await;
    let body = json!({ "agent_id": "a-1", "tools": [
        { "function_name": "f", "capability": "f", "inputSchemaHash": HASH },
        { "function_name": "g", "capability": "g", "outputSchemaCanonical": canonical() },
    ] });
    let answer = registry.register(&body).await;
    assert!(answer["warnings"].is_null(), "{answer}");
    assert_eq!(registry.get("/schemas").await["count"], 0);
}

/// A schema of its own for each name, and its hash.
fn schema_of(name: &str) -> (Value, String) {
    let canonical = json!({ "type": "object", "required": [name] });
    let hash = mesh_core::schema::hash_canonical(&canonical.to_string());
    (canonical, hash.expect("an object"))
}

/// An hour and a bit: the retention.
const LONG: Duration = Duration::from_mins(61);

async fn hashes(registry: &Registry) -> Vec<String> {
    let list = registry.get("/schemas").await;
    let schemas = list["schemas"].as_array().expect("a list").iter();
    schemas
        .map(|schema| schema["hash"].as_str().expect("a hash").to_owned())
        .collect()
}

#[tokio::test]
async fn a_schema_is_forgotten_when_nobody_refers_to_it_any_more() {
    let registry = Registry::new().await;
    let (old, old_hash) = schema_of("old");
    registry.register(&publisher("a-1", &old, &old_hash)).await;
    registry
        .register(&publisher("b-1", &canonical(), HASH))
        .await;
    registry.leave("b-1").await;
    registry.clock.advance(LONG / 2);
    registry.ping("a-1").await;
    registry.app.sweep().await;
    assert_eq!(
        hashes(&registry).await.len(),
        2,
        "the retention is not over"
    );

    // The agent goes on with another schema; the one that left is purged after the retention.
    let (new, new_hash) = schema_of("new");
    registry.register(&publisher("a-1", &new, &new_hash)).await;
    registry.clock.advance(LONG / 2);
    registry.app.sweep().await;
    assert_eq!(hashes(&registry).await, [new_hash.as_str()]);

    registry.clock.advance(LONG);
    registry.ping("a-1").await;
    registry.app.sweep().await;
    assert_eq!(
        hashes(&registry).await,
        [new_hash],
        "however old, it is in use"
    );
}

#[tokio::test]
async fn who_expects_a_schema_keeps_it_and_so_does_who_is_silent_for_a_while() {
    let registry = Registry::new().await;
    registry
        .register(&publisher("b-1", &canonical(), HASH))
        .await;
    let expecting = json!([[
        { "capability": "other" },
        { "capability": "report", "matchMode": "subset", "expectedSchemaHash": HASH,
            "expectedSchemaCanonical": canonical() },
    ]]);
    registry.register(&consumer("c-1", &expecting)).await;
    registry.leave("b-1").await;
    registry.clock.advance(LONG);
    registry.ping("c-1").await;
    registry.app.sweep().await;
    assert_eq!(registry.get("/agents").await["count"], 1, "b-1 is purged");
    assert_eq!(hashes(&registry).await, [HASH]);

    // What the registry knows after a restart counts like what it knew before.
    let registry = registry.restart(Duration::ZERO).await;
    registry.app.sweep().await;
    assert_eq!(hashes(&registry).await, [HASH]);
    registry.leave("c-1").await;
    registry.app.sweep().await;
    assert_eq!(hashes(&registry).await, [HASH], "it may come back");
    registry.clock.advance(LONG);
    registry.app.sweep().await;
    assert_eq!(hashes(&registry).await, [""; 0]);
}

#[tokio::test]
async fn a_schema_that_comes_back_during_the_sweep_is_there_afterwards() {
    let registry = Registry::new().await;
    for round in 0..20 {
        registry
            .register(&publisher("a-1", &canonical(), HASH))
            .await;
        let (other, other_hash) = schema_of(&format!("other-{round}"));
        registry
            .register(&publisher("a-1", &other, &other_hash))
            .await;
        registry.clock.advance(LONG);
        let back = publisher("b-1", &canonical(), HASH);
        tokio::join!(registry.app.sweep(), registry.register(&back));
        let found = hashes(&registry).await;
        assert!(found.contains(&HASH.to_owned()), "round {round}: {found:?}");
        assert!(found.contains(&other_hash), "round {round}: {found:?}");
        registry
            .register(&publisher("b-1", &other, &other_hash))
            .await;
    }
}

#[tokio::test]
async fn a_retention_of_zero_keeps_every_schema() {
    let registry = Registry::with(&[("MCP_MESH_RETENTION", "0")]).await;
    registry
        .register(&publisher("a-1", &canonical(), HASH))
        .await;
    registry.register(&provider("a-1", &["a"])).await;
    registry.clock.advance(LONG * 1000);
    registry.app.sweep().await;
    assert_eq!(hashes(&registry).await, [HASH]);
}
