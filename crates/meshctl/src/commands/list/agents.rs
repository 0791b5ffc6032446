//! The table of agents, and the same as JSON.

use std::collections::{BTreeMap, BTreeSet};

use mesh_client::{ClientError, RegistryClient};
use mesh_core::wire::{AgentInfo, AgentList, HealthReport};
use mesh_core::{Clock, Timestamp};

use super::report::{self, AgentReport, ListReport, RegistryReport};
use super::{Format, Scope, View, Wiring};
use crate::commands::Context;
use crate::error::{CliError, Kind};
use crate::home::Home;
use crate::mesh_view::{host_and_port, is_healthy, kind, public_tools, runtime, span};
use crate::printer::Tone;
use crate::supervisor::Supervisor;
use crate::table::{Cell, Table};

/// How much of the capabilities the wide table shows, in characters.
const CAPABILITIES_WIDTH: usize = 80;

pub(super) async fn run(
    client: &RegistryClient,
    view: &View,
    context: &mut Context,
) -> Result<(), CliError> {
    // Both at once: the uptime costs no second round trip.
    let both = async { tokio::join!(client.agents(), client.health()) };
    let (agents, health) = context.printer.during("asking the registry", both).await;
    let agents = match agents {
        Ok(list) => Some(list),
        // Nobody there is a state that readiness loops ask for.
        Err(error @ ClientError::Unreachable { .. }) if !error.is_distrust() => {
            context.conclude(Kind::Unreachable);
            None
        }
        Err(error) => return Err(error.into()),
    };
    // The uptime is an ornament: a registry that lists its agents runs.
    let health = health.ok();
    match view.format {
        Format::Json => print_json(client, agents.as_ref(), health.as_ref(), view, context),
        Format::Table | Format::Wide => match &agents {
            Some(list) => print_table(client, list, health.as_ref(), view, context),
            None => Ok(context
                .printer
                .result(format_args!("Registry: not running ({})", client.base()))?),
        },
    }
}

fn print_json(
    client: &RegistryClient,
    list: Option<&AgentList>,
    health: Option<&HealthReport>,
    view: &View,
    context: &mut Context,
) -> Result<(), CliError> {
    let supervisor = Supervisor::of(Home::resolve(&context.environment)?);
    let processes = report::processes(&supervisor)?;
    let all = list.map_or(&[][..], |list| &list.agents);
    let shown: Vec<&AgentInfo> = all
        .iter()
        .filter(|agent| view.scope == Scope::Everyone || is_healthy(agent))
        .filter(|agent| view.shows(agent))
        .collect();
    let healthy_count = all.iter().filter(|agent| is_healthy(agent)).count();
    let now = context.clock.now();
    let report = ListReport {
        registry: RegistryReport {
            status: if list.is_some() {
                "running"
            } else {
                "not running"
            },
            url: client.base(),
            agent_count: all.len(),
            healthy_count,
            unhealthy_count: all.len() - healthy_count,
            start_time: health.map(|health| {
                let uptime = std::time::Duration::from_secs(health.uptime_seconds);
                Timestamp::from_seconds(now.before(uptime).as_seconds())
            }),
        },
        agents: shown
            .into_iter()
            .map(|agent| AgentReport::new(agent, &processes))
            .collect(),
        processes,
        timestamp: now,
    };
    context.printer.json(&report)
}

impl View {
    fn shows(&self, agent: &AgentInfo) -> bool {
        agent.id.to_lowercase().contains(&self.filter)
    }
}

/// The agents of a list, judged against each other.
struct Judged<'a> {
    agents: Vec<&'a AgentInfo>,
    /// Ids of instances that a newer one of the same name has replaced.
    superseded: BTreeSet<&'a str>,
}

impl<'a> Judged<'a> {
    fn of(agents: Vec<&'a AgentInfo>) -> Self {
        let alive: BTreeSet<&str> = agents
            .iter()
            .filter(|agent| is_healthy(agent))
            .flat_map(|agent| &agent.capabilities)
            .map(|capability| capability.name.as_str())
            .collect();
        let mut newest: BTreeMap<&str, Timestamp> = BTreeMap::new();
        for agent in &agents {
            let at = newest.entry(&agent.name).or_insert(agent.created_at);
            *at = agent.created_at.max(*at);
        }
        let superseded = agents
            .iter()
            .filter(|agent| !is_healthy(agent) && agent.created_at < newest[agent.name.as_str()])
            // Something that only the dead instance offered is missed, so it is not replaced.
            .filter(|agent| {
                agent
                    .capabilities
                    .iter()
                    .all(|capability| alive.contains(capability.name.as_str()))
            })
            .map(|agent| agent.id.as_str())
            .collect();
        Self { agents, superseded }
    }

    fn is_superseded(&self, agent: &AgentInfo) -> bool {
        self.superseded.contains(agent.id.as_str())
    }

    fn healthy(&self) -> usize {
        self.agents.iter().filter(|agent| is_healthy(agent)).count()
    }

    fn down(&self) -> usize {
        self.agents.len() - self.healthy() - self.superseded.len()
    }

    /// What the last line says of agents that are not shown.
    fn hidden(&self, scope: Scope) -> String {
        let mut text = String::new();
        if scope == Scope::Everyone {
            return text;
        }
        if self.down() > 0 {
            text = format!(" - {} down hidden (use --all)", self.down());
        }
        if !self.superseded.is_empty() {
            text = format!("{text} - {} superseded hidden", self.superseded.len());
        }
        text
    }

    /// How many instances `agent` has replaced.
    fn replaced_by(&self, agent: &AgentInfo) -> usize {
        let same_name = |other: &&&AgentInfo| other.name == agent.name && self.is_superseded(other);
        let newest = self
            .agents
            .iter()
            .filter(|other| other.name == agent.name)
            .max_by_key(|other| other.created_at);
        match newest {
            Some(newest) if newest.id == agent.id => self.agents.iter().filter(same_name).count(),
            _ => 0,
        }
    }
}

fn print_table(
    client: &RegistryClient,
    list: &AgentList,
    health: Option<&HealthReport>,
    view: &View,
    context: &mut Context,
) -> Result<(), CliError> {
    let mut agents: Vec<&AgentInfo> = list.agents.iter().collect();
    agents.sort_by(|one, other| one.id.cmp(&other.id));
    let judged = Judged::of(agents);
    let printer = &mut context.printer;
    printer.result(header(client.base(), &judged, health))?;
    let shown: Vec<&AgentInfo> = judged
        .agents
        .iter()
        .copied()
        .filter(|agent| view.scope == Scope::Everyone || is_healthy(agent))
        .filter(|agent| view.shows(agent))
        .collect();
    printer.result("")?;
    let hidden = judged.hidden(view.scope);
    if shown.is_empty() {
        printer.result(format_args!("No agents found{hidden}"))?;
    } else {
        let table = table(&shown, &judged, view, &context.clock);
        if view.format == Format::Wide {
            printer.result(table.render())?;
        } else {
            printer.table(&table)?;
        }
        printer.result("")?;
        let healthy = shown.iter().filter(|agent| is_healthy(agent)).count();
        printer.result(format_args!(
            "{} agent{} ({healthy} healthy){hidden}",
            shown.len(),
            if shown.len() == 1 { "" } else { "s" }
        ))?;
    }
    Ok(())
}

fn header(url: &str, judged: &Judged<'_>, health: Option<&HealthReport>) -> String {
    let mut text = format!(
        "Registry: {} ({url}) - {} healthy",
        Tone::Good.paint("running"),
        judged.healthy()
    );
    if judged.down() > 0 {
        let down = format!("{} unhealthy", judged.down());
        text = format!("{text}, {}", Tone::Bad.paint(down));
    }
    if !judged.superseded.is_empty() {
        text = format!("{text}, {} superseded", judged.superseded.len());
    }
    if let Some(health) = health {
        let uptime = span(std::time::Duration::from_secs(health.uptime_seconds));
        text = format!("{text} - uptime {uptime}");
    }
    text
}

fn table(shown: &[&AgentInfo], judged: &Judged<'_>, view: &View, clock: &Clock) -> Table {
    let wide = view.format == Format::Wide;
    let mut heading = vec!["NAME", "RUNTIME", "TYPE", "STATUS"];
    if view.wiring == Wiring::Shown {
        heading.push("DEPS");
    }
    heading.extend(["CAPS", "ENDPOINT"]);
    if wide {
        heading.push("TOOLS");
    }
    heading.extend(["AGE", "LAST SEEN"]);
    if wide {
        heading.push("CAPABILITIES");
    }
    let mut table = Table::new(&heading).giving_way(&["RUNTIME", "ENDPOINT"]);
    let now = clock.now();
    for agent in shown {
        // With all of them shown, nothing stands for another.
        let replaced = match (view.scope, judged.replaced_by(agent)) {
            (Scope::Everyone, _) | (_, 0) => String::new(),
            (Scope::Healthy, count) => format!(" (+{count} superseded)"),
        };
        let mut row: Vec<Cell> = vec![
            name_cell(agent, judged, &replaced),
            runtime(agent).into(),
            kind(agent).into(),
            status_cell(agent),
        ];
        if view.wiring == Wiring::Shown {
            row.push(dependencies_cell(agent));
        }
        row.push(capabilities_cell(agent));
        row.push(host_and_port(&agent.endpoint).into());
        if wide {
            row.push(public_tools(agent).count().to_string().into());
        }
        row.push(span(now.since(agent.created_at)).into());
        row.push(span(now.since(agent.last_seen)).into());
        if wide {
            row.push(capability_names(agent).into());
        }
        table.row(row);
    }
    table
}

fn name_cell(agent: &AgentInfo, judged: &Judged<'_>, replaced: &str) -> Cell {
    let text = format!("{}{replaced}", agent.id);
    if judged.is_superseded(agent) {
        Cell::toned(text, Tone::Dim)
    } else {
        Cell::new(text)
    }
}

fn status_cell(agent: &AgentInfo) -> Cell {
    let tone = if is_healthy(agent) {
        Tone::Good
    } else {
        Tone::Bad
    };
    Cell::toned(agent.status.as_str(), tone)
}

fn dependencies_cell(agent: &AgentInfo) -> Cell {
    let (resolved, total) = (agent.dependencies_resolved, agent.total_dependencies);
    let text = format!("{resolved}/{total}");
    match (resolved, total) {
        (_, 0) => Cell::new(text),
        (0, _) => Cell::toned(text, Tone::Bad),
        _ if resolved < total => Cell::toned(text, Tone::Doubtful),
        _ => Cell::toned(text, Tone::Good),
    }
}

fn capabilities_cell(agent: &AgentInfo) -> Cell {
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
    let names: BTreeSet<&str> = public_tools(agent).map(|tool| tool.name.as_str()).collect();
    let text = names.into_iter().collect::<Vec<_>>().join(", ");
    if text.chars().count() <= CAPABILITIES_WIDTH {
        return text;
    }
    let cut: String = text.chars().take(CAPABILITIES_WIDTH - 3).collect();
    format!("{cut}...")
}

#[cfg(test)]
mod tests {
    use mesh_core::Timestamp;

    use super::*;
    use crate::mesh_view::tests::agent;

    fn at(mut agent: AgentInfo, seconds: i64) -> AgentInfo {
        agent.created_at = Timestamp::from_seconds(seconds);
        agent
    }

    #[test]
    fn a_newer_instance_replaces_what_is_down() {
        let agents = [
            at(agent("a-1", "a", "unhealthy"), 1),
            at(agent("a-2", "a", "healthy"), 2),
            at(agent("b-1", "b", "unhealthy"), 1),
        ];
        let judged = Judged::of(agents.iter().collect());
        assert_eq!(judged.superseded, BTreeSet::from(["a-1"]));
        assert_eq!((judged.healthy(), judged.down()), (1, 1));
        assert_eq!(judged.replaced_by(&agents[1]), 1);
        assert_eq!(judged.replaced_by(&agents[0]), 0);
        insta::assert_snapshot!(
            anstream::adapter::strip_str(&header("http://r", &judged, None)),
            @"Registry: running (http://r) - 1 healthy, 1 unhealthy, 1 superseded"
        );
    }

    #[test]
    fn the_wide_table_shows_more() {
        let agents = [agent("a-1", "a", "healthy")];
        let judged = Judged::of(agents.iter().collect());
        let clock = Clock::fixed(Timestamp::from_seconds(1_790_000_125));
        let render = |format| {
            let view = View {
                scope: Scope::Healthy,
                format,
                filter: String::new(),
                wiring: Wiring::Shown,
            };
            let text = table(&judged.agents, &judged, &view, &clock).render();
            anstream::adapter::strip_str(&text).to_string()
        };
        insta::assert_snapshot!(render(Format::Table), @r"
        NAME  RUNTIME  TYPE   STATUS   DEPS  CAPS  ENDPOINT        AGE  LAST SEEN
        -------------------------------------------------------------------------
        a-1   -        Agent  healthy  0/0   0/0   127.0.0.1:9000  2m   2m
        ");
        insta::assert_snapshot!(render(Format::Wide), @r"
        NAME  RUNTIME  TYPE   STATUS   DEPS  CAPS  ENDPOINT        TOOLS  AGE  LAST SEEN  CAPABILITIES
        ----------------------------------------------------------------------------------------------
        a-1   -        Agent  healthy  0/0   0/0   127.0.0.1:9000  0      2m   2m
        ");
    }
}
