//! One form for the many ways to write the same schema.

use indexmap::IndexMap;

use super::Warnings;
use super::camel_case::camel_case;
use super::node::{Node, Object};

/// Keywords that describe and do not constrain.
///
/// They are removed from *every* object, and `properties` is one: a property that is called `title`
/// or `default` vanishes, while its name stays in `required`. That is a defect of the published
/// SDKs. It stays, because every hash in a mesh depends on it; whoever compares schemas treats a
/// required name without a property as present with an unknown schema.
const DESCRIPTIVE: [&str; 10] = [
    "title",
    "description",
    "examples",
    "default",
    "$schema",
    "$id",
    "$defs",
    "definitions",
    "markdownDescription",
    "discriminator",
];
/// Keywords whose values are not schemas; nothing is rewritten in them.
const OPAQUE: [&str; 3] = ["enum", "required", "type"];

/// Rewrites `node`, from which references were removed, and all schemas within.
///
/// The depth is bounded by [`super::references`], the order of steps is part of the protocol.
pub(super) fn normalize(node: &mut Node, warnings: &mut Warnings) {
    match node {
        Node::Array(items) => items.iter_mut().for_each(|item| normalize(item, warnings)),
        Node::Object(object) => {
            fold_nullable(object);
            for keyword in ["anyOf", "oneOf"] {
                fold_union(object, keyword);
            }
            for keyword in DESCRIPTIVE {
                object.swap_remove(keyword);
            }
            if let Some(Node::Array(branches)) = object.swap_remove("oneOf") {
                object.insert("anyOf".to_owned(), Node::Array(branches));
            }
            if object.swap_remove("additionalProperties") == Some(Node::Bool(true)) {
                warnings.add("stripped additionalProperties: true (lossy)".to_owned());
            }
            sort_enum(object);
            rename_properties(object, warnings);
            sort_required(object);
            sort_types(object);
            for (key, value) in object {
                if !OPAQUE.contains(&key.as_str()) {
                    normalize(value, warnings);
                }
            }
        }
        _ => {}
    }
}

/// `nullable: true` is `OpenAPI`'s way to say `"type": [.., "null"]`.
fn fold_nullable(object: &mut Object) {
    if object.get("nullable") == Some(&Node::Bool(true)) {
        object.swap_remove("nullable");
        if let Some(types) = object.get_mut("type") {
            add_null(types);
        }
    }
}

fn add_null(types: &mut Node) {
    match types {
        Node::String(one) if one != "null" => {
            *types = Node::Array(vec![one.as_str().into(), "null".into()]);
        }
        Node::Array(many) if !many.iter().any(|one| one.as_str() == Some("null")) => {
            many.push("null".into());
        }
        _ => {}
    }
}

/// Flattens unions of unions, and turns "this or null" into this with a type that admits null.
fn fold_union(object: &mut Object, keyword: &str) {
    let Some(Node::Array(branches)) = object.get_mut(keyword) else {
        return;
    };
    let mut flat = Vec::with_capacity(branches.len());
    flatten(std::mem::take(branches), &mut flat);
    let (nulls, mut others): (Vec<_>, Vec<_>) = flat.into_iter().partition(is_null);
    if !nulls.is_empty()
        && let [Node::Object(only)] = others.as_mut_slice()
        && (object.contains_key("type")
            || only.contains_key("type")
            || implied_type(only).is_some())
    {
        let only = std::mem::take(only);
        let implied = implied_type(&only);
        object.swap_remove(keyword);
        object.extend(only);
        match (object.get_mut("type"), implied) {
            (Some(types), _) => add_null(types),
            (None, Some(implied)) if implied != "null" => {
                object.insert(
                    "type".to_owned(),
                    Node::Array(vec![implied.into(), "null".into()]),
                );
            }
            (None, _) => {}
        }
    } else {
        if !nulls.is_empty() {
            others.push(Node::Object(Object::from([(
                "type".to_owned(),
                "null".into(),
            )])));
        }
        object.insert(keyword.to_owned(), Node::Array(others));
    }
}

fn is_null(branch: &Node) -> bool {
    matches!(branch, Node::Object(object) if object.get("type").and_then(Node::as_str) == Some("null"))
}

/// Replaces a branch that is nothing but a union by its branches.
fn flatten(branches: Vec<Node>, flat: &mut Vec<Node>) {
    for branch in branches {
        match branch {
            Node::Object(mut object) => match pure_union(&object) {
                Some(keyword) => {
                    if let Some(Node::Array(inner)) = object.swap_remove(keyword) {
                        flatten(inner, flat);
                    }
                }
                None => flat.push(Node::Object(object)),
            },
            other => flat.push(other),
        }
    }
}

fn pure_union(object: &Object) -> Option<&'static str> {
    let mut constraining = object
        .keys()
        .filter(|key| !DESCRIPTIVE.contains(&key.as_str()));
    let keyword = match constraining.next()?.as_str() {
        "anyOf" => "anyOf",
        "oneOf" => "oneOf",
        _ => return None,
    };
    (constraining.next().is_none() && matches!(object.get(keyword), Some(Node::Array(_))))
        .then_some(keyword)
}

/// The type that `enum` or `const` implies.
fn implied_type(object: &Object) -> Option<&'static str> {
    match object.get("enum") {
        Some(Node::Array(values)) => uniform_type(values),
        _ => object.get("const").and_then(type_of),
    }
}

fn uniform_type(values: &[Node]) -> Option<&'static str> {
    let (first, rest) = values.split_first()?;
    let first = type_of(first)?;
    rest.iter()
        .all(|value| type_of(value) == Some(first))
        .then_some(first)
}

fn type_of(value: &Node) -> Option<&'static str> {
    match value {
        Node::Null => Some("null"),
        Node::Bool(_) => Some("boolean"),
        Node::Number(number) if number.is_f64() => Some("number"),
        Node::Number(_) => Some("integer"),
        Node::String(_) => Some("string"),
        Node::Array(_) | Node::Object(_) => None,
    }
}

fn rename_properties(object: &mut Object, warnings: &mut Warnings) {
    let Some(Node::Object(properties)) = object.swap_remove("properties") else {
        return;
    };
    let mut renamed = Object::with_capacity(properties.len());
    let mut sources: IndexMap<String, String> = IndexMap::with_capacity(properties.len());
    let mut names: IndexMap<String, String> = IndexMap::with_capacity(properties.len());
    for (source, schema) in properties {
        let name = camel_case(&source);
        if let Some(first) = sources.get(&name) {
            warnings.add(format!(
                "property name collision after camelCase normalization: source properties '{first}' and \
                 '{source}' both normalize to the canonical key '{name}'. The canonical schema keeps ONE \
                 definition under '{name}' (the last one declared wins, here '{source}'), so '{first}' is \
                 dropped from schema matching. Rename one of them"
            ));
        } else {
            sources.insert(name.clone(), source.clone());
        }
        renamed.insert(name.clone(), schema);
        names.insert(source, name);
    }
    object.insert("properties".to_owned(), Node::Object(renamed));
    if let Some(Node::Array(required)) = object.get_mut("required") {
        for entry in required {
            if let Some(name) = entry.as_str().and_then(|source| names.get(source)) {
                *entry = name.as_str().into();
            }
        }
    }
}

fn sort_required(object: &mut Object) {
    if let Some(Node::Array(required)) = object.get_mut("required") {
        sort_texts(required);
    }
}

/// Sorts an array of types, `null` last and once.
fn sort_types(object: &mut Object) {
    if let Some(Node::Array(types)) = object.get_mut("type") {
        sort_texts(types);
        let before = types.len();
        types.retain(|one| one.as_str() != Some("null"));
        if types.len() < before {
            types.push("null".into());
        }
    }
}

/// Drops whatever is no text and sorts the rest.
fn sort_texts(entries: &mut Vec<Node>) {
    entries.retain(|entry| matches!(entry, Node::String(_)));
    entries.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
}

fn sort_enum(object: &mut Object) {
    let Some(Node::Array(values)) = object.get_mut("enum") else {
        return;
    };
    let implied = uniform_type(values);
    if implied == Some("string") {
        sort_texts(values);
    }
    if let Some(implied) = implied
        && !object.contains_key("type")
    {
        object.insert("type".to_owned(), implied.into());
    }
}
