//! The rules of resolution, written down once more and as plainly as possible: everything is computed
//! from the registrations as they were sent, every time.

mod llm;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use mesh_core::Timestamp;
use serde_json::{Map, Value, json};

/// An agent as the naive resolver knows it.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) registration: Value,
    pub(super) healthy: bool,
    pub(super) seen: Timestamp,
}

impl Record {
    pub(super) fn new(registration: Value, seen: Timestamp) -> Self {
        Self {
            registration,
            healthy: true,
            seen,
        }
    }
}

type Records = BTreeMap<String, Record>;

/// The answer of every agent: `dependencies_resolved`, `llm_tools` and `llm_providers`.
pub(super) fn answers(records: &Records) -> BTreeMap<String, Value> {
    let mut judge = Judge::new(records);
    records
        .iter()
        .map(|(id, record)| (id.clone(), answer(id, record, &mut judge)))
        .collect()
}

fn answer(id: &str, record: &Record, judge: &mut Judge<'_>) -> Value {
    let (mut wired, mut tools, mut providers) = (Map::new(), Map::new(), Map::new());
    for tool in list(&record.registration["tools"]) {
        let name = text(&tool["function_name"]);
        let slots: Vec<_> = list(&tool["dependencies"])
            .iter()
            .map(|entry| judge.slot(entry))
            .collect();
        if !slots.is_empty() {
            wired.insert(name.to_owned(), slots.into());
        }
        if !tool["llm_filter"].is_null() {
            tools.insert(name.to_owned(), llm::tools(judge, id, &tool["llm_filter"]));
        }
        if let Some(provider) = llm::provider(judge, &tool["llm_provider"]) {
            providers.insert(name.to_owned(), provider);
        }
    }
    let mut answer = json!({ "dependencies_resolved": wired, "llm_tools": tools });
    if !providers.is_empty() {
        answer["llm_providers"] = providers.into();
    }
    answer
}

/// The positions of the functions of `id` that consumers may be wired to.
pub(super) fn available_functions(records: &Records, id: &str) -> BTreeSet<usize> {
    let mut judge = Judge::new(records);
    let count = list(&records[id].registration["tools"]).len();
    (0..count)
        .filter(|&position| judge.is_available(id, position))
        .collect()
}

/// Whether required dependencies form a circle of capability names.
pub(super) fn has_cycle<'a>(registrations: impl Iterator<Item = &'a Value>) -> bool {
    let mut edges = BTreeSet::new();
    for registration in registrations {
        for tool in list(&registration["tools"]) {
            for entry in list(&tool["dependencies"])
                .iter()
                .filter(|entry| is_required(entry))
            {
                for spec in alternatives(entry) {
                    if tool["capability"] != "" {
                        edges.insert((text(&tool["capability"]), text(&spec["capability"])));
                    }
                }
            }
        }
    }
    // Take names away that nothing leads to, until none is left, or only circles are.
    loop {
        let targets: BTreeSet<_> = edges.iter().map(|(_, to)| *to).collect();
        let before = edges.len();
        edges.retain(|(from, _)| targets.contains(from));
        if edges.len() == before {
            return before > 0;
        }
    }
}

struct Judge<'a> {
    records: &'a Records,
    known: HashMap<(String, usize), bool>,
}

impl<'a> Judge<'a> {
    fn new(records: &'a Records) -> Self {
        Self {
            records,
            known: HashMap::new(),
        }
    }

    fn endpoint(&self, id: &str) -> String {
        let port = &self.records[id].registration["http_port"];
        format!("http://host:{port}")
    }

    fn slot(&mut self, entry: &Value) -> Value {
        for spec in alternatives(entry) {
            if let Some((id, tool)) = self.winner(spec) {
                let mut slot = json!({
                    "agent_id": id,
                    "capability": spec["capability"],
                    "endpoint": self.endpoint(id),
                    "function_name": tool["function_name"],
                    "status": "available",
                });
                if !tool["kwargs"].is_null() {
                    slot["kwargs"] = tool["kwargs"].clone();
                }
                return slot;
            }
        }
        json!({
            "agent_id": "",
            "capability": alternatives(entry)[0]["capability"],
            "endpoint": "",
            "function_name": "",
            "status": "unresolved",
        })
    }

    fn winner(&mut self, spec: &Value) -> Option<(&'a str, &'a Value)> {
        let records = self.records;
        let mut fits = Vec::new();
        for (id, record) in records {
            for (position, tool) in list(&record.registration["tools"]).iter().enumerate() {
                if tool["capability"] == ""
                    || tool["capability"] != spec["capability"]
                    || !accepts(text(&spec["version"]), text(&tool["version"]))
                    || !suits(spec, tool)
                {
                    continue;
                }
                if let Some(score) = score(&spec["tags"], list(&tool["tags"]))
                    && self.is_available(id, position)
                {
                    fits.push((score, text(&tool["version"]), id.as_str(), tool));
                }
            }
        }
        // The versions of the script compare like texts.
        fits.sort_by_key(|(_, _, id, tool)| (*id, text(&tool["function_name"])));
        fits.sort_by(|a, b| (b.0, b.1).cmp(&(a.0, a.1)));
        fits.first().map(|(_, _, id, tool)| (*id, *tool))
    }

    fn is_available(&mut self, id: &str, position: usize) -> bool {
        let record = &self.records[id];
        let tool = &record.registration["tools"][position];
        if !record.healthy || tool["capability"] == "" {
            return false;
        }
        let key = (id.to_owned(), position);
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let available = list(&tool["dependencies"])
            .iter()
            .filter(|entry| is_required(entry))
            .all(|entry| {
                alternatives(entry)
                    .iter()
                    .any(|spec| self.winner(spec).is_some())
            });
        self.known.insert(key, available);
        available
    }
}

fn alternatives(entry: &Value) -> &[Value] {
    entry
        .as_array()
        .map_or(std::slice::from_ref(entry), Vec::as_slice)
}

fn is_required(entry: &Value) -> bool {
    alternatives(entry)
        .iter()
        .any(|spec| spec["required"] == true)
}

/// The score of the provider's tags; `None` if they do not do.
fn score(wanted: &Value, tags: &[Value]) -> Option<u32> {
    let has = |tag: &str| tags.iter().any(|own| own == tag);
    let mut score = 0;
    for entry in list(wanted) {
        score += match entry.as_array() {
            Some(group) => group
                .iter()
                .filter_map(|tag| match text(tag).strip_prefix('+') {
                    Some(preferred) => has(preferred).then_some(10),
                    None => has(text(tag)).then_some(5),
                })
                .max()?,
            None => match text(entry).split_at(1) {
                ("+", tag) => u32::from(has(tag)) * 10,
                ("-", tag) if has(tag) => return None,
                ("-", _) => 0,
                _ if has(text(entry)) => 5,
                _ => return None,
            },
        };
    }
    Some(score)
}

/// The constraints of the script, spelled out.
fn accepts(constraint: &str, version: &str) -> bool {
    match constraint {
        "" => true,
        ">=1.5.0" => version != "1.0.0",
        "^1.0.0" => version.starts_with("1."),
        exact => exact == version,
    }
}

/// The letters of a hash say what the schema is.
fn suits(spec: &Value, tool: &Value) -> bool {
    let (mode, expected) = (&spec["matchMode"], &spec["expectedSchemaHash"]);
    match (mode.as_str(), tool["outputSchemaHash"].as_str()) {
        (None, _) | (Some("subset"), None) => true,
        (Some("subset"), Some(published)) => text(expected).chars().all(|c| published.contains(c)),
        (Some(_), published) => published == expected.as_str(),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
