//! What changes in a list of agents from one look to the next.

use std::collections::BTreeMap;

use mesh_core::Timestamp;
use mesh_core::wire::{AgentInfo, AgentList};
use schemars::JsonSchema;
use serde::Serialize;

use super::report::AgentReport;
use super::{Scope, View};
use crate::mesh_view::{host_and_port, is_healthy, public_tools};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ChangeKind {
    /// An agent is there, or there again.
    Added,
    /// Something about an agent is different, other than when it was heard.
    Changed,
    /// An agent is not in this list any more; this is what it was.
    Removed,
    /// The registry answers, or does not any more.
    Registry,
}

impl ChangeKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
            Self::Registry => "registry",
        }
    }
}

/// One line of `list --watch --json`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ListChange<'a> {
    pub(super) change: ChangeKind,
    /// When it was noticed.
    pub(super) timestamp: Timestamp,
    /// The agent as it is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) agent: Option<AgentReport<'a>>,
    /// With `registry`: how it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) registry: Option<RegistryChange<'a>>,
}

/// Whether the registry answers.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RegistryChange<'a> {
    /// `running` or `not running`.
    pub(super) status: &'static str,
    pub(super) url: &'a str,
}

/// The agents as they were at the last look.
#[derive(Debug, Default)]
pub(super) struct Memory {
    agents: BTreeMap<String, AgentInfo>,
}

impl Memory {
    /// What is different in `list`, which is remembered then.
    pub(super) fn update(
        &mut self,
        list: &AgentList,
        view: &View,
        now: Timestamp,
    ) -> Vec<(ChangeKind, AgentInfo)> {
        let is_shown = |agent: &AgentInfo| {
            view.selects(agent, now) && (view.scope == Scope::Everyone || is_healthy(agent))
        };
        let mut changes = Vec::new();
        let before = std::mem::take(&mut self.agents);
        for agent in &list.agents {
            let old = before.get(&agent.id);
            let kind = match (old.is_some_and(is_shown), is_shown(agent)) {
                (false, true) => Some(ChangeKind::Added),
                (true, true) => Some(ChangeKind::Changed),
                // Whoever shows the healthy ones is told of one that fell ill.
                (true, false) if view.selects(agent, now) => Some(ChangeKind::Changed),
                (true, false) => Some(ChangeKind::Removed),
                (false, false) => None,
            };
            let is_same = old.is_some_and(|old| essence(old) == essence(agent));
            if let Some(kind) = kind.filter(|kind| *kind != ChangeKind::Changed || !is_same) {
                changes.push((kind, agent.clone()));
            }
            self.agents.insert(agent.id.clone(), agent.clone());
        }
        let gone = before
            .into_values()
            .filter(|old| !self.agents.contains_key(&old.id));
        let gone = gone.filter(|old| is_shown(old));
        changes.extend(gone.map(|agent| (ChangeKind::Removed, agent)));
        changes
    }
}

/// All of an agent but when it was heard.
fn essence(agent: &AgentInfo) -> String {
    let agent = AgentInfo {
        last_seen: agent.created_at,
        ..agent.clone()
    };
    serde_json::to_string(&agent).expect("wire types hold nothing that JSON lacks")
}

/// The titles of [`line`]s.
pub(super) fn heading() -> String {
    columns([
        "TIME", "CHANGE", "NAME", "STATUS", "DEPS", "CAPS", "ENDPOINT",
    ])
}

/// A change as one line.
pub(super) fn line(change: ChangeKind, agent: &AgentInfo, now: Timestamp) -> String {
    let caps = public_tools(agent).count();
    let available = public_tools(agent).filter(|tool| tool.available).count();
    columns([
        &second(now),
        change.as_str(),
        &agent.id,
        agent.status.as_str(),
        &format!(
            "{}/{}",
            agent.dependencies_resolved, agent.total_dependencies
        ),
        &format!("{available}/{caps}"),
        host_and_port(&agent.endpoint),
    ])
}

/// That the registry answers, or does not, as one line.
pub(super) fn registry_line(change: &RegistryChange<'_>, now: Timestamp) -> String {
    let kind = ChangeKind::Registry.as_str();
    columns([&second(now), kind, change.url, change.status, "", "", ""])
}

fn columns([time, change, name, status, deps, caps, endpoint]: [&str; 7]) -> String {
    let text = format!(
        "{time:<20}  {change:<8}  {name:<28}  {status:<11}  {deps:<5}  {caps:<5}  {endpoint}"
    );
    text.trim_end().to_owned()
}

fn second(moment: Timestamp) -> String {
    Timestamp::from_seconds(moment.as_seconds()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh_view::tests::agent;

    #[test]
    fn each_change_is_told_once() {
        let now = Timestamp::from_seconds(1_790_000_125);
        let mut memory = Memory::default();
        let mut look = |view: &View, agents: Vec<AgentInfo>| -> Vec<String> {
            let list = AgentList {
                count: agents.len(),
                agents,
                timestamp: now,
            };
            let changes = memory.update(&list, view, now);
            let word = |(kind, agent): (ChangeKind, AgentInfo)| {
                format!("{} {} {}", kind.as_str(), agent.id, agent.status)
            };
            changes.into_iter().map(word).collect()
        };
        let view = View::default();
        let a = |status| agent("a-1", "a", status);
        let b = agent("b-1", "b", "unhealthy");
        assert_eq!(
            look(&view, vec![a("healthy"), b.clone()]),
            ["added a-1 healthy"]
        );
        let mut heard = a("healthy");
        heard.last_seen = now;
        assert!(look(&view, vec![heard.clone(), b.clone()]).is_empty());
        heard.endpoint = "http://elsewhere:1".to_owned();
        assert_eq!(look(&view, vec![heard, b.clone()]), ["changed a-1 healthy"]);
        assert_eq!(
            look(&view, vec![a("unhealthy"), b.clone()]),
            ["changed a-1 unhealthy"]
        );
        assert!(look(&view, vec![a("unhealthy")]).is_empty());
        assert_eq!(look(&view, vec![a("healthy")]), ["added a-1 healthy"]);
        assert_eq!(look(&view, vec![]), ["removed a-1 healthy"]);
        let everyone = View {
            scope: Scope::Everyone,
            ..View::default()
        };
        assert_eq!(look(&everyone, vec![b.clone()]), ["added b-1 unhealthy"]);
        assert_eq!(look(&everyone, vec![]), ["removed b-1 unhealthy"]);
    }
}
