//! A decision, stage by stage.

use mesh_core::wire::{AuditEviction, AuditStage};
use serde_json::Value;

use super::{Decision, moment};
use crate::printer::Tone;

/// The decision as a tree: a branch for each stage, the outcome last.
pub(super) fn tree(decision: &Decision) -> String {
    let trace = &decision.trace;
    let mut lines = vec![format!(
        "{}  dep[{}]  capability={}  function={}",
        moment(decision.timestamp),
        trace.dep_index,
        trace.spec.capability,
        decision.function()
    )];
    let spec = [
        ("tags", trace.spec.tags.join(",")),
        ("version", trace.spec.version_constraint.clone()),
        ("schema", schema_mode(&trace.spec.schema_mode).to_owned()),
    ];
    let spec: Vec<String> = spec
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    if !spec.is_empty() {
        lines.push(format!("  spec: {}", spec.join("  ")));
    }
    for stage in &trace.stages {
        lines.extend(branch(stage));
    }
    lines.push(match &trace.chosen {
        Some(chosen) => format!(
            "  └─ {} chosen: {}  endpoint={}  function={}",
            Tone::Good.paint("✓"),
            chosen.agent_id,
            chosen.endpoint,
            chosen.function_name
        ),
        None => format!("  └─ {} nobody is left", Tone::Bad.paint("✗")),
    });
    if let Some(before) = &trace.prior_chosen {
        lines.push(format!("     before: {before}"));
    }
    lines.join("\n")
}

fn schema_mode(mode: &str) -> &str {
    if mode == "none" { "" } else { mode }
}

fn branch(stage: &AuditStage) -> Vec<String> {
    let mut counts = vec![format!("kept {}", stage.kept.len())];
    if !stage.evicted.is_empty() {
        counts.push(format!("evicted {}", stage.evicted.len()));
    }
    if let Some(omitted) = stage.omitted {
        counts.push(format!("{omitted} more not listed"));
    }
    let mut lines = vec![format!("  ├─ {}  [{}]", stage.stage, counts.join(", "))];
    if let Some(chosen) = &stage.chosen {
        let reason = stage.reason.as_deref().unwrap_or("the only one");
        lines.push(format!("  │    chosen: {chosen} ({reason})"));
    } else if !stage.kept.is_empty() {
        // In one order at every stage, whatever the registry's is.
        let mut kept = stage.kept.clone();
        kept.sort_unstable();
        lines.push(format!("  │    kept: {}", kept.join(", ")));
    }
    lines.extend(stage.evicted.iter().map(eviction));
    lines
}

fn eviction(eviction: &AuditEviction) -> String {
    let mark = Tone::Bad.paint("✗");
    let mut line = format!("  │    {mark} {} — {}", eviction.id, eviction.reason);
    if let Some(Value::Object(details)) = &eviction.details {
        let details: Vec<String> = details
            .iter()
            .map(|(name, value)| format!("{name}={}", plain(value)))
            .collect();
        line = format!("{line} ({})", details.join(", "));
    }
    line
}

/// A value without the quotes of JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
