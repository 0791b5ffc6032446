//! Schemas: what a dependency expects of a result.
//!
//! Every schema here is a canonical form (see [`crate::schema`]), as its sender made it; equal
//! hashes are taken for equal schemas. What a provider published is parsed when it is first
//! compared and then kept, because most providers are never compared at all.

mod compare;

use std::sync::OnceLock;

use serde_json::Value;
use serde_json::value::RawValue;

pub use compare::{Finding, compare};

/// The schema of a provider's result: its canonical form and that form's hash. Two are equal if both
/// are spelled alike.
#[derive(Debug)]
pub struct ProviderSchema {
    hash: Box<str>,
    canonical: Box<RawValue>,
    parsed: OnceLock<Option<Value>>,
}

impl PartialEq for ProviderSchema {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && self.canonical.get() == other.canonical.get()
    }
}

impl ProviderSchema {
    /// What a provider published; nothing unless it published both.
    #[must_use]
    pub fn new(hash: Option<String>, canonical: Option<Box<RawValue>>) -> Option<Self> {
        Some(Self {
            hash: hash.filter(|hash| !hash.is_empty())?.into(),
            canonical: canonical.filter(|canonical| canonical.get() != "null")?,
            parsed: OnceLock::new(),
        })
    }

    /// The hash as the provider wrote it.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The canonical form as the provider wrote it.
    #[must_use]
    pub fn canonical(&self) -> &RawValue {
        &self.canonical
    }

    /// `None` if the text cannot be read: it was skipped when the registration was parsed, so it may
    /// hold a number out of range, or nesting without end.
    fn parsed(&self) -> Option<&Value> {
        self.parsed
            .get_or_init(|| serde_json::from_str(self.canonical.get()).ok())
            .as_ref()
    }
}

/// How strictly schemas are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchMode {
    /// The result must have what is expected, and may have more.
    Subset,
    /// The schemas must be the same.
    Strict,
}

impl MatchMode {
    /// The wire's spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Subset => "subset",
            Self::Strict => "strict",
        }
    }
}

/// What a dependency expects of the result, compiled.
#[derive(Debug, Clone, PartialEq)]
pub struct SchemaQuery {
    mode: MatchMode,
    hash: Box<str>,
    canonical: Option<Value>,
}

impl SchemaQuery {
    /// Compiles what a dependency sent; nothing if it sent no mode. A mode that nobody knows is
    /// taken for `subset`.
    #[must_use]
    pub fn new(mode: &str, hash: Option<&str>, canonical: Option<&RawValue>) -> Option<Self> {
        let mode = match mode {
            "" => return None,
            "strict" => MatchMode::Strict,
            _ => MatchMode::Subset,
        };
        Some(Self {
            mode,
            hash: hash.unwrap_or_default().into(),
            // What cannot be read expects nothing.
            canonical: canonical.and_then(|text| serde_json::from_str(text.get()).ok()),
        })
    }

    /// How strictly it compares.
    #[must_use]
    pub fn mode(&self) -> MatchMode {
        self.mode
    }

    /// The hash as the dependency wrote it; may be empty.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Whether a provider with this schema will do.
    #[must_use]
    pub fn accepts(&self, provider: Option<&ProviderSchema>) -> bool {
        self.check(provider).is_ok()
    }

    /// Says why a provider with this schema will not do; with no findings, the hashes differ.
    pub fn check(&self, provider: Option<&ProviderSchema>) -> Result<(), Vec<Finding>> {
        let Some(provider) = provider else {
            return match self.mode {
                MatchMode::Subset => Ok(()),
                MatchMode::Strict => Err(vec![Finding::NoPublishedHash]),
            };
        };
        if self.hash == provider.hash {
            return Ok(());
        }
        if self.mode == MatchMode::Strict {
            return Err(Vec::new());
        }
        let (Some(expected), Some(declared)) = (&self.canonical, provider.parsed()) else {
            return Ok(());
        };
        let findings = compare(expected, declared);
        if findings.is_empty() {
            Ok(())
        } else {
            Err(findings)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::to_raw_value;
    use serde_json::{Value, json};

    use super::*;

    fn published(hash: &str, canonical: &Value) -> ProviderSchema {
        let canonical = to_raw_value(canonical).unwrap();
        ProviderSchema::new(Some(hash.to_owned()), Some(canonical)).unwrap()
    }

    fn query(mode: &str, hash: &str, canonical: &Value) -> SchemaQuery {
        let canonical = to_raw_value(canonical).unwrap();
        SchemaQuery::new(mode, Some(hash), Some(&canonical)).unwrap()
    }

    #[test]
    fn a_hash_without_a_schema_publishes_nothing() {
        let schema = || Some(to_raw_value(&json!({})).unwrap());
        let null = Some(to_raw_value(&Value::Null).unwrap());
        assert!(ProviderSchema::new(Some("h".to_owned()), None).is_none());
        assert!(ProviderSchema::new(Some("h".to_owned()), null).is_none());
        assert!(ProviderSchema::new(None, schema()).is_none());
        assert!(ProviderSchema::new(Some(String::new()), schema()).is_none());
        assert!(ProviderSchema::new(Some("h".to_owned()), schema()).is_some());
    }

    #[test]
    fn without_a_mode_schemas_are_not_looked_at() {
        assert_eq!(SchemaQuery::new("", Some("h"), None), None);
    }

    #[test]
    fn strict_wants_the_same_hash() {
        let same = json!({"type": "string"});
        let strict = query("strict", "a", &same);
        assert!(strict.accepts(Some(&published("a", &json!({"type": "integer"})))));
        assert_eq!(strict.check(Some(&published("b", &same))), Err(vec![]));
        let reasons = strict.check(None).unwrap_err();
        assert_eq!(
            serde_json::to_value(reasons).unwrap(),
            json!([{"kind": "no_published_hash"}])
        );
    }

    #[test]
    fn subset_compares_what_both_sides_sent() {
        let (text, number) = (json!({"type": "string"}), json!({"type": "integer"}));
        for mode in ["subset", "a mode of the future"] {
            let subset = query(mode, "a", &text);
            assert_eq!(subset.mode(), MatchMode::Subset);
            assert!(subset.accepts(None), "no schema, no objection");
            assert!(
                subset.accepts(Some(&published("a", &number))),
                "equal hashes"
            );
            assert!(subset.accepts(Some(&published("b", &text))));
            assert!(!subset.accepts(Some(&published("b", &number))));
        }
        let silent = SchemaQuery::new("subset", Some("a"), None).unwrap();
        assert!(silent.accepts(Some(&published("b", &number))));
        let unreadable = format!("{}{}", "[".repeat(500), "]".repeat(500));
        let unreadable = RawValue::from_string(unreadable);
        if let Ok(unreadable) = unreadable {
            let odd = ProviderSchema::new(Some("b".to_owned()), Some(unreadable)).unwrap();
            assert!(query("subset", "a", &text).accepts(Some(&odd)));
        }
    }
}
