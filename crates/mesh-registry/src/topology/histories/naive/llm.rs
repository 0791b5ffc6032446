//! What LLM functions are given.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Judge, accepts, list, score, text};

/// A tool that may be used on behalf of an LLM: its agent, and the tool as it was sent.
type Usable<'a> = (&'a str, &'a Value);

/// The tools that a filter selects for an agent.
pub(super) fn tools(judge: &mut Judge<'_>, asker: &str, filter: &Value) -> Value {
    let usable = usable(judge);
    let others = usable.iter().filter(|(id, _)| *id != asker);
    let mode = text(&filter["filter_mode"]);
    let mut found = Vec::new();
    for (id, tool) in others {
        if mode == "*" {
            found.push((0, Reverse(0), *id, *tool));
            continue;
        }
        for (position, entry) in list(&filter["filter"]).iter().enumerate() {
            if is_about(entry, &tool["capability"])
                && let Some(score) = fit(entry, tool)
            {
                found.push((position, Reverse(score), *id, *tool));
            }
        }
    }
    found.sort_by_key(|(position, score, id, tool)| {
        let version = Reverse(text(&tool["version"]));
        let (capability, function) = (text(&tool["capability"]), text(&tool["function_name"]));
        (*position, *score, capability, function, version, *id)
    });
    let mut names = BTreeSet::new();
    found.retain(|(_, _, _, tool)| names.insert(text(&tool["function_name"])));
    if mode == "best_match" {
        // Stable, so that the first of equals stays the first.
        found.sort_by_key(|(_, _, _, tool)| {
            let rank = (text(&tool["version"]), list(&tool["tags"]).len());
            (text(&tool["capability"]), Reverse(rank))
        });
        found.dedup_by_key(|(_, _, _, tool)| text(&tool["capability"]));
    }
    let answer = |(_, _, id, tool): (usize, Reverse<u32>, &str, &Value)| {
        json!({
            "name": tool["function_name"],
            "capability": tool["capability"],
            "description": "",
            "endpoint": judge.endpoint(id),
            "inputSchema": tool["inputSchema"],
            "tags": tool["tags"],
            "version": tool["version"],
        })
    };
    found.into_iter().map(answer).collect()
}

/// The provider that a function is given, if it asks for one.
pub(super) fn provider(judge: &mut Judge<'_>, need: &Value) -> Option<Value> {
    let mut found: Vec<_> = usable(judge)
        .into_iter()
        .filter(|(_, tool)| tool["capability"] == need["capability"])
        .filter_map(|(id, tool)| Some((fit(need, tool)?, id, tool)))
        .collect();
    found.sort_by_key(|(score, id, tool)| {
        let rank = Reverse((*score, text(&tool["version"])));
        (rank, *id, text(&tool["function_name"]))
    });
    let (_, id, tool) = found.first()?;
    let mut answer = json!({
        "agent_id": id,
        "name": tool["function_name"],
        "endpoint": judge.endpoint(id),
        "capability": tool["capability"],
        "status": "available",
        "vendor": "unknown",
        "version": tool["version"],
    });
    for field in ["tags", "kwargs"] {
        if !tool[field].is_null() && tool[field] != json!([]) {
            answer[field] = tool[field].clone();
        }
    }
    Some(answer)
}

fn usable<'a>(judge: &mut Judge<'a>) -> Vec<Usable<'a>> {
    let mut usable = Vec::new();
    for (id, record) in judge.records {
        for (position, tool) in list(&record.registration["tools"]).iter().enumerate() {
            if !tool["inputSchema"].is_null() && judge.is_available(id, position) {
                usable.push((id.as_str(), tool));
            }
        }
    }
    usable
}

fn is_about(entry: &Value, capability: &Value) -> bool {
    match entry {
        Value::String(name) => name == "*" || name == capability,
        selector => selector["capability"].is_null() || selector["capability"] == *capability,
    }
}

fn fit(selector: &Value, tool: &Value) -> Option<u32> {
    let score = score(&selector["tags"], list(&tool["tags"]))?;
    accepts(text(&selector["version"]), text(&tool["version"])).then_some(score)
}
