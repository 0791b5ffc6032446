//! How the fields of two schemas differ.

use std::collections::BTreeMap;

use mesh_core::wire::SchemaInfo;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::error::CliError;

/// Of two objects' schemas: names and types of fields, and which are required.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(in crate::commands) struct Difference {
    pub(super) only_in_a: Vec<Field>,
    pub(super) only_in_b: Vec<Field>,
    pub(super) type_changed: Vec<ChangedField>,
    pub(super) required_a: Vec<String>,
    pub(super) required_b: Vec<String>,
    /// Whether it is one schema.
    pub(super) hash_equal: bool,
}

#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(super) struct Field {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
}

#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(super) struct ChangedField {
    pub(super) name: String,
    pub(super) type_a: String,
    pub(super) type_b: String,
}

impl Difference {
    pub(super) fn between(a: &SchemaInfo, b: &SchemaInfo) -> Result<Self, CliError> {
        let (fields_a, required_a) = fields(a)?;
        let (fields_b, required_b) = fields(b)?;
        let missing = |these: &BTreeMap<String, String>, those: &BTreeMap<String, String>| {
            these
                .iter()
                .filter(|(name, _)| !those.contains_key(*name))
                .map(|(name, kind)| Field {
                    name: name.clone(),
                    kind: kind.clone(),
                })
                .collect()
        };
        let type_changed = fields_a
            .iter()
            .filter_map(|(name, type_a)| {
                let type_b = fields_b.get(name)?;
                (type_a != type_b).then(|| ChangedField {
                    name: name.clone(),
                    type_a: type_a.clone(),
                    type_b: type_b.clone(),
                })
            })
            .collect();
        Ok(Self {
            only_in_a: missing(&fields_a, &fields_b),
            only_in_b: missing(&fields_b, &fields_a),
            type_changed,
            required_a,
            required_b,
            hash_equal: a.hash == b.hash,
        })
    }

    /// Whether no field differs.
    pub(super) fn is_empty(&self) -> bool {
        self.only_in_a.is_empty()
            && self.only_in_b.is_empty()
            && self.type_changed.is_empty()
            && self.required_a == self.required_b
    }
}

/// The fields of a schema with their types, and the names of the required ones in order.
fn fields(schema: &SchemaInfo) -> Result<(BTreeMap<String, String>, Vec<String>), CliError> {
    let canonical: Value = serde_json::from_str(schema.canonical.get()).map_err(|error| {
        CliError::new(format!("schema {} cannot be read", schema.hash)).because(error)
    })?;
    let properties = canonical["properties"].as_object().into_iter().flatten();
    let fields = properties
        .map(|(name, field)| (name.clone(), kind(field)))
        .collect();
    let required = canonical["required"].as_array().into_iter().flatten();
    let mut required: Vec<String> = required
        .filter_map(|name| Some(name.as_str()?.to_owned()))
        .collect();
    required.sort();
    Ok((fields, required))
}

/// A field's type as people say it: `string`, `array of number`, `string | null`.
fn kind(field: &Value) -> String {
    let alternatives = ["anyOf", "oneOf"]
        .iter()
        .find_map(|key| field[key].as_array());
    if let Some(alternatives) = alternatives {
        return joined(alternatives.iter().map(kind));
    }
    match &field["type"] {
        Value::String(name) if name == "array" && field["items"].is_object() => {
            format!("array of {}", kind(&field["items"]))
        }
        Value::String(name) => name.clone(),
        Value::Array(names) => joined(
            names
                .iter()
                .filter_map(|name| Some(name.as_str()?.to_owned())),
        ),
        _ if field["enum"].is_array() => "enum".to_owned(),
        _ => match field["$ref"].as_str() {
            Some(reference) => reference.rsplit('/').next().unwrap_or(reference).to_owned(),
            None => "any".to_owned(),
        },
    }
}

fn joined(kinds: impl Iterator<Item = String>) -> String {
    kinds.collect::<Vec<_>>().join(" | ")
}

#[cfg(test)]
mod tests {
    use mesh_core::Timestamp;
    use serde_json::json;

    use super::*;

    fn schema(hash: &str, canonical: &Value) -> SchemaInfo {
        SchemaInfo {
            hash: hash.to_owned(),
            canonical: serde_json::value::to_raw_value(canonical).unwrap(),
            runtime_origin: "python".to_owned(),
            created_at: Timestamp::from_seconds(0),
        }
    }

    #[test]
    fn fields_are_compared_by_name_and_type() {
        let a = schema(
            "a",
            &json!({
                "properties": {
                    "city": { "type": "string" },
                    "degrees": { "type": "integer" },
                    "tags": { "type": "array", "items": { "type": "string" } },
                },
                "required": ["degrees", "city"],
            }),
        );
        let b = schema(
            "b",
            &json!({
                "properties": {
                    "city": { "type": "string" },
                    "degrees": { "anyOf": [{ "type": "number" }, { "type": "null" }] },
                    "wind": { "$ref": "#/$defs/Wind" },
                },
                "required": ["city"],
            }),
        );
        let difference = serde_json::to_value(Difference::between(&a, &b).unwrap()).unwrap();
        assert_eq!(
            difference,
            json!({
                "only_in_a": [{ "name": "tags", "type": "array of string" }],
                "only_in_b": [{ "name": "wind", "type": "Wind" }],
                "type_changed": [{ "name": "degrees", "type_a": "integer", "type_b": "number | null" }],
                "required_a": ["city", "degrees"],
                "required_b": ["city"],
                "hash_equal": false,
            })
        );
        let same = Difference::between(&a, &a).unwrap();
        assert!(same.is_empty() && same.hash_equal);
        // Something that is no object has no fields.
        let text = schema("c", &json!({ "type": "string" }));
        assert_eq!(
            Difference::between(&text, &text).unwrap().required_a.len(),
            0
        );
    }
}
