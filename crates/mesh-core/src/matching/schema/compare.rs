//! Whether a result has what its consumer expects of it.
//!
//! The comparison is about structure: types, required members and the items of arrays. Optional
//! members, unions, `enum`, formats and references are not compared.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

/// Deeper levels are not compared; canonical schemas that come from outside may be nested at will.
const MAX_DEPTH: usize = 128;

/// One reason why a producer's schema does not do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Finding {
    /// The consumer admits a type that the producer does not have.
    TypeMismatch {
        /// Where, dotted: `rows.[].id`; empty at the root.
        path: String,
        /// The `type` that the consumer expects.
        consumer_type: Value,
        /// The `type` that the producer has.
        producer_type: Value,
    },
    /// The consumer requires a member that the producer lacks.
    MissingField {
        /// Where the member would be.
        path: String,
        /// Its name.
        field: String,
    },
    /// The consumer says what the items of an array are, and the producer does not.
    MissingItemsSchema {
        /// Where the array is.
        path: String,
    },
    /// The consumer insists on its own schema, and the producer publishes none.
    NoPublishedHash,
}

/// Compares what a consumer expects with what a producer declares, and returns all findings.
///
/// A member that the producer requires but does not describe counts as present: the canonical form
/// loses members that are called `title`, `description` or like another descriptive keyword.
#[must_use]
pub fn compare(consumer: &Value, producer: &Value) -> Vec<Finding> {
    let mut comparison = Comparison::default();
    comparison.compare(consumer, producer);
    comparison.findings
}

#[derive(Default)]
struct Comparison<'a> {
    path: Vec<&'a str>,
    findings: Vec<Finding>,
}

impl fmt::Display for Comparison<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path.join("."))
    }
}

impl<'a> Comparison<'a> {
    fn compare(&mut self, consumer: &'a Value, producer: &'a Value) {
        let (Some(consumer), Some(producer)) = (consumer.as_object(), producer.as_object()) else {
            return; // `true`, or nothing: nothing is known, so nothing disagrees.
        };
        if self.path.len() > MAX_DEPTH {
            return;
        }
        if let (Some(expected), Some(declared)) = (consumer.get("type"), producer.get("type"))
            && !admits(expected, declared)
        {
            self.findings.push(Finding::TypeMismatch {
                path: self.to_string(),
                consumer_type: expected.clone(),
                producer_type: declared.clone(),
            });
        }
        let promised = required(producer);
        for field in required(consumer) {
            self.path.push(field);
            match (property(consumer, field), property(producer, field)) {
                (Some(expected), Some(declared)) => self.compare(expected, declared),
                (None, Some(_)) => {}
                (_, None) if promised.contains(field) => {}
                (_, None) => self.findings.push(Finding::MissingField {
                    path: self.to_string(),
                    field: field.to_owned(),
                }),
            }
            self.path.pop();
        }
        if let Some(expected) = consumer.get("items").filter(|items| items.is_object()) {
            self.path.push("[]");
            match producer.get("items").filter(|items| items.is_object()) {
                Some(declared) => self.compare(expected, declared),
                None => self.findings.push(Finding::MissingItemsSchema {
                    path: self.to_string(),
                }),
            }
            self.path.pop();
        }
    }
}

/// A set, because a name that is required twice at each of many levels would double the work at each.
fn required(schema: &Map<String, Value>) -> BTreeSet<&str> {
    schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

fn property<'a>(schema: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    schema.get("properties")?.as_object()?.get(name)
}

/// Whether every expected type is declared; an `integer` is a `number` too. A `type` that names no
/// types says nothing.
fn admits(expected: &Value, declared: &Value) -> bool {
    let declared = types(declared);
    declared.is_empty()
        || types(expected).iter().all(|expected| {
            declared.contains(expected) || (*expected == "number" && declared.contains("integer"))
        })
}

fn types(value: &Value) -> BTreeSet<&str> {
    match value {
        Value::String(one) => BTreeSet::from([one.as_str()]),
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => BTreeSet::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::compare;

    fn findings(consumer: &Value, producer: &Value) -> Value {
        serde_json::to_value(compare(consumer, producer)).unwrap()
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "the calls read like the JSON they make"
    )]
    fn object(properties: Value, required: Value) -> Value {
        json!({"type": "object", "properties": properties, "required": required})
    }

    #[test]
    fn what_suits_has_no_findings() {
        let name = object(json!({"name": {"type": "string"}}), json!(["name"]));
        for (consumer, producer) in [
            (name.clone(), name.clone()),
            (
                name.clone(),
                object(json!({"name": {"type": "string"}, "more": {}}), json!([])),
            ),
            (json!({"type": "number"}), json!({"type": "integer"})),
            (
                json!({"type": ["number", "null"]}),
                json!({"type": ["integer", "null"]}),
            ),
            (
                json!({"type": "integer"}),
                json!({"type": ["integer", "string"]}),
            ),
            (json!({}), json!({"type": "string"})),
            (json!({"type": "string"}), json!({})),
            (json!({"type": "string"}), json!({"type": []})),
            (json!({"type": "string"}), json!({"type": 3})),
            (json!({"type": {"odd": 1}}), json!({"type": "string"})),
            (json!(true), json!({"type": "string"})),
            (name.clone(), json!(null)),
            (json!({"items": [{"type": "string"}]}), json!({})),
            (
                json!({"required": ["a"], "properties": {"a": true}}),
                json!({"properties": {"a": {}}}),
            ),
            (
                object(json!({"optional": {"type": "string"}}), json!([])),
                object(json!({}), json!([])),
            ),
        ] {
            assert_eq!(
                findings(&consumer, &producer),
                json!([]),
                "{consumer} and {producer}"
            );
        }
    }

    #[test]
    fn a_required_name_that_canonicalisation_lost_counts_as_present() {
        let title = object(json!({}), json!(["title"]));
        assert_eq!(
            findings(&title, &object(json!({"n": {}}), json!(["n", "title"]))),
            json!([])
        );
        assert_eq!(
            findings(&title, &object(json!({"n": {}}), json!(["n"]))),
            json!([{"kind": "missing_field", "path": "title", "field": "title"}])
        );
    }

    #[test]
    fn every_finding_is_reported_with_its_path() {
        let row = object(
            json!({"id": {"type": "string"}, "at": {}}),
            json!(["id", "at"]),
        );
        let consumer = object(
            json!({
                "address": object(json!({"city": {"type": "string"}}), json!(["city", "zip"])),
                "rows": {"type": "array", "items": row},
                "tags": {"type": "array", "items": {"type": "string"}},
            }),
            json!(["address", "rows", "tags"]),
        );
        let producer = object(
            json!({
                "address": object(json!({"city": {"type": ["string", "null"]}}), json!([])),
                "rows": {"type": "array", "items": object(json!({"id": {"type": "integer"}}), json!([]))},
                "tags": {"type": "array", "items": true},
            }),
            json!([]),
        );
        assert_eq!(
            findings(&consumer, &producer),
            json!([
                {"kind": "missing_field", "path": "address.zip", "field": "zip"},
                {"kind": "missing_field", "path": "rows.[].at", "field": "at"},
                {"kind": "type_mismatch", "path": "rows.[].id", "consumer_type": "string", "producer_type": "integer"},
                {"kind": "missing_items_schema", "path": "tags.[]"},
            ])
        );
        assert_eq!(
            findings(
                &json!({"type": ["string", "null"]}),
                &json!({"type": "string"})
            ),
            json!([{
                "kind": "type_mismatch", "path": "",
                "consumer_type": ["string", "null"], "producer_type": "string",
            }])
        );
        assert_eq!(
            findings(&json!({"type": "integer"}), &json!({"type": "number"}))[0]["path"],
            ""
        );
    }

    #[test]
    fn nesting_is_bounded_and_repetition_costs_nothing() {
        let mut schema = json!({"type": "string"});
        for _ in 0..500 {
            schema = object(json!({"a": schema}), json!(["a", "a", "a"]));
        }
        assert_eq!(findings(&schema, &schema), json!([]));
    }
}
