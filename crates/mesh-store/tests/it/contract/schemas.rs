//! Schemas, which come with agents and outlive them for a while.

use mesh_store::{Change, SchemaRow, Store};

use crate::fixture::{agent, json, second};

fn schema(hash: &str, at: i64) -> SchemaRow {
    SchemaRow {
        hash: hash.to_owned(),
        canonical: json(&format!(r#"{{"title":"{hash}"}}"#)),
        runtime_origin: "python".to_owned(),
        created_at: second(at),
    }
}

async fn put(store: &Store, schemas: impl IntoIterator<Item = SchemaRow>) {
    let mut changes = vec![Change::Put(agent("a"))];
    changes.extend(schemas.into_iter().map(Change::PutSchema));
    store.apply(&changes).await.expect("the schemas are stored");
}

async fn hashes(store: &Store, limit: u32) -> Vec<String> {
    let schemas = store.schemas(limit).await.expect("the schemas are listed");
    schemas.into_iter().map(|schema| schema.hash).collect()
}

pub(super) async fn the_first_to_bring_a_schema_wins(store: &Store) {
    put(store, [schema("sha256:1", 1), schema("sha256:2", 2)]).await;
    let later = SchemaRow {
        canonical: json("{}"),
        runtime_origin: "java".to_owned(),
        ..schema("sha256:1", 9)
    };
    put(store, [later, schema("sha256:3", 3)]).await;
    let found = store
        .schema("sha256:1")
        .await
        .expect("the store answers")
        .expect("it is there and not refused");
    assert_eq!(found.hash, "sha256:1");
    assert_eq!(found.canonical.get(), r#"{"title":"sha256:1"}"#);
    assert_eq!(found.runtime_origin, "python");
    assert_eq!(found.created_at, second(1));
    assert!(
        store
            .schema("sha256:9")
            .await
            .expect("the store answers")
            .is_none()
    );
    assert_eq!(
        hashes(store, 10).await,
        ["sha256:3", "sha256:2", "sha256:1"]
    );
    assert_eq!(hashes(store, 2).await, ["sha256:3", "sha256:2"]);
}

pub(super) async fn schemas_that_nobody_refers_to_are_forgotten(store: &Store) {
    put(store, (1..=6).map(|n| schema(&format!("sha256:{n}"), n))).await;
    let kept = ["sha256:2", "sha256:6", "sha256:unheard"].map(str::to_owned);
    let forget = async |before: i64, limit: u32| {
        let done = store.forget_schemas(&kept, second(before), limit).await;
        done.expect("old schemas are deleted")
    };
    assert_eq!(forget(1, 10).await, 0);
    assert_eq!(forget(5, 2).await, 2);
    assert_eq!(forget(5, 2).await, 1);
    assert_eq!(forget(5, 2).await, 0);
    assert_eq!(
        hashes(store, 10).await,
        ["sha256:6", "sha256:5", "sha256:2"]
    );
}
