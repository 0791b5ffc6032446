//! A dependency of a tool: one at each position, or alternatives for it.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::{TagEntry, is_false, nullable};

/// What a tool needs from another agent.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct Dependency {
    /// The capability's name.
    #[serde(default, deserialize_with = "nullable")]
    pub capability: String,
    /// Tags to require, prefer or exclude.
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub tags: Vec<TagEntry>,
    /// A version constraint; empty accepts every version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Accepted, not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The canonical schema that the consumer expects of the result.
    #[serde(
        default,
        rename = "expectedSchemaCanonical",
        skip_serializing_if = "Option::is_none"
    )]
    pub expected_schema_canonical: Option<Box<RawValue>>,
    /// Its hash.
    #[serde(
        default,
        rename = "expectedSchemaHash",
        skip_serializing_if = "Option::is_none"
    )]
    pub expected_schema_hash: Option<String>,
    /// `subset` or `strict`; absent skips the comparison of schemas.
    #[serde(default, rename = "matchMode", skip_serializing_if = "Option::is_none")]
    pub match_mode: Option<String>,
    /// Whether the tool is of no use without it.
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "is_false"
    )]
    pub required: bool,
}

/// What a tool needs at one position: a dependency, or alternatives of which the first that finds a
/// provider is wired.
///
/// In JSON an object, or an array of objects with the favourite first.
#[derive(Debug, Clone, Default)]
pub struct DependencyEntry {
    /// The favourite. When nobody provides any alternative, the position is unresolved under its
    /// name.
    pub first: Dependency,
    /// What will do instead, the better first.
    pub others: Vec<Dependency>,
}

impl DependencyEntry {
    /// Every alternative, the favourite first.
    pub fn alternatives(&self) -> impl Iterator<Item = &Dependency> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// Whether the tool is of no use while the position is unresolved: any alternative may say so.
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.alternatives().any(|dependency| dependency.required)
    }
}

impl From<Dependency> for DependencyEntry {
    fn from(only: Dependency) -> Self {
        Self {
            first: only,
            others: Vec::new(),
        }
    }
}

impl JsonSchema for DependencyEntry {
    fn schema_name() -> Cow<'static, str> {
        "DependencyEntry".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<Dependency>();
        json_schema!({
            "description": "A dependency, or alternatives for it: the first that can be wired is.",
            "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }],
        })
    }
}

impl Serialize for DependencyEntry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.others.is_empty() {
            self.first.serialize(serializer)
        } else {
            serializer.collect_seq(self.alternatives())
        }
    }
}

impl<'de> Deserialize<'de> for DependencyEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntryVisitor;

        impl<'de> Visitor<'de> for EntryVisitor {
            type Value = DependencyEntry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a dependency or a list of at least one alternative")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<DependencyEntry, A::Error> {
                Dependency::deserialize(MapAccessDeserializer::new(map)).map(Into::into)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<DependencyEntry, A::Error> {
                let Some(Alternative(first)) = seq.next_element()? else {
                    return Err(de::Error::invalid_length(0, &self));
                };
                let mut others = Vec::with_capacity(seq.size_hint().unwrap_or(1));
                while let Some(Alternative(other)) = seq.next_element()? {
                    others.push(other);
                }
                Ok(DependencyEntry { first, others })
            }
        }

        deserializer.deserialize_any(EntryVisitor)
    }
}

/// A dependency that is an object: on its own, the struct would be read from an array too.
struct Alternative(Dependency);

impl<'de> Deserialize<'de> for Alternative {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AlternativeVisitor;

        impl<'de> Visitor<'de> for AlternativeVisitor {
            type Value = Alternative;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a dependency")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Alternative, A::Error> {
                Dependency::deserialize(MapAccessDeserializer::new(map)).map(Alternative)
            }
        }

        deserializer.deserialize_map(AlternativeVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_texts_or_groups() {
        let text = r#"{"capability":"c","tags":["+x",["a","b"]],"version":">=1.0.0"}"#;
        let dependency: Dependency = serde_json::from_str(text).unwrap();
        assert_eq!(
            dependency.tags,
            [
                TagEntry::One("+x".into()),
                TagEntry::AnyOf(vec!["a".into(), "b".into()])
            ]
        );
        assert_eq!(serde_json::to_string(&dependency).unwrap(), text);
    }

    #[test]
    fn a_position_holds_one_dependency_or_alternatives() {
        let one = r#"{"capability":"c","expectedSchemaCanonical":{"type": 1e2},"required":true}"#;
        let entry: DependencyEntry = serde_json::from_str(one).unwrap();
        assert!(entry.others.is_empty());
        assert_eq!(serde_json::to_string(&entry).unwrap(), one);

        let many = r#"[{"capability":"c"},{"capability":"d","required":true}]"#;
        let entry: DependencyEntry = serde_json::from_str(many).unwrap();
        assert_eq!(entry.alternatives().count(), 2);
        assert!(entry.is_required());
        assert_eq!(serde_json::to_string(&entry).unwrap(), many);
    }

    #[test]
    fn a_position_cannot_be_empty() {
        for text in ["[]", "null", "\"c\"", "[\"c\"]", "[[]]"] {
            let error = serde_json::from_str::<DependencyEntry>(text).unwrap_err();
            assert!(!error.to_string().is_empty(), "{text}");
        }
        let error = serde_json::from_str::<DependencyEntry>("[]").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("invalid length 0, expected a dependency or a list of at least one"),
            "{error}"
        );
    }
}
