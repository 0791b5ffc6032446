//! An LLM function's tool filter, compiled.

use std::sync::Arc;

use mesh_core::wire::{FilterMode, LlmFilter, LlmSelector};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::topology::function::{Offer, Spec};
use crate::topology::profile::list;

/// More entries than any filter has. Each may have to look at the whole mesh.
const MAX_ENTRIES: usize = 1_000;

/// How much of an unknown word is repeated, in characters.
const LONGEST_SHOWN: usize = 40;

/// In place of a capability's name: any.
const ANY: &str = "*";

/// Which tools an LLM function may use.
#[derive(Debug)]
pub(super) struct ToolFilter {
    pub(super) mode: FilterMode,
    pub(super) entries: Box<[Entry]>,
}

/// One way to be selected.
#[derive(Debug)]
pub(super) struct Entry {
    /// The capability as declared; see [`Entry::capability`].
    pub(super) spec: Spec,
    is_named: bool,
}

/// Why a filter selects nothing, not even an empty list.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum MalformedFilter {
    #[error("`filter` is missing, send a list (`[]` for no tools)")]
    Missing,
    #[error("`filter` is {0}, not a list")]
    NotAList(&'static str),
    #[error("`filter` has {0} entries, more than {MAX_ENTRIES}")]
    TooLong(usize),
    #[error("`filter[{position}]` is {kind}, neither a capability's name nor an object")]
    Kind { position: usize, kind: &'static str },
    #[error("`filter[{position}]`: {reason}")]
    Selector { position: usize, reason: String },
}

/// A mode that is not known; `all` stands in for it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`filter_mode` is {0}, none of {allowed}; `all` is used", allowed = list(FilterMode::ALL))]
pub(super) struct UnknownMode(String);

impl ToolFilter {
    /// Reads an `llm_filter`.
    pub(super) fn compile(json: &RawValue) -> Result<(Self, Option<UnknownMode>), MalformedFilter> {
        let declared: LlmFilter =
            serde_json::from_str(json.get()).map_err(|_| MalformedFilter::Missing)?;
        let entries = match declared.filter {
            None => return Err(MalformedFilter::Missing),
            Some(Value::Array(entries)) => entries,
            Some(other) => return Err(MalformedFilter::NotAList(kind(&other))),
        };
        if entries.len() > MAX_ENTRIES {
            return Err(MalformedFilter::TooLong(entries.len()));
        }
        let entries = entries.into_iter().enumerate();
        let entries = entries
            .map(|(position, entry)| Entry::compile(position, entry))
            .collect::<Result<_, _>>()?;
        let (mode, unknown) = mode(declared.filter_mode);
        Ok((Self { mode, entries }, unknown))
    }

    /// The capabilities that the filter names.
    pub(super) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        let entries = self.entries.iter();
        entries.filter_map(Entry::capability)
    }

    /// Whether any tool is asked for.
    pub(super) fn asks(&self) -> bool {
        self.mode == FilterMode::Everything || !self.entries.is_empty()
    }

    /// Whether tools of any capability may be selected.
    pub(super) fn is_wild(&self) -> bool {
        self.mode == FilterMode::Everything || self.entries.iter().any(|entry| !entry.is_named)
    }
}

impl Entry {
    fn compile(position: usize, entry: Value) -> Result<Self, MalformedFilter> {
        let (selector, is_named) = match entry {
            Value::String(capability) => {
                let is_named = capability != ANY;
                let selector = LlmSelector {
                    capability,
                    ..LlmSelector::default()
                };
                (selector, is_named)
            }
            Value::Object(_) => {
                let selector: LlmSelector = serde_json::from_value(entry).map_err(|error| {
                    let reason = error.to_string();
                    MalformedFilter::Selector { position, reason }
                })?;
                let is_named = !matches!(&*selector.capability, "" | ANY);
                (selector, is_named)
            }
            other => {
                let kind = kind(&other);
                return Err(MalformedFilter::Kind { position, kind });
            }
        };
        let spec = Spec::select(selector);
        Ok(Self { spec, is_named })
    }

    /// The capability whose offers may be selected; `None` for any.
    pub(super) fn capability(&self) -> Option<&Arc<str>> {
        self.is_named.then_some(&self.spec.capability)
    }

    /// Whether the offer is selected.
    pub(super) fn selects(&self, offer: &Offer) -> bool {
        (self.capability()).is_none_or(|name| *name == offer.capability)
            && self.spec.score(offer).is_some()
    }
}

fn mode(declared: Option<Value>) -> (FilterMode, Option<UnknownMode>) {
    let unknown = match declared {
        None => return (FilterMode::All, None),
        Some(Value::String(text)) if text.is_empty() => return (FilterMode::All, None),
        Some(Value::String(text)) => {
            if let Some(mode) = FilterMode::parse(&text) {
                return (mode, None);
            }
            let shown: String = text.chars().take(LONGEST_SHOWN).collect();
            format!("`{shown}`")
        }
        Some(other) => kind(&other).to_owned(),
    };
    (FilterMode::All, Some(UnknownMode(unknown)))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compile(json: &str) -> Result<(ToolFilter, Option<UnknownMode>), MalformedFilter> {
        ToolFilter::compile(&RawValue::from_string(json.to_owned()).unwrap())
    }

    #[test]
    fn a_filter_is_a_list_of_names_and_selectors() {
        let json = r#"{"filter":["a","*","",{"capability":"b","tags":["+x",["y","z"]]},
            {"tags":["x"],"version":null},{}],"filter_mode":"best_match","inject_param":"tools"}"#;
        let (filter, unknown) = compile(json).unwrap();
        let names: Vec<_> = filter.names().map(|name| &**name).collect();
        assert_eq!(names, ["a", "", "b"]);
        assert_eq!((filter.mode, unknown), (FilterMode::BestMatch, None));
        assert!(filter.is_wild());
        let (filter, _) = compile(r#"{"filter":["a"]}"#).unwrap();
        assert!(!filter.is_wild());
        assert_eq!(filter.mode, FilterMode::All);
        let (filter, _) = compile(r#"{"filter":[],"filter_mode":"*"}"#).unwrap();
        assert!(filter.is_wild());
    }

    #[test]
    fn a_malformed_filter_says_what_is_wrong() {
        let long = format!(r#"{{"filter":["a"{}]}}"#, r#","a""#.repeat(1_000));
        for (json, message) in [
            ("{}", "`filter` is missing, send a list (`[]` for no tools)"),
            (
                r#"{"filter":null,"filter_mode":"*"}"#,
                "`filter` is missing, send a list (`[]` for no tools)",
            ),
            (r#"{"filter":"calc"}"#, "`filter` is a text, not a list"),
            (r#"{"filter":{}}"#, "`filter` is an object, not a list"),
            (
                r#"{"filter":["a",3]}"#,
                "`filter[1]` is a number, neither a capability's name nor an object",
            ),
            (
                r#"{"filter":[null]}"#,
                "`filter[0]` is null, neither a capability's name nor an object",
            ),
            (
                r#"{"filter":[{"tags":"y"}]}"#,
                "`filter[0]`: invalid type: string \"y\", expected a sequence",
            ),
            (&long, "`filter` has 1001 entries, more than 1000"),
        ] {
            assert_eq!(compile(json).unwrap_err().to_string(), message, "{json}");
        }
    }

    #[test]
    fn an_unknown_mode_stands_for_all() {
        for (json, shown) in [("\"weird\"", "`weird`"), ("7", "a number")] {
            let (filter, unknown) =
                compile(&format!(r#"{{"filter":[],"filter_mode":{json}}}"#)).unwrap();
            assert_eq!(filter.mode, FilterMode::All);
            let message = format!(
                "`filter_mode` is {shown}, none of `all`, `best_match`, `*`; `all` is used"
            );
            assert_eq!(unknown.unwrap().to_string(), message);
        }
    }
}
