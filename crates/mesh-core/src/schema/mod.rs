//! The canonical form of a JSON schema, and its hash.
//!
//! Two agents of one mesh may be written with different SDKs; the registry compares their schemas by
//! hash. So the form below is a protocol: every detail, defects included, is what the SDKs that are
//! already out there compute, and a change of one byte makes our agents strangers to theirs. The
//! vectors in `vectors.json` were computed by the published SDK 3.8.0.
//!
//! * `node` reads JSON and keeps the order of keys, which decides between names that collide.
//! * `references` puts definitions in the place of `$ref`s, and finds those that recur.
//! * `normalize` rewrites a schema without references.
//! * `camel_case` renames properties.

mod camel_case;
mod node;
mod normalize;
mod references;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use indexmap::{IndexMap, IndexSet};
use sha2::{Digest, Sha256};

use self::node::{Node, Object};
use self::references::{Definitions, TooLarge};

/// A schema in canonical form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canonical {
    /// Compact JSON with sorted keys; `null` if blocked.
    pub canonical: String,
    /// `sha256:` and 64 hex digits, over `canonical`; empty if blocked.
    pub hash: String,
    /// What was lost, each remark once, in the order of discovery.
    pub warnings: Vec<String>,
    /// How far the form can be trusted.
    pub verdict: Verdict,
}

/// How far a canonical form can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Nothing that matters was lost.
    Ok,
    /// See the warnings.
    Warn,
    /// There is no canonical form: the text is no JSON, or too large.
    Block,
}

impl Verdict {
    /// `OK`, `WARN` or `BLOCK`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warn => "WARN",
            Self::Block => "BLOCK",
        }
    }
}

/// Remarks for the author of a schema, each kept once.
#[derive(Debug, Default)]
struct Warnings(IndexSet<String>);

impl Warnings {
    fn add(&mut self, warning: String) {
        self.0.insert(warning);
    }
}

/// Brings the JSON schema in `text` into canonical form.
///
/// Takes text and not a `serde_json::Value`, because the order in which properties are declared
/// decides which of two wins when both have the same name in camel case. Never fails: what has no
/// canonical form has [`Verdict::Block`] and a warning that says why.
#[must_use]
pub fn canonicalize(text: &str) -> Canonical {
    match serde_json::from_str::<Node>(text) {
        Ok(root) => canonicalize_node(&root).unwrap_or_else(|error| blocked(error.to_string())),
        Err(error) => blocked(format!("invalid JSON input: {error}")),
    }
}

/// The hash of a form that is said to be canonical: over its compact JSON with sorted keys, however it was
/// spaced and sorted on its way. `None` if it is no JSON object.
#[must_use]
pub fn hash_canonical(text: &str) -> Option<String> {
    let form: Node = serde_json::from_str(text).ok()?;
    matches!(form, Node::Object(_))
        .then(|| format!("sha256:{}", hex_digest(&form.to_canonical_json())))
}

fn blocked(reason: String) -> Canonical {
    Canonical {
        canonical: "null".to_owned(),
        hash: String::new(),
        warnings: vec![reason],
        verdict: Verdict::Block,
    }
}

fn canonicalize_node(root: &Node) -> Result<Canonical, TooLarge> {
    let mut warnings = Warnings::default();
    let mut definitions = Definitions::of(root);
    let mut schema = definitions.inline(root, &mut warnings)?;
    normalize::normalize(&mut schema, &mut warnings);

    let mut recursive = Vec::new();
    let mut titles = IndexMap::new();
    for name in definitions.recursive_names() {
        let mut content = definitions.inline_definition(&name, &mut warnings)?;
        normalize::normalize(&mut content, &mut warnings);
        let digest = hex_digest(&references::mask(&content));
        let title = format!("Recursive_{}", &digest[..12]);
        titles.insert(name, title.clone());
        recursive.push((title, content));
    }
    references::rename(&mut schema, &titles);
    // Definitions that differ only in what they refer to have one title. The published SDK keeps one
    // of them by chance; here it is the one whose name sorts last.
    let mut kept = Object::new();
    for (title, mut content) in recursive {
        references::rename(&mut content, &titles);
        kept.insert(title, content);
    }
    if let Node::Object(object) = &mut schema
        && !kept.is_empty()
    {
        object.insert("$defs".to_owned(), Node::Object(kept));
    }

    let canonical = schema.to_canonical_json();
    Ok(Canonical {
        hash: format!("sha256:{}", hex_digest(&canonical)),
        canonical,
        verdict: if warnings.0.is_empty() {
            Verdict::Ok
        } else {
            Verdict::Warn
        },
        warnings: warnings.0.into_iter().collect(),
    })
}

fn hex_digest(text: &str) -> String {
    Sha256::digest(text)
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a `String` cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}
