//! `list --watch`: the list as it changes, until a signal ends it: there is nothing to clean up.
//!
//! Registries have no stream of all agents, published ones have none at all: this asks again and again.

use std::pin::Pin;
use std::time::Duration;

use mesh_client::{ClientError, RegistryClient};
use mesh_core::Timestamp;
use mesh_core::wire::{AgentInfo, AgentList, HealthReport};
use tokio::time::{interval, sleep};

use super::changes::{self, ListChange, Memory, RegistryChange};
use super::picture::Picture;
use super::report::{self, AgentReport};
use super::{Format, View};
use crate::canvas::{Canvas, Size};
use crate::commands::Context;
use crate::error::CliError;
use crate::home::Home;
use crate::known::Known;
use crate::mesh_view::span;
use crate::presence::{self, Gone};
use crate::printer::Tone;
use crate::supervisor::Supervisor;

/// How often the picture is looked at: ages grow, and terminals change their size.
const TICK: Duration = Duration::from_millis(250);
/// Lines of a picture that are not rows of its table: a header, a footer, the heading and its rule, and
/// two that are empty.
const FRAME: usize = 6;

/// What is found at one look.
#[derive(Debug)]
struct Answer {
    list: AgentList,
    /// The uptime is an ornament.
    health: Option<HealthReport>,
    gone: Gone,
}

/// Asks after `pause`.
async fn ask(
    client: &RegistryClient,
    supervisor: &Supervisor,
    pause: Duration,
) -> Result<Answer, ClientError> {
    sleep(pause).await;
    let (list, health) = tokio::join!(client.agents(), client.health());
    let list = list?;
    // A state directory that cannot be read tells nothing about processes.
    let gone = presence::gone(&list.agents, supervisor).await;
    Ok(Answer {
        list,
        health: health.ok(),
        gone: gone.unwrap_or_default(),
    })
}

pub(super) async fn run(
    client: &RegistryClient,
    view: &View,
    pause: Duration,
    context: &mut Context,
) -> Result<(), CliError> {
    let mut sink = match context.printer.size() {
        Some(_) if view.format != Format::Json => Sink::Screen(Canvas::default()),
        _ => Sink::Stream(Memory::default(), None),
    };
    if let (Sink::Stream(..), false) = (&sink, view.format == Format::Json) {
        context.printer.result(changes::heading())?;
    }
    let supervisor = Supervisor::of(Home::resolve(&context.environment)?);
    let mut known = Known::default();
    let mut answer: Pin<Box<dyn Future<Output = Result<Answer, ClientError>>>> =
        Box::pin(ask(client, &supervisor, Duration::ZERO));
    let mut ticks = interval(TICK);
    loop {
        tokio::select! {
            biased;
            answered = &mut answer => {
                let now = context.clock.now();
                known.take(answered, now)?;
                sink.show(&known, view, client.base(), context)?;
                answer = Box::pin(ask(client, &supervisor, pause));
            }
            _ = ticks.tick() => sink.refresh(&known, view, client.base(), context)?,
        }
    }
}

/// Where the list goes.
enum Sink {
    /// A terminal that shows all of it.
    Screen(Canvas),
    /// A program, or a file, that gets a line for each change; with the registry's status as told last.
    Stream(Memory, Option<&'static str>),
}

impl Sink {
    /// After a look.
    fn show(
        &mut self,
        known: &Known<Answer>,
        view: &View,
        url: &str,
        context: &mut Context,
    ) -> Result<(), CliError> {
        match self {
            Self::Screen(_) => self.refresh(known, view, url, context),
            Self::Stream(memory, told) => {
                let status = known.status();
                let news = (told.replace(status) != Some(status))
                    .then_some(RegistryChange { status, url });
                tell(known, view, (memory, news), context)
            }
        }
    }

    /// Between two looks.
    fn refresh(
        &mut self,
        known: &Known<Answer>,
        view: &View,
        url: &str,
        context: &mut Context,
    ) -> Result<(), CliError> {
        let (Self::Screen(canvas), Some(size)) = (self, context.printer.size()) else {
            return Ok(());
        };
        let mut lines = lines(known, view, url, (size, context.clock.now()));
        if !context.printer.has_colours() {
            for line in &mut lines {
                *line = anstream::adapter::strip_str(line).to_string();
            }
        }
        if let Some(text) = canvas.paint(&lines, size) {
            context.printer.terminal(&text)?;
        }
        Ok(())
    }
}

/// The picture, as high as the terminal allows.
fn lines(
    known: &Known<Answer>,
    view: &View,
    url: &str,
    (size, now): (Size, Timestamp),
) -> Vec<String> {
    let picture = known.last.as_ref().map(|last| {
        let picture = Picture::new(view, &last.list, now).knowing(&last.gone);
        (picture.header(url, last.health.as_ref()), picture)
    });
    let mut lines = match (&known.away, &picture) {
        (Some((since, why)), _) => {
            let status = Tone::Bad.paint(known.status());
            let since = span(now.since(*since));
            vec![format!("Registry: {status} ({url}) - for {since}: {why}")]
        }
        (None, Some((header, _))) => vec![header.clone()],
        (None, None) => vec![format!("Registry: asking {url}")],
    };
    let Some((_, picture)) = picture else {
        return lines;
    };
    lines.push(match known.away {
        Some(_) => "What it said last:".to_owned(),
        None => String::new(),
    });
    if let Some(table) = picture.table() {
        let text = table.fit(size.columns);
        let rows: Vec<&str> = text.lines().collect();
        let room = size.rows.saturating_sub(FRAME + 1).max(2) + 2;
        let shown = if rows.len() > room {
            room - 1
        } else {
            rows.len()
        };
        lines.extend(rows[..shown].iter().map(|row| (*row).to_owned()));
        if shown < rows.len() {
            lines.push(Tone::Dim.paint(format_args!("+{} more", rows.len() - shown)));
        }
        lines.push(String::new());
    }
    lines.push(picture.footer());
    lines
}

/// Writes what changed.
fn tell(
    known: &Known<Answer>,
    view: &View,
    (memory, registry): (&mut Memory, Option<RegistryChange<'_>>),
    context: &mut Context,
) -> Result<(), CliError> {
    let now = context.clock.now();
    let found = match (&known.away, &known.last) {
        (None, Some(last)) => memory.update(&last.list, view, now),
        _ => Vec::new(),
    };
    if view.format == Format::Json {
        let gone = known.last.as_ref().map(|last| &last.gone);
        return tell_json((&found, registry), (now, gone), context);
    }
    let mut text = String::new();
    for line in registry
        .iter()
        .map(|change| changes::registry_line(change, now))
        .chain(
            found
                .iter()
                .map(|(kind, agent)| changes::line(*kind, agent, now)),
        )
    {
        text = text + &line + "\n";
    }
    Ok(context.printer.raw(text.as_bytes())?)
}

fn tell_json(
    (found, registry): (
        &[(changes::ChangeKind, AgentInfo)],
        Option<RegistryChange<'_>>,
    ),
    (now, gone): (Timestamp, Option<&Gone>),
    context: &mut Context,
) -> Result<(), CliError> {
    if let Some(registry) = registry {
        context.printer.json_line(&ListChange {
            change: changes::ChangeKind::Registry,
            timestamp: now,
            agent: None,
            registry: Some(registry),
        })?;
    }
    if found.is_empty() {
        return Ok(());
    }
    let processes = report::processes(&Supervisor::of(Home::resolve(&context.environment)?))?;
    for (change, agent) in found {
        context.printer.json_line(&ListChange {
            change: *change,
            timestamp: now,
            agent: Some(
                AgentReport::new(agent, &processes)
                    .without(gone.and_then(|gone| gone.get(&agent.id))),
            ),
            registry: None,
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh_view::tests::agent;

    fn known(count: usize) -> Known<Answer> {
        let agents: Vec<AgentInfo> = (0..count)
            .map(|number| agent(&format!("a-{number}"), "a", "healthy"))
            .collect();
        let timestamp = Timestamp::from_seconds(1_790_000_125);
        let list = AgentList {
            count,
            agents,
            timestamp,
        };
        Known {
            last: Some(Answer {
                list,
                health: None,
                gone: Gone::new(),
            }),
            away: None,
        }
    }

    fn text(known: &Known<Answer>, rows: usize) -> String {
        let size = Size { rows, columns: 80 };
        let now = Timestamp::from_seconds(1_790_000_125);
        let lines = lines(known, &View::default(), "http://r", (size, now));
        assert!(lines.len() < rows, "{} lines in {rows} rows", lines.len());
        anstream::adapter::strip_str(&lines.join("\n")).to_string()
    }

    #[test]
    fn a_picture_is_as_high_as_its_terminal() {
        insta::assert_snapshot!(text(&known(3), 10), @r"
            Registry: running (http://r) - 3 healthy

            NAME  RUNTIME  TYPE   STATUS   DEPS  CAPS  ENDPOINT        AGE  LAST SEEN
            -------------------------------------------------------------------------
            a-0   -        Agent  healthy  0/0   0/0   127.0.0.1:9000  2m   2m
            a-1   -        Agent  healthy  0/0   0/0   127.0.0.1:9000  2m   2m
            a-2   -        Agent  healthy  0/0   0/0   127.0.0.1:9000  2m   2m

            3 agents (3 healthy)
            ");
        insta::assert_snapshot!(text(&known(30), 10), @r"
            Registry: running (http://r) - 30 healthy

            NAME  RUNTIME  TYPE   STATUS   DEPS  CAPS  ENDPOINT        AGE  LAST SEEN
            -------------------------------------------------------------------------
            a-0   -        Agent  healthy  0/0   0/0   127.0.0.1:9000  2m   2m
            a-1   -        Agent  healthy  0/0   0/0   127.0.0.1:9000  2m   2m
            +28 more

            30 agents (30 healthy)
            ");
    }

    #[test]
    fn a_registry_that_went_away_leaves_what_it_said() {
        let mut known = known(1);
        let since = Timestamp::from_seconds(1_790_000_113);
        known.away = Some((since, "Connection refused".to_owned()));
        insta::assert_snapshot!(text(&known, 10), @r"
            Registry: not running (http://r) - for 12s: Connection refused
            What it said last:
            NAME  RUNTIME  TYPE   STATUS   DEPS  CAPS  ENDPOINT        AGE  LAST SEEN
            -------------------------------------------------------------------------
            a-0   -        Agent  healthy  0/0   0/0   127.0.0.1:9000  2m   2m

            1 agent (1 healthy)
            ");
        known.last = None;
        insta::assert_snapshot!(text(&known, 10), @"Registry: not running (http://r) - for 12s: Connection refused");
    }
}
