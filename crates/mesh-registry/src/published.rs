//! The schemas that a registration publishes. Consumers and people look schemas up by hash, so a hash that
//! its sender made up must not take the place of the schema that it belongs to.

use std::collections::BTreeMap;

use mesh_core::Timestamp;
use mesh_core::schema::hash_canonical;
use mesh_core::wire::{Registration, Runtime, Tool};
use mesh_store::SchemaRow;
use serde_json::value::RawValue;

/// What a registration publishes.
#[derive(Debug, Default)]
pub(crate) struct Published {
    /// Each schema once, its hash verified.
    pub(crate) rows: Vec<SchemaRow>,
    /// What is not kept, and why.
    pub(crate) warnings: Vec<String>,
}

impl Published {
    pub(crate) fn read(registration: &Registration, now: Timestamp) -> Self {
        let mut published = Self::default();
        let runtime = registration.runtime.as_deref();
        let runtime = runtime.unwrap_or(Runtime::Python.as_str());
        let mut schemas: BTreeMap<&str, &RawValue> = BTreeMap::new();
        for tool in &registration.tools {
            for (field, hash, canonical) in pairs(tool) {
                if schemas
                    .get(hash)
                    .is_some_and(|known| known.get() == canonical.get())
                {
                    continue; // Tools of one agent often share their schemas.
                }
                match hash_canonical(canonical.get()) {
                    Some(computed) if computed == hash => {
                        schemas.insert(hash, canonical);
                    }
                    Some(computed) => published.warnings.push(format!(
                        "{field} of the tool `{}` is not kept: its hash is `{computed}`, not `{hash}`",
                        tool.function_name
                    )),
                    None => published.warnings.push(format!(
                        "{field} of the tool `{}` is not kept: it is no JSON object",
                        tool.function_name
                    )),
                }
            }
        }
        let rows = schemas.into_iter().map(|(hash, canonical)| SchemaRow {
            hash: hash.to_owned(),
            canonical: canonical.to_owned(),
            runtime_origin: runtime.to_owned(),
            created_at: now,
        });
        published.rows = rows.collect();
        published
    }
}

/// The schemas of `tool` that came with a hash; one without the other says nothing.
fn pairs(tool: &Tool) -> impl Iterator<Item = (&'static str, &str, &RawValue)> {
    let input = tool.input_schema_hash.as_deref();
    let output = tool.output_schema_hash.as_deref();
    [
        ("inputSchemaCanonical", input, &tool.input_schema_canonical),
        (
            "outputSchemaCanonical",
            output,
            &tool.output_schema_canonical,
        ),
    ]
    .into_iter()
    .filter_map(|(field, hash, canonical)| Some((field, hash?, canonical.as_deref()?)))
}
