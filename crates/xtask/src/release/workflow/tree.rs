//! A workflow as a tree: maps keep their order, and a text may carry a remark that stands beside it in
//! the file.

use std::fmt;

use anyhow::{Context, bail};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_saphyr::Commented;

/// A value of a workflow.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Number(i64),
    Text(String),
    /// A text, and the remark beside it.
    Remarked(String, String),
    List(Vec<Node>),
    Map(Map),
}

/// A map in the order of the file.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Map(Vec<(String, Node)>);

impl Node {
    /// Reads YAML.
    pub(super) fn parse(yaml: &str) -> anyhow::Result<Self> {
        serde_saphyr::from_str(yaml).context("no valid YAML")
    }

    /// Reads YAML that is part of this program.
    pub(super) fn literal(yaml: &str) -> Self {
        Self::parse(yaml).expect("the YAML of a transformation is valid, its test proves it")
    }

    /// A list of texts.
    pub(super) fn texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        Self::List(texts.into_iter().map(Self::from).collect())
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Remarked(text, _) => Some(text),
            _ => None,
        }
    }

    /// This value as a map; `what` names it in the error.
    pub(super) fn map(&mut self, what: &str) -> anyhow::Result<&mut Map> {
        match self {
            Self::Map(map) => Ok(map),
            other => bail!("{what} is no map but {other:?}"),
        }
    }

    /// Writes YAML as people write workflows.
    pub(super) fn to_yaml(&self) -> anyhow::Result<String> {
        let options = serde_saphyr::ser_options! {
            compact_list_indent: false,
            prefer_block_scalars: false,
            // YAML 1.2, as GitHub reads it: `on` is a key like any other.
            yaml_12: true,
            no_lang_directive: true,
        };
        serde_saphyr::to_string_with_options(self, options).context("failed to write YAML")
    }
}

impl From<&str> for Node {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl Map {
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.0
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.0
            .iter_mut()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    /// The text at `key`, if that is one.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_text()
    }

    /// Sets `key`: in its place when it exists, else at the end.
    pub(super) fn set(&mut self, key: &str, value: impl Into<Node>) {
        let value = value.into();
        match self.get_mut(key) {
            Some(old) => *old = value,
            None => self.0.push((key.to_owned(), value)),
        }
    }

    pub(super) fn remove(&mut self, key: &str) -> Option<Node> {
        let at = self.0.iter().position(|(name, _)| name == key)?;
        Some(self.0.remove(at).1)
    }

    pub(super) fn rename(&mut self, key: &str, new: &str) -> anyhow::Result<()> {
        let Some((name, _)) = self.0.iter_mut().find(|(name, _)| name == key) else {
            bail!("there is no `{key}` to rename to `{new}`");
        };
        new.clone_into(name);
        Ok(())
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut Node)> {
        self.0
            .iter_mut()
            .map(|(name, value)| (name.as_str(), value))
    }

    /// Brings the keys into the order of `order`; one that is not listed is an error.
    pub(super) fn arrange(&mut self, order: &[&str]) -> anyhow::Result<()> {
        if let Some(stranger) = self.keys().find(|key| !order.contains(key)) {
            bail!("`{stranger}` has no place among {}", order.join(", "));
        }
        self.0
            .sort_by_key(|(name, _)| order.iter().position(|key| key == name));
        Ok(())
    }
}

impl From<Map> for Node {
    fn from(map: Map) -> Self {
        Self::Map(map)
    }
}

impl FromIterator<(String, Node)> for Map {
    fn from_iter<I: IntoIterator<Item = (String, Node)>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(value) => serializer.serialize_i64(*value),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Remarked(text, remark) => {
                Commented(text.as_str(), remark.clone()).serialize(serializer)
            }
            Self::List(items) => items.serialize(serializer),
            Self::Map(Map(entries)) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of a workflow")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Node, E> {
        i64::try_from(value).map(Node::Number).map_err(E::custom)
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Node::Map(Map(map)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_in_the_same_order() {
        let yaml = "\
on:
  push:
    tags:
      - v[0-9]+
permissions: {}
jobs:
  b:
    if: ${{ a && b }}
    timeout-minutes: 5
    steps:
      - uses: x/y@1
        with:
          deep: true
  a:
    run: echo \"$A\"
";
        assert_eq!(Node::parse(yaml).unwrap().to_yaml().unwrap(), yaml);
    }

    #[test]
    fn a_remark_stands_beside_its_text() {
        let mut map = Map::default();
        map.set("uses", Node::Remarked("x/y@00ff".into(), "v1".into()));
        assert_eq!(Node::Map(map).to_yaml().unwrap(), "uses: x/y@00ff # v1\n");
    }

    #[test]
    fn an_unlisted_key_has_no_place() {
        let Node::Map(mut map) = Node::literal("{b: 1, a: 2}") else {
            panic!("a map is a map");
        };
        map.arrange(&["a", "b"]).unwrap();
        assert_eq!(map.keys().collect::<Vec<_>>(), ["a", "b"]);
        let error = map.arrange(&["a"]).unwrap_err().to_string();
        assert!(error.contains("`b` has no place"), "{error}");
    }
}
