//! The list of agents as people see it: a line about the registry, a table, a line that counts.

use std::time::Duration;

use mesh_core::Timestamp;
use mesh_core::wire::{AgentInfo, AgentList, HealthReport};

use super::{Format, View, Wiring, blocks};
use crate::census::{Census, Standing};
use crate::mesh_view::{host_and_port, kind, public_tools, runtime, span};
use crate::presence::Gone;
use crate::printer::Tone;
use crate::table::{Cell, Table};

/// How much of the capabilities the table shows, in characters.
const CAPABILITIES_WIDTH: usize = 80;

/// What a view shows of a list, at one moment.
pub(in crate::commands) struct Picture<'a> {
    view: &'a View,
    now: Timestamp,
    census: Census<'a>,
    /// Whose process is gone, though the registry calls them healthy.
    gone: Option<&'a Gone>,
    /// In the order of the table.
    pub(in crate::commands) shown: Vec<&'a AgentInfo>,
    /// What the view selects and its scope leaves out.
    hidden: Vec<&'a AgentInfo>,
}

impl<'a> Picture<'a> {
    pub(in crate::commands) fn new(view: &'a View, list: &'a AgentList, now: Timestamp) -> Self {
        let census = Census::of(&list.agents);
        let (shown, hidden) = census
            .agents
            .iter()
            .filter(|agent| view.selects(agent, now))
            .partition(|agent| view.scope.includes(agent, &census));
        Self {
            view,
            now,
            census,
            gone: None,
            shown,
            hidden,
        }
    }

    /// The same, with what this machine knows better.
    pub(in crate::commands) fn knowing(mut self, gone: &'a Gone) -> Self {
        self.gone = Some(gone);
        self
    }

    /// What `Registry: running` is followed by.
    pub(in crate::commands) fn header(&self, url: &str, health: Option<&HealthReport>) -> String {
        let counts = self.census.count(self.census.agents.iter().copied());
        let mut text = format!(
            "Registry: {} ({url}) - {}",
            Tone::Good.paint("running"),
            counts.words().join(", ")
        );
        if let Some(health) = health {
            let uptime = span(Duration::from_secs(health.uptime_seconds));
            text = format!("{text} - uptime {uptime}");
        }
        text
    }

    /// The table, if anything is in it.
    pub(in crate::commands) fn table(&self) -> Option<Table> {
        let columns = self.columns();
        let titles: Vec<&str> = columns.iter().map(|column| column.title).collect();
        let is_wide = titles.contains(&"CAPABILITIES");
        let yielding: &[_] = if is_wide { &["CAPABILITIES"] } else { &[] };
        let mut table = Table::new(&titles).giving_way(yielding).leaving_out(&[
            "RUNTIME",
            "TYPE",
            "AGE",
            "LAST SEEN",
            "CAPS",
            "DEPS",
        ]);
        for agent in &self.shown {
            table.row(
                columns
                    .iter()
                    .map(|column| (column.cell)(self, agent))
                    .collect(),
            );
        }
        (!self.shown.is_empty()).then_some(table)
    }

    /// What `--verbose` tells of every agent.
    pub(super) fn blocks(&self, pid: impl Fn(&AgentInfo) -> Option<u32>) -> Vec<String> {
        let block = |agent: &&AgentInfo| blocks::block(agent, pid(agent), self.view.wiring);
        self.shown.iter().map(block).collect()
    }

    /// Who is shown, and how many are not.
    pub(in crate::commands) fn footer(&self) -> String {
        let mut parts = Vec::new();
        let counts = self.census.count(self.shown.iter().copied());
        parts.push(match self.shown.len() {
            0 => "No agents found".to_owned(),
            shown => format!(
                "{shown} agent{} ({})",
                if shown == 1 { "" } else { "s" },
                counts.words().join(", ")
            ),
        });
        let hidden = self.census.count(self.hidden.iter().copied());
        if hidden.down() > 0 {
            parts.push(format!("{} down hidden (use --all)", hidden.down()));
        }
        match (hidden.superseded, hidden.down()) {
            (0, _) => {}
            (superseded, 0) => parts.push(format!("{superseded} superseded hidden (use --all)")),
            (superseded, _) => parts.push(format!("{superseded} superseded hidden")),
        }
        parts.join(" - ")
    }

    fn columns(&self) -> Vec<Column> {
        let wiring = self.view.wiring == Wiring::Shown;
        let wide = self.view.format == Format::Wide;
        [
            (true, Column::new("NAME", name)),
            (
                true,
                Column::new("RUNTIME", |_, agent| runtime(agent).into()),
            ),
            (true, Column::new("TYPE", |_, agent| kind(agent).into())),
            (true, Column::new("STATUS", status)),
            (wiring, Column::new("DEPS", |_, agent| dependencies(agent))),
            (wiring, Column::new("CAPS", |_, agent| capabilities(agent))),
            (
                true,
                Column::new("ENDPOINT", |_, agent| host_and_port(&agent.endpoint).into()),
            ),
            (
                wide,
                Column::new("TOOLS", |_, agent| {
                    public_tools(agent).count().to_string().into()
                }),
            ),
            (
                true,
                Column::new("AGE", |this, agent| this.ago(agent.created_at)),
            ),
            (
                true,
                Column::new("LAST SEEN", |this, agent| this.ago(agent.last_seen)),
            ),
            (
                wide || self.view.verbose,
                Column::new("CAPABILITIES", |_, agent| capability_names(agent).into()),
            ),
        ]
        .into_iter()
        .filter_map(|(is_shown, column)| is_shown.then_some(column))
        .collect()
    }

    fn ago(&self, moment: Timestamp) -> Cell {
        span(self.now.since(moment)).into()
    }
}

fn name(this: &Picture<'_>, agent: &AgentInfo) -> Cell {
    let replaced = this.hidden.iter().filter(|other| {
        other.name == agent.name && this.census.standing(other) == Standing::Superseded
    });
    let text = match replaced.count() {
        count @ 1.. if this.census.is_newest(agent) => {
            format!("{} (+{count} superseded)", agent.id)
        }
        _ => agent.id.clone(),
    };
    match this.census.standing(agent) {
        Standing::Superseded => Cell::toned(text, Tone::Dim),
        _ => Cell::new(text),
    }
}

fn status(this: &Picture<'_>, agent: &AgentInfo) -> Cell {
    if this.gone.is_some_and(|gone| gone.contains_key(&agent.id)) {
        return Cell::toned(format!("{} (process gone)", agent.status), Tone::Bad);
    }
    let standing = this.census.standing(agent);
    let text = match standing.remark() {
        Some(remark) => format!("{} ({remark})", agent.status),
        None => agent.status.to_string(),
    };
    Cell::toned(text, standing.tone())
}

/// A column of the table.
struct Column {
    title: &'static str,
    cell: fn(&Picture<'_>, &AgentInfo) -> Cell,
}

impl Column {
    fn new(title: &'static str, cell: fn(&Picture<'_>, &AgentInfo) -> Cell) -> Self {
        Self { title, cell }
    }
}

fn dependencies(agent: &AgentInfo) -> Cell {
    let (resolved, total) = (agent.dependencies_resolved, agent.total_dependencies);
    let text = format!("{resolved}/{total}");
    match (resolved, total) {
        (_, 0) => Cell::new(text),
        (0, _) => Cell::toned(text, Tone::Bad),
        _ if resolved < total => Cell::toned(text, Tone::Doubtful),
        _ => Cell::toned(text, Tone::Good),
    }
}

fn capabilities(agent: &AgentInfo) -> Cell {
    let total = public_tools(agent).count();
    let available = public_tools(agent).filter(|tool| tool.available).count();
    let text = format!("{available}/{total}");
    if available < total {
        Cell::toned(text, Tone::Doubtful)
    } else {
        Cell::new(text)
    }
}

fn capability_names(agent: &AgentInfo) -> String {
    let mut names: Vec<&str> = public_tools(agent).map(|tool| tool.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let text = names.join(", ");
    if text.chars().count() <= CAPABILITIES_WIDTH {
        return text;
    }
    let cut: String = text.chars().take(CAPABILITIES_WIDTH - 3).collect();
    format!("{cut}...")
}

#[cfg(test)]
mod tests {
    use super::super::Scope;
    use super::*;
    use crate::mesh_view::tests::agent;

    fn mesh() -> AgentList {
        let at = |seconds, mut agent: AgentInfo| {
            agent.created_at = Timestamp::from_seconds(seconds);
            agent.last_seen = Timestamp::from_seconds(seconds);
            agent
        };
        let agents = vec![
            at(1_790_000_000, agent("a-1", "a", "unhealthy")),
            at(1_790_000_060, agent("a-2", "a", "healthy")),
            at(1_790_000_060, agent("b-1", "b", "unhealthy")),
        ];
        AgentList {
            count: agents.len(),
            agents,
            timestamp: Timestamp::from_seconds(1_790_000_125),
        }
    }

    /// All lines of the list, without colours.
    fn lines(view: &View) -> String {
        let list = mesh();
        let picture = Picture::new(view, &list, list.timestamp);
        let mut lines = vec![picture.header("http://r", None)];
        lines.extend(picture.table().map(|table| table.render()));
        lines.push(picture.footer());
        anstream::adapter::strip_str(&lines.join("\n")).to_string()
    }

    #[test]
    fn what_was_replaced_is_counted_on_the_row_that_replaced_it() {
        insta::assert_snapshot!(lines(&View::default()), @r"
            Registry: running (http://r) - 1 healthy, 1 inactive, 1 superseded
            NAME                 RUNTIME  TYPE   STATUS   DEPS  CAPS  ENDPOINT        AGE  LAST SEEN
            ----------------------------------------------------------------------------------------
            a-2 (+1 superseded)  -        Agent  healthy  0/0   0/0   127.0.0.1:9000  1m   1m
            1 agent (1 healthy) - 1 down hidden (use --all) - 1 superseded hidden
            ");
        let everyone = View {
            scope: Scope::Everyone,
            ..View::default()
        };
        insta::assert_snapshot!(lines(&everyone), @r"
            Registry: running (http://r) - 1 healthy, 1 inactive, 1 superseded
            NAME  RUNTIME  TYPE   STATUS                  DEPS  CAPS  ENDPOINT        AGE  LAST SEEN
            ----------------------------------------------------------------------------------------
            a-1   -        Agent  unhealthy (superseded)  0/0   0/0   127.0.0.1:9000  2m   2m
            a-2   -        Agent  healthy                 0/0   0/0   127.0.0.1:9000  1m   1m
            b-1   -        Agent  unhealthy (inactive)    0/0   0/0   127.0.0.1:9000  1m   1m
            3 agents (1 healthy, 1 inactive, 1 superseded)
            ");
    }

    #[test]
    fn columns_come_and_go() {
        let wide = View {
            format: Format::Wide,
            ..View::default()
        };
        insta::assert_snapshot!(lines(&wide), @r"
            Registry: running (http://r) - 1 healthy, 1 inactive, 1 superseded
            NAME                 RUNTIME  TYPE   STATUS   DEPS  CAPS  ENDPOINT        TOOLS  AGE  LAST SEEN  CAPABILITIES
            -------------------------------------------------------------------------------------------------------------
            a-2 (+1 superseded)  -        Agent  healthy  0/0   0/0   127.0.0.1:9000  0      1m   1m
            1 agent (1 healthy) - 1 down hidden (use --all) - 1 superseded hidden
            ");
        let plain = View {
            wiring: Wiring::Hidden,
            ..View::default()
        };
        insta::assert_snapshot!(lines(&plain), @r"
            Registry: running (http://r) - 1 healthy, 1 inactive, 1 superseded
            NAME                 RUNTIME  TYPE   STATUS   ENDPOINT        AGE  LAST SEEN
            ----------------------------------------------------------------------------
            a-2 (+1 superseded)  -        Agent  healthy  127.0.0.1:9000  1m   1m
            1 agent (1 healthy) - 1 down hidden (use --all) - 1 superseded hidden
            ");
    }

    #[test]
    fn what_is_not_selected_is_not_counted_as_hidden() {
        let recent = View {
            since: Some(Duration::from_secs(90)),
            ..View::default()
        };
        insta::assert_snapshot!(lines(&recent), @r"
            Registry: running (http://r) - 1 healthy, 1 inactive, 1 superseded
            NAME  RUNTIME  TYPE   STATUS   DEPS  CAPS  ENDPOINT        AGE  LAST SEEN
            -------------------------------------------------------------------------
            a-2   -        Agent  healthy  0/0   0/0   127.0.0.1:9000  1m   1m
            1 agent (1 healthy) - 1 down hidden (use --all)
            ");
        let nobody = View {
            filter: "zzz".to_owned(),
            ..View::default()
        };
        insta::assert_snapshot!(lines(&nobody), @r"
            Registry: running (http://r) - 1 healthy, 1 inactive, 1 superseded
            No agents found
            ");
    }
}
