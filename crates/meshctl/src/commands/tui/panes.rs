//! What is told of the chosen agent: its wiring, what happened, and its log.

use std::fs;
use std::path::Path;

use mesh_client::{ClientError, describe};
use mesh_core::Timestamp;
use mesh_core::wire::{AgentInfo, AuditTrace, EventInfo, EventKind, EventList};
use unicode_width::UnicodeWidthChar as _;

use crate::commands::status::details;
use crate::log_file;
use crate::mesh_view::span;
use crate::printer::Tone;
use crate::table::{Cell, Table};

/// How much of a log is read.
const LOG_LINES: usize = 1000;

/// A line in pieces of one tone.
pub(super) type Pieces = Vec<Cell>;

/// What the agent offers and needs, and who uses it.
pub(super) fn wiring(agent: &AgentInfo, agents: &[AgentInfo], columns: usize) -> Vec<Pieces> {
    let mut lines = Vec::new();
    for (title, table) in details::sections(agent).chain(users(agent, agents)) {
        if !lines.is_empty() {
            lines.push(Vec::new());
        }
        lines.push(vec![title.into()]);
        lines.extend(table.lines(columns));
    }
    if lines.is_empty() {
        lines.push(vec![Cell::toned(
            "It offers nothing, needs nothing, and nobody uses it.",
            Tone::Dim,
        )]);
    }
    lines
}

/// Whose dependencies it is.
fn users(agent: &AgentInfo, agents: &[AgentInfo]) -> Option<(String, Table)> {
    let mut table = Table::new(&["AGENT", "FUNCTION", "USES"]);
    let mut count = 0;
    for user in agents {
        let dependencies = user.dependency_resolutions.iter().map(|slot| {
            let provider = slot.provider_agent_id.as_deref();
            (provider, &slot.function_name, slot.capability.as_str())
        });
        let providers = user.llm_provider_resolutions.iter().map(|slot| {
            let provider = slot.provider_agent_id.as_deref();
            (
                provider,
                &slot.function_name,
                slot.required_capability.as_str(),
            )
        });
        let tools = user.llm_tool_resolutions.iter().map(|slot| {
            let provider = slot.provider_agent_id.as_deref();
            let tool = slot.mcp_tool.as_deref().unwrap_or("-");
            (provider, &slot.function_name, tool)
        });
        let used = dependencies.chain(providers).chain(tools);
        for (_, function, what) in used.filter(|(id, ..)| *id == Some(agent.id.as_str())) {
            count += 1;
            table.row(vec![
                user.id.as_str().into(),
                function.as_str().into(),
                what.into(),
            ]);
        }
    }
    (count > 0).then(|| (format!("Used by ({count}):"), table))
}

/// What happened in the mesh, newest first. What happened to others than `chosen` is dimmed.
pub(super) fn events(
    events: &Result<EventList, ClientError>,
    chosen: &AgentInfo,
    now: Timestamp,
    columns: usize,
) -> Vec<Pieces> {
    let events = match events {
        Ok(list) => &list.events,
        Err(error) => return vec![vec![Cell::toned(describe(error), Tone::Bad)]],
    };
    if events.is_empty() {
        return vec![vec![Cell::toned("Nothing has happened yet.", Tone::Dim)]];
    }
    let mut table = Table::new(&["AGO", "EVENT", "AGENT", "FUNCTION", "DETAIL"])
        .giving_way(&["DETAIL", "FUNCTION"]);
    for event in events {
        let tone = if event.agent_id == chosen.id {
            None
        } else {
            Some(Tone::Dim)
        };
        let cell = |text: String| Cell { text, tone };
        table.row(vec![
            cell(span(now.since(event.timestamp))),
            Cell {
                tone: tone.or_else(|| verdict(event.event_type)),
                ..Cell::new(event.event_type.to_string())
            },
            cell(event.agent_id.clone()),
            cell(event.function_name.clone().unwrap_or_default()),
            cell(decision(event).unwrap_or_default()),
        ]);
    }
    table.lines(columns)
}

fn verdict(kind: EventKind) -> Option<Tone> {
    match kind {
        EventKind::Register | EventKind::DependencyResolved => Some(Tone::Good),
        EventKind::Unhealthy | EventKind::DependencyUnresolved => Some(Tone::Bad),
        _ => None,
    }
}

/// What was needed, and who was chosen for it.
fn decision(event: &EventInfo) -> Option<String> {
    let trace: AuditTrace = serde_json::from_str(event.data.as_ref()?.get()).ok()?;
    let chosen = trace
        .chosen
        .map_or_else(|| "nobody".to_owned(), |chosen| chosen.agent_id);
    Some(format!("{} → {chosen}", trace.spec.capability))
}

/// The end of the agent's log, as it was written but for its colours; long lines go on in the next one.
pub(super) fn log(path: &Path, agent: &AgentInfo, columns: usize) -> Vec<Pieces> {
    let hint = match fs::metadata(path) {
        Ok(file) if file.len() > 0 => None,
        Ok(_) => Some("Nothing is written in its log yet.".to_owned()),
        Err(_) => Some(format!(
            "{} has no log on this machine: `meshctl start` writes logs for agents that it starts in the background.",
            agent.name
        )),
    };
    if let Some(hint) = hint {
        return vec![vec![Cell::toned(hint, Tone::Dim)]];
    }
    let text = log_file::tail(path, LOG_LINES);
    let plain = anstream::adapter::strip_str(&text).to_string();
    plain
        .lines()
        .flat_map(|line| wrapped(&line.replace('\t', "    "), columns))
        .map(|line| vec![Cell::new(line)])
        .collect()
}

/// `line` in pieces of at most `columns` of a terminal; an empty one is a piece.
fn wrapped(line: &str, columns: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut taken = 0;
    for character in line.chars() {
        let width = character.width().unwrap_or_default();
        if taken + width > columns && taken > 0 {
            pieces.push(String::new());
            taken = 0;
        }
        taken += width;
        if let Some(last) = pieces.last_mut() {
            last.push(character);
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_go_on_in_the_next_one() {
        assert_eq!(wrapped("", 3), [""]);
        assert_eq!(wrapped("abc", 3), ["abc"]);
        assert_eq!(wrapped("abcdefg", 3), ["abc", "def", "g"]);
        assert_eq!(wrapped("天気a", 3), ["天", "気a"]);
        // However narrow it is, it goes on.
        assert_eq!(wrapped("天気", 0), ["天", "気"]);
    }
}
