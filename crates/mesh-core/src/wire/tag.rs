//! A tag that a dependency asks for.

use std::fmt;

use schemars::JsonSchema;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One entry of a dependency's `tags`: a tag, or a group of which one must match.
///
/// A tag may carry an operator: `+fast` is preferred, `-beta` is excluded.
#[derive(Debug, Clone, PartialEq, Eq, Hash, JsonSchema)]
#[schemars(untagged)]
pub enum TagEntry {
    /// A JSON string.
    One(String),
    /// A JSON array of strings.
    AnyOf(Vec<String>),
}

impl TagEntry {
    /// The tags alone. Where an answer repeats what was asked for, groups are left out: readers of
    /// earlier releases take texts only, and nothing of an answer with anything else.
    #[must_use]
    pub fn without_groups(entries: &[Self]) -> Vec<String> {
        let plain = entries.iter().filter_map(|entry| match entry {
            Self::One(tag) => Some(tag.clone()),
            Self::AnyOf(_) => None,
        });
        plain.collect()
    }
}

impl Serialize for TagEntry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::One(tag) => serializer.serialize_str(tag),
            Self::AnyOf(tags) => tags.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for TagEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntryVisitor;

        impl<'de> Visitor<'de> for EntryVisitor {
            type Value = TagEntry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a tag or a list of tags")
            }

            fn visit_str<E: de::Error>(self, tag: &str) -> Result<TagEntry, E> {
                Ok(TagEntry::One(tag.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<TagEntry, A::Error> {
                let mut tags = Vec::with_capacity(seq.size_hint().unwrap_or(2));
                while let Some(tag) = seq.next_element()? {
                    tags.push(tag);
                }
                Ok(TagEntry::AnyOf(tags))
            }
        }

        deserializer.deserialize_any(EntryVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_repeats_texts_only() {
        let entries: Vec<TagEntry> = serde_json::from_str(r#"["+a", ["b", "c"], "-d"]"#).unwrap();
        assert_eq!(TagEntry::without_groups(&entries), ["+a", "-d"]);
    }
}
