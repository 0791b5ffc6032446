//! Tags: what a dependency requires, prefers and excludes.

use crate::wire::TagEntry;

/// What a required tag, or a group that matched by a plain tag, is worth.
const REQUIRED: u32 = 5;
/// What a preferred tag, or a group that matched by a `+` tag, is worth.
const PREFERRED: u32 = 10;

/// The tags of a dependency, compiled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TagQuery {
    excluded: Vec<String>,
    required: Vec<String>,
    preferred: Vec<String>,
    groups: Vec<Vec<String>>,
}

/// Why a provider's tags do not do; the first reason found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagMismatch<'q> {
    /// The provider has this excluded tag.
    Disallowed(&'q str),
    /// The provider lacks this required tag; [`TagQuery::missing`] tells all that it lacks.
    Missing(&'q str),
    /// The provider has none of these alternatives; operators included.
    MissingOneOf(&'q [String]),
}

/// A tag with its operator taken off.
enum Tag<'a> {
    Plain(&'a str),
    Preferred(&'a str),
    Excluded(&'a str),
}

impl<'a> Tag<'a> {
    /// Nothing, and an operator without a tag, say nothing.
    fn parse(text: &'a str) -> Option<Self> {
        let (tag, kind): (_, fn(&'a str) -> Self) = match text.as_bytes().first()? {
            b'+' => (&text[1..], Self::Preferred),
            b'-' => (&text[1..], Self::Excluded),
            _ => (text, Self::Plain),
        };
        (!tag.is_empty()).then(|| kind(tag))
    }
}

impl TagQuery {
    /// Compiles the tags of a dependency.
    #[must_use]
    pub fn new(entries: &[TagEntry]) -> Self {
        let mut query = Self::default();
        for entry in entries {
            match entry {
                TagEntry::One(text) => match Tag::parse(text) {
                    Some(Tag::Plain(tag)) => query.required.push(tag.to_owned()),
                    Some(Tag::Preferred(tag)) => query.preferred.push(tag.to_owned()),
                    Some(Tag::Excluded(tag)) => query.excluded.push(tag.to_owned()),
                    None => {}
                },
                TagEntry::AnyOf(group) if group.is_empty() => {}
                TagEntry::AnyOf(group) => query.groups.push(group.clone()),
            }
        }
        query
    }

    /// How well `provider_tags` suit; the highest score wins. A query without tags gives everyone 0.
    ///
    /// Tags are compared exactly, and a tag that is asked for twice counts twice.
    pub fn score<T: AsRef<str>>(&self, provider_tags: &[T]) -> Result<u32, TagMismatch<'_>> {
        let has = |tag: &str| provider_tags.iter().any(|own| own.as_ref() == tag);
        if let Some(tag) = self.excluded.iter().find(|tag| has(tag)) {
            return Err(TagMismatch::Disallowed(tag));
        }
        if let Some(tag) = self.required.iter().find(|tag| !has(tag)) {
            return Err(TagMismatch::Missing(tag));
        }
        let mut score = count(&self.required).saturating_mul(REQUIRED);
        for group in &self.groups {
            score = score.saturating_add(score_group(group, has)?);
        }
        for _ in self.preferred.iter().filter(|tag| has(tag)) {
            score = score.saturating_add(PREFERRED);
        }
        Ok(score)
    }

    /// All required tags that `provider_tags` lack, in the order of asking.
    #[must_use]
    pub fn missing<T: AsRef<str>>(&self, provider_tags: &[T]) -> Vec<&str> {
        let has = |tag: &str| provider_tags.iter().any(|own| own.as_ref() == tag);
        self.required
            .iter()
            .map(String::as_str)
            .filter(|tag| !has(tag))
            .collect()
    }
}

fn count(tags: &[String]) -> u32 {
    u32::try_from(tags.len()).unwrap_or(u32::MAX)
}

fn score_group(group: &[String], has: impl Fn(&str) -> bool) -> Result<u32, TagMismatch<'_>> {
    let mut best = None;
    for alternative in group {
        match Tag::parse(alternative) {
            Some(Tag::Excluded(tag)) if has(tag) => return Err(TagMismatch::Disallowed(tag)),
            Some(Tag::Plain(tag)) if has(tag) => best = best.max(Some(REQUIRED)),
            Some(Tag::Preferred(tag)) if has(tag) => best = best.max(Some(PREFERRED)),
            _ => {}
        }
    }
    best.ok_or(TagMismatch::MissingOneOf(group))
}

#[cfg(test)]
mod tests {
    use super::{TagMismatch, TagQuery};

    fn query(json: &str) -> TagQuery {
        TagQuery::new(&serde_json::from_str::<Vec<_>>(json).unwrap())
    }

    #[test]
    fn tags_are_scored() {
        for (provider, wanted, score) in [
            (&["claude", "opus"][..], r#"["claude"]"#, Some(5)),
            (&["claude", "opus"], r#"["claude","+opus"]"#, Some(15)),
            (&["claude", "sonnet"], r#"["claude","+opus"]"#, Some(5)),
            (
                &["claude", "experimental"],
                r#"["claude","-experimental"]"#,
                None,
            ),
            (&["claude"], r#"["-gpt"]"#, Some(0)),
            (&["llm"], r#"["llm",["python","typescript"]]"#, None),
            (
                &["llm", "python"],
                r#"["llm",["python","typescript"]]"#,
                Some(10),
            ),
            (&["any"], "[]", Some(0)),
            (&[], "[]", Some(0)),
            // Nothing, and operators alone, are skipped.
            (&["a"], r#"["","+","-",[]]"#, Some(0)),
            (&["-", "+", ""], r#"["","+","-"]"#, Some(0)),
            // Groups count once, by the better match.
            (&["a", "b"], r#"[["a","b"]]"#, Some(5)),
            (&["a", "b"], r#"[["a","+b"]]"#, Some(10)),
            (&["a", "b"], r#"[["+b","a"]]"#, Some(10)),
            (&["a"], r#"[["+b","a"]]"#, Some(5)),
            (&["b"], r#"[["+b","a"]]"#, Some(10)),
            (&["a", "b"], r#"[["+b","+a"],["a"]]"#, Some(15)),
            (&["a", "c"], r#"[["a","-c"]]"#, None),
            (&["a"], r#"[["a","-c"]]"#, Some(5)),
            (&["a"], r#"[["-c"]]"#, None),
            (&["a"], r#"[[""]]"#, None),
            (&["a"], r#"[["+"]]"#, None),
            (&["a"], r#"[["","a"]]"#, Some(5)),
            // Exact, case-sensitive; only the first character is an operator.
            (&["A"], r#"["a"]"#, None),
            (&[" a"], r#"["a"]"#, None),
            (&["-g"], r#"["--g"]"#, None),
            (&["+g"], r#"["++g"]"#, Some(10)),
            (&["é"], r#"["+é"]"#, Some(10)),
            (&["a"], r#"["a","a","+a","+a"]"#, Some(30)),
        ] {
            assert_eq!(
                query(wanted).score(provider).ok(),
                score,
                "{provider:?} for {wanted}"
            );
        }
    }

    #[test]
    fn a_mismatch_says_what_an_audit_shows() {
        let wanted = query(r#"["z","-g","-h",["b","+c","-d",""],"y"]"#);
        assert_eq!(
            wanted.score(&["z", "g", "h"]),
            Err(TagMismatch::Disallowed("g"))
        );
        assert_eq!(wanted.score(&["d"]), Err(TagMismatch::Missing("z")));
        assert_eq!(wanted.missing(&["d"]), ["z", "y"]);
        assert_eq!(
            wanted.score(&["y", "z", "d"]),
            Err(TagMismatch::Disallowed("d"))
        );
        let group = ["b", "+c", "-d", ""].map(str::to_owned);
        assert_eq!(
            wanted.score(&["y", "z"]),
            Err(TagMismatch::MissingOneOf(&group))
        );
        assert_eq!(wanted.score(&["y", "z", "c"]), Ok(20));
    }
}
