//! Schema-aware matching, through the wire.

use serde_json::{Value, json};

use crate::registry::{Registry, consumer};

/// The id of the provider that a consumer expecting `expected` is wired to, or "".
async fn wired(mode: &str, expected: (&str, Value), published: Option<(&str, Value)>) -> String {
    let registry = Registry::new().await;
    let mut tool = json!({ "function_name": "f", "capability": "c" });
    if let Some((hash, schema)) = published {
        tool["outputSchemaHash"] = json!(hash);
        tool["outputSchemaCanonical"] = schema;
    }
    registry
        .register(&json!({ "agent_id": "p-1", "tools": [tool] }))
        .await;
    let mut need =
        json!({ "capability": "c", "matchMode": mode, "expectedSchemaHash": expected.0 });
    if !expected.1.is_null() {
        need["expectedSchemaCanonical"] = expected.1;
    }
    let answer = registry.register(&consumer("user-1", &json!([need]))).await;
    answer["dependencies_resolved"]["use"][0]["agent_id"]
        .as_str()
        .expect("an id or the empty text")
        .to_owned()
}

fn employee(required: &[&str]) -> Value {
    let text = json!({ "type": "string" });
    json!({
        "type": "object", "required": required,
        "properties": { "empName": text, "hireDate": text },
    })
}

#[tokio::test]
async fn modes_decide_what_is_compared() {
    let other = json!({ "type": "object", "properties": {}, "required": [] });
    let (expected, wider) = (employee(&["empName"]), employee(&["empName", "hireDate"]));
    let published = |hash, schema: &Value| Some((hash, schema.clone()));
    for (mode, provider, expected_winner, why) in [
        (
            "",
            published("h-2", &other),
            "p-1",
            "no mode, no comparison",
        ),
        ("subset", None, "p-1", "nothing is published"),
        ("subset", published("h-1", &other), "p-1", "equal hashes"),
        (
            "subset",
            published("h-2", &wider),
            "p-1",
            "more than expected",
        ),
        ("subset", published("h-2", &other), "", "less than expected"),
        ("future", published("h-2", &other), "", "as subset"),
        ("future", None, "p-1", "as subset"),
        ("strict", published("h-1", &other), "p-1", "equal hashes"),
        ("strict", published("h-2", &expected), "", "other hashes"),
        ("strict", None, "", "nothing is published"),
        (
            "strict",
            published("", &expected),
            "",
            "a schema without a hash",
        ),
        (
            "strict",
            published("h-1", &Value::Null),
            "",
            "a hash without a schema",
        ),
    ] {
        let winner = wired(mode, ("h-1", expected.clone()), provider).await;
        assert_eq!(winner, expected_winner, "{mode}: {why}");
    }
    let silent = wired("subset", ("h-1", Value::Null), published("h-2", &other)).await;
    assert_eq!(silent, "p-1", "the consumer sent no schema");
}

#[tokio::test]
async fn a_subset_follows_the_table() {
    let text = || json!({ "type": "string" });
    let object = |properties: Value, required: Value| json!({ "type": "object", "properties": properties, "required": required });
    let nested = |inner: Value| object(json!({ "address": inner }), json!(["address"]));
    for (consumer, producer, suits) in [
        (
            employee(&["empName"]),
            employee(&["hireDate", "empName"]),
            true,
        ),
        (
            object(json!({}), json!(["size"])),
            employee(&["empName"]),
            false,
        ),
        (text(), json!({ "type": "integer" }), false),
        (
            json!({ "type": "number" }),
            json!({ "type": "integer" }),
            true,
        ),
        (
            json!({ "type": "integer" }),
            json!({ "type": "number" }),
            false,
        ),
        (
            nested(object(json!({}), json!(["city"]))),
            nested(object(json!({ "zip": text() }), json!([]))),
            false,
        ),
        (
            json!({ "type": "array", "items": text() }),
            json!({ "type": "array", "items": { "type": "integer" } }),
            false,
        ),
        (json!({ "type": ["string", "null"] }), text(), false),
        (json!({}), text(), true),
        // A name that canonicalisation lost: required, not described.
        (
            object(json!({}), json!(["title"])),
            object(json!({ "n": text() }), json!(["n", "title"])),
            true,
        ),
    ] {
        let winner = wired(
            "subset",
            ("h-1", consumer.clone()),
            Some(("h-2", producer.clone())),
        )
        .await;
        assert_eq!(
            winner,
            if suits { "p-1" } else { "" },
            "{consumer} and {producer}"
        );
    }
}

#[tokio::test]
async fn a_provider_that_changes_its_schema_is_judged_again() {
    let registry = Registry::new().await;
    let provider = |schema: Value| {
        json!({ "agent_id": "p-1", "tools": [{ "function_name": "f", "capability": "c",
            "outputSchemaHash": format!("{schema}"), "outputSchemaCanonical": schema }] })
    };
    let user = consumer(
        "user-1",
        &json!([{ "capability": "c", "matchMode": "subset", "expectedSchemaHash": "h",
            "expectedSchemaCanonical": { "type": "string" } }]),
    );
    registry
        .register(&provider(json!({ "type": "string" })))
        .await;
    registry.register(&user).await;
    registry
        .register(&provider(json!({ "type": "string", "x": 1 })))
        .await;
    assert_eq!(registry.ping("user-1").await, 200);
    registry
        .register(&provider(json!({ "type": "integer" })))
        .await;
    assert_eq!(registry.ping("user-1").await, 202);
}
