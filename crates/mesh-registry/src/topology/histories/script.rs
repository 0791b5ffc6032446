//! Random histories: few names and many steps, so that agents get in each other's way.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

/// Something that happens to the mesh.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// One batch of the writer.
    Commit(Vec<Change>),
    /// Time passes, and one agent is silent.
    Wait { seconds: i64, silent: &'static str },
    /// An agent takes its answer.
    Fetch(&'static str),
    /// The registry starts anew from its store.
    Restart,
}

/// One change in a batch.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Post(Value),
    Leave(&'static str),
    Age,
    Purge,
}

const AGENTS: &[&str] = &["a-1", "a-2", "b-1", "b-2", "c-1", "d-1"];
const TAGS: &[&[&str]] = &[&[], &["x"], &["y"], &["x", "y"]];
const CAPABILITIES: &[&str] = &["a", "b", "c", "d", "e"];

pub(super) fn history() -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 1..24)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => vec(change(), 1..4).prop_map(Step::Commit),
        2 => (select(&[5, 25, 70][..]), agent())
            .prop_map(|(seconds, silent)| Step::Wait { seconds, silent }),
        3 => agent().prop_map(Step::Fetch),
        1 => Just(Step::Restart),
    ]
}

fn agent() -> impl Strategy<Value = &'static str> {
    select(AGENTS)
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        10 => registration().prop_map(Change::Post),
        3 => agent().prop_map(Change::Leave),
        2 => Just(Change::Age),
        1 => Just(Change::Purge),
    ]
}

fn registration() -> impl Strategy<Value = Value> {
    (agent(), 1..3u16, vec(tool(), 0..3)).prop_map(|(id, port, mut tools)| {
        for (tool, name) in tools.iter_mut().zip(["g", "f", "h"]) {
            tool["function_name"] = json!(name);
        }
        json!({ "agent_id": id, "http_host": "host", "http_port": port, "tools": tools })
    })
}

fn tool() -> impl Strategy<Value = Value> {
    let capability = prop_oneof![9 => select(CAPABILITIES), 1 => Just("")];
    let tags = select(TAGS);
    let version = select(&["1.0.0", "1.5.0", "2.0.0"][..]);
    let output = prop::option::of(select(SCHEMAS));
    let kwargs = prop::option::weighted(0.2, select(&[1, 2][..]));
    let offer = (capability, tags, version, output, kwargs);
    (offer, vec(entry(), 0..3), llm()).prop_map(|(offer, dependencies, llm)| {
        let (capability, tags, version, output, kwargs) = offer;
        let mut tool = json!({ "capability": capability, "tags": tags, "version": version,
            "dependencies": dependencies });
        if let Some(name) = output {
            tool["outputSchemaHash"] = json!(name);
            tool["outputSchemaCanonical"] = schema(name);
        }
        if let Some(team) = kwargs {
            tool["kwargs"] = json!({ "team": team });
        }
        let (has_input, filter, provider) = llm;
        if has_input {
            tool["inputSchema"] = json!({ "type": "object" });
        }
        if let Some(filter) = filter {
            tool["llm_filter"] = filter;
        }
        if let Some(provider) = provider {
            tool["llm_provider"] = provider;
        }
        tool
    })
}

/// Whether the tool can be used by an LLM, and what it asks for if it is an LLM function itself.
fn llm() -> impl Strategy<Value = (bool, Option<Value>, Option<Value>)> {
    let entry = prop_oneof![
        2 => select(CAPABILITIES).prop_map(|name| json!(name)),
        1 => Just(json!("*")),
        3 => selector(prop::option::weighted(0.8, select(CAPABILITIES))),
    ];
    let mode = select(&["all", "best_match", "*"][..]);
    let filter = (vec(entry, 0..3), mode)
        .prop_map(|(filter, mode)| json!({ "filter": filter, "filter_mode": mode }));
    (
        prop::bool::weighted(0.7),
        prop::option::weighted(0.25, filter),
        prop::option::weighted(0.2, selector(select(CAPABILITIES).prop_map(Some))),
    )
}

fn selector(
    capability: impl Strategy<Value = Option<&'static str>>,
) -> impl Strategy<Value = Value> {
    let tags = select(&[r#"["x"]"#, r#"["+x"]"#, r#"["-y","+x"]"#][..]);
    let version = select(&["", ">=1.5.0", "^1.0.0"][..]);
    (capability, prop::option::of(tags), version).prop_map(|(capability, tags, version)| {
        let mut selector = json!({ "version": version });
        if let Some(capability) = capability {
            selector["capability"] = json!(capability);
        }
        if let Some(tags) = tags {
            selector["tags"] = serde_json::from_str(tags).expect("it is JSON");
        }
        selector
    })
}

/// What stands at one position.
fn entry() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => dependency(),
        1 => vec(dependency(), 1..4).prop_map(Value::Array),
    ]
}

fn dependency() -> impl Strategy<Value = Value> {
    let capability = prop_oneof![14 => select(CAPABILITIES), 1 => Just("")];
    let tags = select(
        &[
            "[]",
            r#"["x"]"#,
            r#"["+x"]"#,
            r#"["-y"]"#,
            r#"[["x","y"]]"#,
            r#"[["+x","y"],"+y"]"#,
        ][..],
    );
    let version = select(&["", "", ">=1.5.0", "^1.0.0", "2.0.0"][..]);
    let expected =
        prop::option::weighted(0.3, (select(&["subset", "strict"][..]), select(SCHEMAS)));
    (capability, tags, version, expected, any::<bool>()).prop_map(
        |(capability, tags, version, expected, required)| {
            let tags: Value = serde_json::from_str(tags).expect("it is JSON");
            let mut dependency = json!({ "capability": capability, "tags": tags,
                "version": version, "required": required });
            if let Some((mode, name)) = expected {
                dependency["matchMode"] = json!(mode);
                dependency["expectedSchemaHash"] = json!(name);
                dependency["expectedSchemaCanonical"] = schema(name);
            }
            dependency
        },
    )
}

/// By their hashes: each letter is a required member of that name, a text if small, else a number.
const SCHEMAS: &[&str] = &["p", "pq", "P"];

fn schema(name: &str) -> Value {
    let members: Vec<_> = name
        .chars()
        .map(|c| c.to_ascii_lowercase().to_string())
        .collect();
    let properties: serde_json::Map<_, _> = name
        .chars()
        .map(|c| {
            let kind = if c.is_lowercase() { "string" } else { "number" };
            (c.to_ascii_lowercase().to_string(), json!({ "type": kind }))
        })
        .collect();
    json!({ "type": "object", "properties": properties, "required": members })
}
