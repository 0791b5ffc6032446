//! References: what is inlined, and what recurs and so cannot be.

use std::collections::HashSet;

use indexmap::IndexMap;

use super::Warnings;
use super::node::{Node, Object};

/// The most values that a schema may have once its references are inlined. Definitions that refer
/// to one another twice each grow as a power of two.
const MAX_NODES: usize = 200_000;
/// The deepest nesting of a schema once its references are inlined, where a reference is a level too.
/// The parser allows 128 levels.
const MAX_DEPTH: usize = 512;

const LOCAL: [&str; 2] = ["#/$defs/", "#/definitions/"];
const DEFINITIONS: [&str; 2] = ["$defs", "definitions"];
/// What stands for a recursive reference while the name of its definition is being computed.
const MASK: &str = "__CYCLIC__";

/// A schema that is too large once its references are inlined.
#[derive(Debug, thiserror::Error)]
pub(super) enum TooLarge {
    #[error("schema has more than {MAX_NODES} values once its references are inlined")]
    Nodes,
    #[error("schema is nested more than {MAX_DEPTH} levels deep, counting references")]
    Depth,
}

/// The definitions at the root of a schema.
pub(super) struct Definitions<'a> {
    by_name: IndexMap<&'a str, &'a Node>,
    /// Those that reach themselves, or another that does.
    recursive: HashSet<&'a str>,
    /// How many values may still be made.
    budget: usize,
}

impl<'a> Definitions<'a> {
    pub(super) fn of(root: &'a Node) -> Self {
        let mut by_name = IndexMap::new();
        if let Node::Object(object) = root {
            for key in DEFINITIONS {
                if let Some(Node::Object(definitions)) = object.get(key) {
                    by_name.extend(definitions.iter().map(|(name, node)| (name.as_str(), node)));
                }
            }
        }
        Self {
            recursive: recursive(&by_name),
            by_name,
            budget: MAX_NODES,
        }
    }

    /// The names of the recursive definitions, sorted.
    pub(super) fn recursive_names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.recursive.iter().map(|&name| name.to_owned()).collect();
        names.sort_unstable();
        names
    }

    /// Copies `node` with its references replaced, except the recursive ones, which become
    /// `#/$defs/<name>`.
    pub(super) fn inline(
        &mut self,
        node: &Node,
        warnings: &mut Warnings,
    ) -> Result<Node, TooLarge> {
        self.inline_at(node, warnings, 0)
    }

    /// Does the same for the content of the recursive definition `name`.
    pub(super) fn inline_definition(
        &mut self,
        name: &str,
        warnings: &mut Warnings,
    ) -> Result<Node, TooLarge> {
        match self.by_name.get(name).copied() {
            Some(content) => self.inline_at(content, warnings, 0),
            None => Ok(Node::Null),
        }
    }

    fn inline_at(
        &mut self,
        node: &Node,
        warnings: &mut Warnings,
        depth: usize,
    ) -> Result<Node, TooLarge> {
        if depth > MAX_DEPTH {
            return Err(TooLarge::Depth);
        }
        self.budget = self.budget.checked_sub(1).ok_or(TooLarge::Nodes)?;
        Ok(match node {
            Node::Array(items) => Node::Array(
                items
                    .iter()
                    .map(|item| self.inline_at(item, warnings, depth + 1))
                    .collect::<Result<_, _>>()?,
            ),
            Node::Object(object) => Node::Object(self.inline_object(object, warnings, depth)?),
            plain => plain.clone(),
        })
    }

    fn inline_object(
        &mut self,
        object: &Object,
        warnings: &mut Warnings,
        depth: usize,
    ) -> Result<Object, TooLarge> {
        let mut out = Object::with_capacity(object.len());
        let reference = object.get("$ref").and_then(Node::as_str);
        let mut inlined = false;
        if let Some(reference) = reference {
            let Some(name) = LOCAL
                .iter()
                .find_map(|prefix| reference.strip_prefix(prefix))
            else {
                warnings.add(format!("non-local $ref kept: {reference}"));
                out.insert("$ref".to_owned(), reference.into());
                return Ok(out);
            };
            let Some(&definition) = self.by_name.get(name) else {
                warnings.add(format!("unresolved $ref: {reference}"));
                return Ok(out);
            };
            if self.recursive.contains(name) {
                out.insert(
                    "$ref".to_owned(),
                    Node::String(format!("{}{name}", LOCAL[0])),
                );
            } else {
                inlined = true;
                match self.inline_at(definition, warnings, depth + 1)? {
                    Node::Object(content) => out = content,
                    // The published form of a definition that is `true`, `false` or no schema at all.
                    plain => drop(out.insert("__resolved__".to_owned(), plain)),
                }
            }
        }
        for (key, value) in object {
            let skipped = match reference {
                Some(_) if key == "$ref" => true,
                // Definitions beside an inlined reference are visited for nothing but their warnings.
                Some(_) if inlined => false,
                _ => DEFINITIONS.contains(&key.as_str()),
            };
            if !skipped {
                let value = self.inline_at(value, warnings, depth + 1)?;
                out.insert(key.clone(), value);
            }
        }
        Ok(out)
    }
}

/// Finds the definitions from which a circle can be reached: all but those that refer, directly and
/// through others, to nothing that refers back.
fn recursive<'a>(by_name: &IndexMap<&'a str, &'a Node>) -> HashSet<&'a str> {
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); by_name.len()];
    let mut open: Vec<usize> = vec![0; by_name.len()];
    for (user, node) in by_name.values().enumerate() {
        let mut used = HashSet::new();
        collect_references(node, by_name, &mut used);
        open[user] = used.len();
        for used in used {
            users[used].push(user);
        }
    }
    let mut plain: Vec<usize> = (0..open.len()).filter(|&index| open[index] == 0).collect();
    while let Some(index) = plain.pop() {
        for &user in &users[index] {
            open[user] -= 1;
            if open[user] == 0 {
                plain.push(user);
            }
        }
    }
    by_name
        .keys()
        .zip(open)
        .filter(|(_, open)| *open > 0)
        .map(|(&name, _)| name)
        .collect()
}

// Recursion is bounded by the depth that the parser accepts.
fn collect_references(node: &Node, by_name: &IndexMap<&str, &Node>, used: &mut HashSet<usize>) {
    match node {
        Node::Array(items) => items
            .iter()
            .for_each(|item| collect_references(item, by_name, used)),
        Node::Object(object) => {
            if let Some(reference) = object.get("$ref").and_then(Node::as_str) {
                let name = LOCAL
                    .iter()
                    .find_map(|prefix| reference.strip_prefix(prefix));
                used.extend(name.and_then(|name| by_name.get_index_of(name)));
            }
            object
                .values()
                .for_each(|value| collect_references(value, by_name, used));
        }
        _ => {}
    }
}

/// The JSON from which the name of a recursive definition is computed: every reference is masked, so
/// that the name does not depend on what definitions were called.
pub(super) fn mask(content: &Node) -> String {
    let mut masked = content.clone();
    for_each_reference(&mut masked, &mut |reference| *reference = MASK.into());
    masked.to_canonical_json()
}

/// Points the recursive references in `node` to the new names of their definitions.
pub(super) fn rename(node: &mut Node, titles: &IndexMap<String, String>) {
    for_each_reference(node, &mut |reference| {
        let name = reference
            .as_str()
            .and_then(|reference| reference.strip_prefix(LOCAL[0]));
        if let Some(title) = name.and_then(|name| titles.get(name)) {
            *reference = Node::String(format!("{}{title}", LOCAL[0]));
        }
    });
}

fn for_each_reference(node: &mut Node, edit: &mut dyn FnMut(&mut Node)) {
    match node {
        Node::Array(items) => items
            .iter_mut()
            .for_each(|item| for_each_reference(item, edit)),
        Node::Object(object) => {
            for (key, value) in object {
                if key == "$ref" {
                    edit(value);
                } else {
                    for_each_reference(value, edit);
                }
            }
        }
        _ => {}
    }
}
