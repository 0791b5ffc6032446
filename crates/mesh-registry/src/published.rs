//! The schemas that a registration publishes. Consumers and people look schemas up by hash, so a hash that
//! its sender made up must not take the place of the schema that it belongs to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use mesh_core::Timestamp;
use mesh_core::schema::hash_canonical;
use mesh_core::wire::{DependencyEntry, Registration, Runtime, Tool};
use mesh_store::SchemaRow;
use serde_json::value::RawValue;

use crate::compact::compact;

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
            canonical: compact(canonical.to_owned()),
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

/// The name of a schema without its spelling: thousands of agents refer to a dozen schemas each.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    const PREFIX: &str = "sha256:";

    /// Reads a hash as it is stored; nothing is stored under any other name.
    fn parse(hash: &str) -> Option<Self> {
        let digits = hash.strip_prefix(Self::PREFIX)?.as_bytes();
        let mut bytes = [0; 32];
        if digits.len() != 2 * bytes.len() {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = (digit(pair[0])? << 4) | digit(pair[1])?;
        }
        Some(Self(bytes))
    }
}

fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::PREFIX)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The schemas that the tools of a registration refer to, whether it publishes them or expects them of
/// others.
pub(crate) fn references(tools: &[Tool]) -> Box<[Digest]> {
    let hashes = tools.iter().flat_map(|tool| {
        let expected = tool.dependencies.iter();
        let expected = expected.flat_map(DependencyEntry::alternatives);
        let expected = expected.filter_map(|spec| spec.expected_schema_hash.as_deref());
        let input = tool.input_schema_hash.as_deref().into_iter();
        input
            .chain(tool.output_schema_hash.as_deref())
            .chain(expected)
    });
    let digests: BTreeSet<_> = hashes.filter_map(Digest::parse).collect();
    digests.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_spelled_as_it_was_read() {
        let hash = format!("sha256:0f{}", "a9".repeat(31));
        assert_eq!(Digest::parse(&hash).unwrap().to_string(), hash);
        for other in [
            "",
            "sha256:",
            "sha256:0f",
            &hash.to_uppercase(),
            &hash.replace("a9", "g9"),
            &format!("{hash}00"),
        ] {
            assert!(Digest::parse(other).is_none(), "{other}");
        }
    }
}
