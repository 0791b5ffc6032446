//! `/schemas`: what agents published, by hash.

use axum::body::Body;
use axum::http::Method;
use serde_json::{Value, json};

use crate::registry::Registry;

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
