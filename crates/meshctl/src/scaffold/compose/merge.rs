//! Adds services to a file that somebody has. Their lines stay as they are, comments and order
//! included; what comes out is read again, so that nothing of theirs can have changed its meaning.

use serde_json::Value;

use super::section::Section;
use super::services::{Block, Composition};
use super::tracing::Tracing;
use crate::scaffold::templates::{TemplateError, Templates};

/// What was merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Merged {
    pub(crate) text: String,
    /// The services that were added, in the file's order.
    pub(crate) added: Vec<String>,
    /// Those that were there.
    pub(crate) kept: Vec<String>,
    /// Those of them that publish traces from now on.
    pub(crate) traced: Vec<String>,
    /// Those that should, in lines that are not understood.
    pub(crate) untraced: Vec<String>,
}

/// Why nothing was merged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MergeError {
    #[error("it is no YAML: {0}")]
    Unreadable(String),
    #[error("{0}")]
    Unusual(&'static str),
    #[error(transparent)]
    Template(#[from] TemplateError),
}

/// `text` with the services of `composition` that it has not.
pub(crate) fn merge(
    text: &str,
    composition: &Composition,
    templates: &Templates,
) -> Result<Merged, MergeError> {
    let old = parse(text)?;
    if !old["services"].is_object() {
        return Err(MergeError::Unusual("it has no `services`"));
    }
    let (kept, blocks): (Vec<Block>, Vec<Block>) = {
        let environment = templates.environment()?;
        let blocks = composition.blocks(&environment)?;
        blocks
            .into_iter()
            .partition(|block| old["services"].get(&block.service).is_some())
    };
    let ending = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut services = Vec::new();
    for block in &blocks {
        services.push(String::new());
        services.extend(block.text.lines().map(str::to_owned));
    }
    if !services.is_empty() {
        insert(&mut lines, "services", services)?;
    }
    let volumes = blocks
        .iter()
        .flat_map(|block| &block.volumes)
        .filter(|volume| old["volumes"].get(volume.as_str()).is_none())
        .map(|volume| format!("  {volume}:"));
    add(&mut lines, &old, "volumes", volumes.collect())?;
    let network = composition.network();
    if !blocks.is_empty() && old["networks"].get(&network).is_none() {
        let network = crate::scaffold::literals::plain(&network);
        let entry = vec![format!("  {network}:"), format!("    name: {network}")];
        add(&mut lines, &old, "networks", entry)?;
    }
    let mut tracing = Tracing::default();
    for block in &kept {
        tracing.add_to(block, &old["services"], &mut lines);
    }
    if blocks.is_empty() && tracing.services().is_empty() {
        lines = vec![text.to_owned()];
    } else {
        lines.push(String::new());
    }
    let text = lines.join(ending);
    prove(&old, &tracing.without(parse(&text)?), &blocks)?;
    let names = |blocks: Vec<Block>| blocks.into_iter().map(|block| block.service).collect();
    Ok(Merged {
        text,
        added: names(blocks),
        kept: names(kept),
        traced: tracing.services(),
        untraced: tracing.refused,
    })
}

pub(super) fn parse(text: &str) -> Result<Value, MergeError> {
    serde_saphyr::from_str(text).map_err(|error| {
        let text = error.to_string();
        MergeError::Unreadable(text.lines().next().unwrap_or_default().to_owned())
    })
}

/// Adds `entries` to the section `key`, or behind everything where there is none.
fn add(
    lines: &mut Vec<String>,
    old: &Value,
    key: &str,
    entries: Vec<String>,
) -> Result<(), MergeError> {
    if entries.is_empty() {
        return Ok(());
    }
    if old.get(key).is_some() {
        return insert(lines, key, entries);
    }
    lines.push(String::new());
    lines.push(format!("{key}:"));
    lines.extend(entries);
    Ok(())
}

/// Puts `entries`, which are indented by two, at the end of the section `key`.
fn insert(lines: &mut Vec<String>, key: &str, entries: Vec<String>) -> Result<(), MergeError> {
    let section = Section::find(lines, &[key]).ok_or(MergeError::Unusual(
        "a section of it is written in one line, or with quotation marks",
    ))?;
    let entries = entries
        .into_iter()
        .map(|line| indented(&line, section.indentation));
    section.append(lines, entries.collect());
    Ok(())
}

/// A line that is indented by steps of two, by steps of `step`.
fn indented(line: &str, step: usize) -> String {
    let text = line.trim_start();
    if text.is_empty() || step == 2 {
        return line.to_owned();
    }
    // The first step alone: what is below only has to be further in.
    let depth = line.len() - text.len();
    format!("{}{text}", " ".repeat(depth + step.saturating_sub(2)))
}

/// Everything of `old` is in `new`, unchanged and first; the rest is what was added.
fn prove(old: &Value, new: &Value, blocks: &[Block]) -> Result<(), MergeError> {
    const CHANGED: MergeError =
        MergeError::Unusual("services cannot be added without changing what it says");
    let (Some(before), Some(after)) = (old.as_object(), new.as_object()) else {
        return Err(CHANGED);
    };
    for (key, value) in before {
        let found = after.get(key).ok_or(CHANGED)?;
        let kept = match (key.as_str(), value, found) {
            ("services" | "volumes" | "networks", Value::Object(value), Value::Object(found)) => {
                value
                    .iter()
                    .all(|(name, value)| found.get(name) == Some(value))
            }
            // A section that was empty.
            ("volumes" | "networks", Value::Null, Value::Object(_)) => true,
            _ => value == found,
        };
        if !kept {
            return Err(CHANGED);
        }
    }
    let all_there = blocks
        .iter()
        .all(|block| new["services"][&block.service].is_object());
    if all_there { Ok(()) } else { Err(CHANGED) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scaffold::Language;
    use crate::scaffold::compose::{Project, Stack};
    use crate::scaffold::survey::Found;

    fn composition(names: &[&str]) -> Composition {
        with(names, Stack::Registry)
    }

    fn with(names: &[&str], stack: Stack) -> Composition {
        let found = names
            .iter()
            .map(|name| Found {
                folder: (*name).into(),
                name: (*name).to_owned(),
                language: Language::Python,
                port: None,
            })
            .collect();
        let project: Project = "p".parse().unwrap();
        Composition::new(project, stack, found).unwrap()
    }

    fn merged(text: &str) -> Result<Merged, MergeError> {
        merge(text, &composition(&["one", "two"]), &Templates::default())
    }

    #[test]
    fn what_is_there_stays_line_by_line() {
        let text = "# mine\nservices:\n    two: # first\n        image: mine\n    postgres: {image: p}\n\n# behind\nx-mine: &a\n    b: 1\nvolumes:\n    data:\n";
        let merged = merged(text).unwrap();
        assert_eq!(merged.added, ["registry", "one"]);
        assert_eq!(merged.kept, ["postgres", "two"]);
        assert_eq!(merged.traced, [""; 0]);
        let mut rest = merged.text.lines();
        for line in text.lines() {
            assert!(
                rest.any(|other| other == line),
                "{line:?} is gone or moved:\n{}",
                merged.text
            );
        }
        let read = parse(&merged.text).unwrap();
        assert_eq!(read["services"]["two"]["image"], "mine");
        assert_eq!(read["services"]["one"]["working_dir"], "/app");
        assert!(read["volumes"].get("one-packages").is_some());
        assert!(read["volumes"].get("two-packages").is_none());
        assert_eq!(read["networks"]["p-network"]["name"], "p-network");
    }

    #[test]
    fn a_second_merge_adds_nothing() {
        let templates = Templates::default();
        let both = composition(&["one", "two"]);
        let first = both.file(&templates).unwrap();
        let second = merge(&first, &both, &templates).unwrap();
        assert_eq!(second.text, first);
        assert_eq!(second.added, [""; 0]);
        let one = composition(&["one"]).file(&templates).unwrap();
        let merged = merge(&one, &both, &templates).unwrap();
        assert_eq!(merged.added, ["two"]);
        assert_eq!(parse(&merged.text).unwrap(), parse(&first).unwrap());
    }

    #[test]
    fn who_was_there_is_traced_too() {
        let names = ["one", "two", "three", "four"];
        let traced = with(&names, Stack::RegistryAndTraces);
        let templates = Templates::default();
        let text = "services:\n  one:\n    image: mine\n  two:\n    environment:\n      REDIS_URL: mine\n    depends_on: []\n  three:\n    environment:\n    - A=1\n  four:\n    environment: {A: 1}\n  registry:\n    depends_on:\n      - postgres\n";
        let merged = merge(text, &traced, &templates).unwrap();
        assert_eq!(merged.traced, ["registry", "one", "two", "three"]);
        assert_eq!(merged.untraced, ["four"]);
        let read = parse(&merged.text).unwrap();
        let services = &read["services"];
        let on = "MCP_MESH_DISTRIBUTED_TRACING_ENABLED";
        assert_eq!(services["one"]["environment"][on], "true");
        assert_eq!(services["two"]["environment"]["REDIS_URL"], "mine");
        assert_eq!(services["three"]["environment"][1], format!("{on}=true"));
        assert_eq!(services["four"]["environment"], serde_json::json!({"A": 1}));
        assert_eq!(
            services["registry"]["environment"]["TEMPO_URL"],
            "http://tempo:3200"
        );
        assert_eq!(
            services["registry"]["depends_on"],
            serde_json::json!(["postgres", "redis"])
        );
        let again = merge(&merged.text, &traced, &templates);
        assert_eq!(again.unwrap().text, merged.text);
        let never = merge(text, &composition(&names), &templates).unwrap();
        assert_eq!(never.traced, [""; 0]);
    }

    #[test]
    fn what_cannot_be_merged_is_left_alone() {
        let told = |text: &str| merged(text).unwrap_err().to_string();
        assert_eq!(told("volumes:\n  a:\n"), "it has no `services`");
        assert!(told("services: {a: {image: x}}\n").contains("written in one line"));
        assert!(told("services:\n  a: [\n").starts_with("it is no YAML"));
    }

    #[test]
    fn lines_end_as_they_did() {
        let merged = merged("services:\r\n  a:\r\n    image: x\r\n").unwrap();
        assert_eq!(
            merged.text.matches('\n').count(),
            merged.text.matches("\r\n").count()
        );
    }
}
