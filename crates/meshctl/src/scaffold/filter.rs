//! Which tools of the mesh a model may use.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Selectors of tools, as a list; empty for none.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Filter {
    selectors: Vec<Value>,
}

/// How tools that fit are chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FilterMode {
    /// Every tool that fits
    #[default]
    All,
    /// The best of each capability
    #[value(name = "best_match")]
    BestMatch,
    /// Every tool of the mesh, whatever the filter says
    #[value(name = "*")]
    #[serde(rename = "*")]
    Everything,
}

impl FilterMode {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::BestMatch => "best_match",
            Self::Everything => "*",
        }
    }
}

/// A filter that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no filter: {reason}")]
pub(crate) struct InvalidFilter {
    text: String,
    reason: String,
}

/// What one selector may say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read for its shape alone")]
struct Selector {
    capability: Option<String>,
    tags: Option<Vec<Tag>>,
    version: Option<String>,
}

/// A tag, or several of which one is enough.
struct Tag;

impl<'de> Deserialize<'de> for Tag {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(_) => Ok(Self),
            Value::Array(tags) if tags.iter().all(Value::is_string) => Ok(Self),
            other => Err(serde::de::Error::custom(format_args!(
                "`{other}` is no tag: a text, or a list of texts"
            ))),
        }
    }
}

impl FromStr for Filter {
    type Err = InvalidFilter;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let wrong = |reason: String| InvalidFilter {
            text: text.to_owned(),
            reason,
        };
        if text.is_empty() {
            return Err(wrong("it is empty".to_owned()));
        }
        if !text.starts_with(['{', '[']) {
            return Ok(Self {
                selectors: vec![serde_json::json!({ "capability": text })],
            });
        }
        let value: Value = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        Self::of(value).map_err(wrong)
    }
}

impl Filter {
    /// The filter that a value describes: a capability, a selector, or a list of these.
    pub(crate) fn of(value: Value) -> Result<Self, String> {
        let list = match value {
            Value::Array(list) => list,
            one => vec![one],
        };
        let mut selectors = Vec::with_capacity(list.len());
        for entry in list {
            let entry = match entry {
                Value::String(capability) => serde_json::json!({ "capability": capability }),
                entry => entry,
            };
            if !entry.is_object() {
                return Err(format!("`{entry}` is neither a capability nor a selector"));
            }
            serde_json::from_value::<Selector>(entry.clone()).map_err(|error| error.to_string())?;
            selectors.push(entry);
        }
        Ok(Self { selectors })
    }

    pub(super) fn selectors(&self) -> &[Value] {
        &self.selectors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        match text.parse::<Filter>() {
            Ok(filter) => Value::from(filter.selectors).to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_filter_is_a_capability_a_selector_or_a_list() {
        insta::assert_snapshot!(told("forecast"), @r#"[{"capability":"forecast"}]"#);
        insta::assert_snapshot!(told(r#"{"tags":["a",["b","c"]]}"#), @r#"[{"tags":["a",["b","c"]]}]"#);
        insta::assert_snapshot!(told(r#"["x",{"capability":"y"}]"#), @r#"[{"capability":"x"},{"capability":"y"}]"#);
    }

    #[test]
    fn what_is_none_says_why() {
        insta::assert_snapshot!(told(""), @"`` is no filter: it is empty");
        insta::assert_snapshot!(told(r#"{"capab"#), @"`{\"capab` is no filter: EOF while parsing a string at line 1 column 7");
        insta::assert_snapshot!(told(r#"{"capabilty":"x"}"#), @"`{\"capabilty\":\"x\"}` is no filter: unknown field `capabilty`, expected one of `capability`, `tags`, `version`");
        insta::assert_snapshot!(told("[1]"), @"`[1]` is no filter: `1` is neither a capability nor a selector");
        insta::assert_snapshot!(told(r#"{"tags":[1]}"#), @"`{\"tags\":[1]}` is no filter: `1` is no tag: a text, or a list of texts");
    }
}
