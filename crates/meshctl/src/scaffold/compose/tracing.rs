//! Services that somebody has publish traces too, once something collects them: a few variables more.

use serde_json::{Map, Value};

use super::merge::parse;
use super::section::Section;
use super::services::Block;
use crate::scaffold::literals::plain;

/// What a service is told about traces; those that are set already stay as they are.
const VARIABLES: [&str; 6] = [
    "MCP_MESH_DISTRIBUTED_TRACING_ENABLED",
    "REDIS_URL",
    "TEMPO_URL",
    "TRACE_EXPORTER_TYPE",
    "TELEMETRY_ENDPOINT",
    "TELEMETRY_PROTOCOL",
];
/// What must run before a service can publish.
const COLLECTOR: &str = "redis";

/// What was added to services that were there.
#[derive(Debug, Default)]
pub(super) struct Tracing {
    added: Vec<Added>,
    /// Those whose lines are written in a way that nothing can be added to.
    pub(super) refused: Vec<String>,
}

#[derive(Debug)]
struct Added {
    service: String,
    variables: Vec<String>,
    waits: bool,
}

impl Tracing {
    /// Adds to the service of `block`, which is among `services`, what `block` has about traces and it has
    /// not.
    pub(super) fn add_to(&mut self, block: &Block, services: &Value, lines: &mut Vec<String>) {
        let service = &services[&block.service];
        let ours = parse(&block.text).unwrap_or_default();
        let ours = &ours[&block.service];
        let variables: Vec<_> = VARIABLES
            .iter()
            .filter_map(|name| Some((*name, ours["environment"].get(name)?.as_str()?)))
            .filter(|(name, _)| !has(&service["environment"], name))
            .collect();
        let waits = has(&ours["depends_on"], COLLECTOR) && !has(&service["depends_on"], COLLECTOR);
        if variables.is_empty() {
            return;
        }
        let mut changed = lines.clone();
        let name = &block.service;
        let done = extend(&mut changed, name, "environment", service, |is_list| {
            let line = |(name, value): &(&str, &str)| {
                if is_list {
                    format!("- {name}={value}")
                } else {
                    format!("{name}: {}", plain(value))
                }
            };
            variables.iter().map(line).collect()
        });
        let done = done.and_then(|()| {
            if !waits {
                return Some(());
            }
            extend(&mut changed, name, "depends_on", service, |is_list| {
                if is_list {
                    vec![format!("- {COLLECTOR}")]
                } else {
                    let condition = "  condition: service_healthy".to_owned();
                    vec![format!("{COLLECTOR}:"), condition]
                }
            })
        });
        if done.is_none() {
            self.refused.push(name.clone());
            return;
        }
        *lines = changed;
        self.added.push(Added {
            service: name.clone(),
            variables: variables
                .iter()
                .map(|(name, _)| (*name).to_owned())
                .collect(),
            waits,
        });
    }

    /// The services that were added to.
    pub(super) fn services(&self) -> Vec<String> {
        self.added
            .iter()
            .map(|added| added.service.clone())
            .collect()
    }

    /// `file` without what was added, to compare it with what was there.
    pub(super) fn without(&self, mut file: Value) -> Value {
        for added in &self.added {
            if let Some(service) = file["services"][&added.service].as_object_mut() {
                for variable in &added.variables {
                    remove(service, "environment", variable);
                }
                if added.waits {
                    remove(service, "depends_on", COLLECTOR);
                }
            }
        }
        file
    }
}

/// Adds lines to the section `key` of a service, or such a section; nothing if it is written in one line.
fn extend(
    lines: &mut Vec<String>,
    name: &str,
    key: &str,
    service: &Value,
    entries: impl Fn(bool) -> Vec<String>,
) -> Option<()> {
    let (section, entries) = match service.get(key) {
        None => {
            let mut new = vec![format!("{key}:")];
            new.extend(entries(false).into_iter().map(|line| format!("  {line}")));
            (Section::find(lines, &["services", name])?, new)
        }
        Some(there) if there.is_object() || there.is_array() => (
            Section::find(lines, &["services", name, key])?,
            entries(there.is_array()),
        ),
        Some(_) => return None,
    };
    let blanks = " ".repeat(section.indentation);
    let entries = entries.iter().map(|line| format!("{blanks}{line}"));
    section.append(lines, entries.collect());
    Some(())
}

/// Whether a section, a map or a list, has an entry called `name`.
fn has(section: &Value, name: &str) -> bool {
    match section {
        Value::Object(entries) => entries.contains_key(name),
        Value::Array(entries) => entries.iter().any(|entry| is_called(entry, name)),
        _ => false,
    }
}

/// Whether `entry` of a list is `name` or `name=value`.
fn is_called(entry: &Value, name: &str) -> bool {
    let rest = entry.as_str().and_then(|entry| entry.strip_prefix(name));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
}

/// Takes `name` out of the section `key`, and the section if nothing is left.
fn remove(service: &mut Map<String, Value>, key: &str, name: &str) {
    let is_empty = match service.get_mut(key) {
        Some(Value::Object(entries)) => {
            entries.remove(name);
            entries.is_empty()
        }
        Some(Value::Array(entries)) => {
            entries.retain(|entry| !is_called(entry, name));
            entries.is_empty()
        }
        _ => false,
    };
    if is_empty {
        service.remove(key);
    }
}
