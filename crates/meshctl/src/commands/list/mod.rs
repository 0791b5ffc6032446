//! `meshctl list`.

mod agents;
mod blocks;
pub(super) mod changes;
mod live;
pub(super) mod picture;
pub(super) mod report;
mod schemas;
pub(super) mod services;
pub(super) mod tools;

use std::time::Duration;

use mesh_core::Timestamp;
use mesh_core::wire::AgentInfo;

use super::Context;
use crate::census::{Census, Standing};
use crate::error::CliError;
use crate::mesh_view::is_healthy;
use crate::settings::ConnectionArgs;
use crate::time_span;

/// List the agents in the mesh, or their tools, services or schemas
///
/// Agents that cannot be called are left out unless `--all` is given: those that are `unhealthy` while
/// a healthy agent lacks what they offer, those that are `inactive` because nobody waits for them, and
/// those that are `superseded` by a newer instance of the same name. A registry that does not run is an
/// answer, not an error.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl list                          healthy agents
  meshctl list --all --wide             those that are down as well, with what they offer
  meshctl list --all --since 1h         who was heard in the last hour
  meshctl list --verbose                every agent with its tools and dependencies
  meshctl list --tools                  every tool that can be called
  meshctl list --tools=planner:plan     one tool, with the arguments that it takes
  meshctl list --watch                  what changes, as it changes
  meshctl list --json | jq -r '.agents[].id'
  meshctl list --watch --json | jq -r '.change + \" \" + .agent.id'")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct ListArgs {
    /// Show agents whose id contains this text, in any case
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Include agents that are down
    #[arg(long)]
    all: bool,
    /// Show agents that were heard since then, such as `30m` or `2d`
    #[arg(long, value_name = "SPAN", value_parser = time_span::parse)]
    since: Option<Duration>,
    /// Add columns, and cut none
    #[arg(long)]
    wide: bool,
    /// Tell of every agent what it offers and needs
    #[arg(long)]
    verbose: bool,
    /// Leave out whether dependencies are met
    #[arg(long)]
    no_deps: bool,
    /// Go on and show what changes: on a terminal in place, else a line for each change
    #[arg(short, long, conflicts_with_all = ["verbose", "tools", "services", "schemas"])]
    watch: bool,
    /// With `--watch`: how long to wait before the registry is asked again, at least `100ms`
    #[arg(long, value_name = "SPAN", default_value = "2s", value_parser = interval, requires = "watch")]
    interval: Duration,
    /// List tools instead; with a name, `agent:tool` or `tool`, describe that one
    #[arg(short, long, value_name = "TOOL", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    tools: Option<String>,
    /// With `--tools` or `--services`: include the tools of the framework
    #[arg(long)]
    show_framework: bool,
    /// List capabilities by service: `media.caption` is the method `caption` of `media`
    #[arg(long, conflicts_with = "tools")]
    services: bool,
    /// List the schemas that agents published
    #[arg(long, conflicts_with_all = ["tools", "services"])]
    schemas: bool,
    /// With `--schemas`: at most so many
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Seconds to wait for the registry
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Which agents are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Scope {
    /// Those that can be called.
    #[default]
    Healthy,
    /// Those too that are down, unless a newer instance has taken their place.
    Current,
    /// All.
    Everyone,
}

impl Scope {
    fn includes(self, agent: &AgentInfo, census: &Census<'_>) -> bool {
        match self {
            Self::Healthy => is_healthy(agent),
            Self::Current => census.standing(agent) != Standing::Superseded,
            Self::Everyone => true,
        }
    }
}

/// How an answer looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Format {
    #[default]
    Table,
    Wide,
    Json,
}

/// Whether it is told which dependencies are met.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Wiring {
    #[default]
    Shown,
    Hidden,
}

/// What was asked for.
#[derive(Debug, Default)]
pub(super) struct View {
    scope: Scope,
    format: Format,
    wiring: Wiring,
    /// Whether every agent has a block of its own below the table.
    verbose: bool,
    /// How long ago an agent may have been heard.
    since: Option<Duration>,
    /// In lower case; empty matches everything.
    filter: String,
}

impl View {
    /// Agents whose id contains `filter`, those that are down as well unless they were replaced.
    pub(super) fn of_current(filter: &str) -> Self {
        Self {
            scope: Scope::Current,
            filter: filter.to_lowercase(),
            ..Self::default()
        }
    }

    fn selects(&self, agent: &AgentInfo, now: Timestamp) -> bool {
        agent.id.to_lowercase().contains(&self.filter)
            && self
                .since
                .is_none_or(|since| now.since(agent.last_seen) <= since)
    }
}

pub(crate) async fn run(args: ListArgs, context: &mut Context) -> Result<(), CliError> {
    let ListArgs {
        filter,
        json,
        all,
        since,
        wide,
        verbose,
        no_deps,
        watch,
        interval,
        tools,
        show_framework,
        services,
        schemas,
        limit,
        timeout,
        connection,
    } = args;
    let client = context.client(connection, Duration::from_secs(timeout))?;
    let view = View {
        scope: if all { Scope::Everyone } else { Scope::Healthy },
        format: match (json, wide) {
            (true, _) => Format::Json,
            (false, true) => Format::Wide,
            (false, false) => Format::Table,
        },
        wiring: if no_deps {
            Wiring::Hidden
        } else {
            Wiring::Shown
        },
        verbose,
        since,
        filter: filter.unwrap_or_default().to_lowercase(),
    };
    if schemas {
        return schemas::run(&client, &view, limit, context).await;
    }
    if services {
        return services::run(&client, &view, show_framework, context).await;
    }
    if watch {
        return live::run(&client, &view, interval, context).await;
    }
    match tools.as_deref() {
        None => agents::run(&client, &view, context).await,
        Some("") => tools::run_all(&client, &view, show_framework, context).await,
        Some(tool) => tools::run_one(&client, &view, tool, context).await,
    }
}

/// A span that leaves the registry time for others.
pub(super) fn interval(text: &str) -> Result<Duration, String> {
    let span = time_span::parse(text)?;
    if span < Duration::from_millis(100) {
        return Err("that is more often than anybody can read; use `100ms` or more".to_owned());
    }
    Ok(span)
}
