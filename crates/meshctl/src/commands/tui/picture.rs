//! What is drawn: a line about the registry, the agents, a pane about the chosen one, a line of keys.

use mesh_core::Timestamp;
use mesh_core::wire::AgentInfo;
use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, List, ListState, Padding, Paragraph, Tabs};
use unicode_width::UnicodeWidthStr as _;

use super::Answer;
use super::panes::{self, Pieces};
use super::screen::{Mode, Pane, Screen};
use crate::commands::list::View;
use crate::commands::list::picture::Picture;
use crate::home::Home;
use crate::known::Known;
use crate::mesh_view::span;
use crate::printer::Tone;

/// What a table of agents begins with: its heading and a rule.
const HEADING: u16 = 2;
/// How high there is room for empty lines.
const ROOMY: u16 = 12;
/// How wide the names of the panes are, and what is around them.
const TABS: usize = 26;
/// Between what is drawn and the edge of the terminal.
const MARGIN: u16 = 1;
const KEYS: &str = "q quit  ? help  ↑↓ agent  ⇥ pane  / filter  PgUp/PgDn scroll";
const HELP: [(&str, &str); 9] = [
    ("q  Ctrl-C", "leave"),
    ("↑ ↓  j k", "choose an agent"),
    ("Home End  g G", "the first, the last"),
    ("Tab ← →  h l", "the next pane, the one before"),
    ("1 2 3", "wiring, events, logs"),
    ("PgUp PgDn Space", "scroll the pane"),
    ("/", "show agents whose id contains a text"),
    ("Esc", "show all again"),
    ("?", "this"),
];

/// All that a picture shows beside the user's choice.
pub(super) struct Scene<'a> {
    pub(super) known: &'a Known<Answer>,
    pub(super) url: &'a str,
    pub(super) home: &'a Home,
    pub(super) now: Timestamp,
    pub(super) has_colours: bool,
}

impl Scene<'_> {
    /// Draws the picture, and tells `screen` what of it there is to choose.
    pub(super) fn draw(&self, screen: &mut Screen, frame: &mut Frame<'_>) {
        let area = frame.area();
        let [top, middle, bottom] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Fill(1),
            Constraint::Length(1),
        ])
        .horizontal_margin(MARGIN)
        .areas(area);
        let view = View::of_current(&screen.filter);
        let picture = (self.known.last.as_ref())
            .map(|last| Picture::new(&view, &last.list, self.now).knowing(&last.gone));
        frame.render_widget(self.header(picture.as_ref()), top);
        let agents = picture.as_ref().map_or(&[][..], |picture| &picture.shown);
        screen.show(agents);
        frame.render_widget(self.footer(screen), bottom);
        if let Some(picture) = &picture {
            let gap = u16::from(middle.height >= ROOMY);
            let rows = u16::try_from(agents.len().max(1)).unwrap_or(u16::MAX);
            let height = rows.saturating_add(HEADING + 2 * gap);
            let [table, pane] = Layout::vertical([
                Constraint::Max(height.min((middle.height / 2).max(HEADING + 1))),
                Constraint::Fill(1),
            ])
            .areas(middle);
            self.agents(picture, screen, (frame, inner(table, gap)));
            self.pane(picture, screen, (frame, pane));
        }
        if screen.mode == Mode::Helping {
            help(frame, area);
        }
    }

    fn header(&self, picture: Option<&Picture<'_>>) -> Line<'static> {
        match (&self.known.away, picture) {
            (Some((since, why)), _) => {
                let since = span(self.now.since(*since));
                let text = format!(" ({}) - for {since}: {why}", self.url);
                let status = Span::styled(self.known.status(), self.style(Some(Tone::Bad)));
                Line::from(vec!["Registry: ".into(), status, text.into()])
            }
            (None, Some(picture)) => Line::from(
                anstream::adapter::strip_str(&picture.header(self.url, None)).to_string(),
            ),
            (None, None) => Line::from(format!("Registry: asking {}", self.url)),
        }
    }

    fn footer(&self, screen: &Screen) -> Line<'static> {
        let dim = self.style(Some(Tone::Dim));
        match (screen.mode, screen.filter.as_str()) {
            (Mode::Filtering, filter) => Line::from(format!("/{filter}▏")),
            (_, "") => Line::styled(KEYS, dim),
            (_, filter) => Line::from(vec![
                format!("/{filter}  ").into(),
                Span::styled("Esc shows all", dim),
            ]),
        }
    }

    fn agents(
        &self,
        picture: &Picture<'_>,
        screen: &Screen,
        (frame, area): (&mut Frame<'_>, Rect),
    ) {
        let Some(table) = picture.table() else {
            let text = match screen.filter.as_str() {
                "" => "No agents yet: `meshctl start -d AGENT` starts one.",
                _ => "No agent's id contains this text.",
            };
            let text = Paragraph::new(text).style(self.style(Some(Tone::Dim)));
            return frame.render_widget(text, area);
        };
        let mut lines = table
            .lines(area.width.into())
            .into_iter()
            .map(|pieces| self.line(pieces));
        let heading: Vec<Line<'_>> = lines.by_ref().take(HEADING.into()).collect();
        let [above, below] =
            Layout::vertical([Constraint::Length(HEADING), Constraint::Fill(1)]).areas(area);
        frame.render_widget(Paragraph::new(heading), above);
        let list = List::new(lines).highlight_style(Modifier::REVERSED);
        let mut state = ListState::default().with_selected(screen.place());
        frame.render_stateful_widget(list, below, &mut state);
    }

    fn pane(
        &self,
        picture: &Picture<'_>,
        screen: &mut Screen,
        (frame, area): (&mut Frame<'_>, Rect),
    ) {
        let agent = screen
            .place()
            .and_then(|place| picture.shown.get(place).copied());
        let room = usize::from(area.width).saturating_sub(TABS);
        let name = agent
            .map(|agent| format!(" {} ", agent.id))
            .filter(|name| name.width() <= room)
            .unwrap_or_default();
        let block = Block::bordered()
            .border_type(BorderType::Rounded)
            .border_style(self.style(Some(Tone::Dim)))
            .padding(Padding::horizontal(1))
            .title_top(Line::from(name).alignment(Alignment::Right));
        let within = block.inner(area);
        frame.render_widget(block, area);
        let titles = Pane::ALL.map(Pane::title);
        let tabs = Tabs::new(titles)
            .select(screen.pane.place())
            .highlight_style(Modifier::REVERSED);
        let across = Rect {
            x: area.x + 1,
            width: area.width.saturating_sub(2),
            height: area.height.min(1),
            ..area
        };
        frame.render_widget(tabs, across);
        let lines = match agent {
            Some(agent) => self.about(agent, screen.pane, within.width.into()),
            None => Vec::new(),
        };
        let (height, count) = (usize::from(within.height), lines.len());
        let most = count.saturating_sub(height);
        screen.scrolled = screen.scrolled.min(most);
        screen.page = height;
        screen.beyond = most - screen.scrolled;
        let first = match screen.pane {
            Pane::Logs => most - screen.scrolled,
            Pane::Wiring | Pane::Events => screen.scrolled,
        };
        let lines = lines.into_iter().skip(first).take(height);
        let lines: Vec<Line<'_>> = lines.map(|pieces| self.line(pieces)).collect();
        frame.render_widget(Paragraph::new(lines), within);
    }

    fn about(&self, agent: &AgentInfo, pane: Pane, columns: usize) -> Vec<Pieces> {
        let Some(last) = &self.known.last else {
            return Vec::new();
        };
        match pane {
            Pane::Wiring => panes::wiring(agent, &last.list.agents, columns),
            Pane::Events => panes::events(&last.events, agent, self.now, columns),
            Pane::Logs => panes::log(&self.home.log(&agent.name), agent, columns),
        }
    }

    fn line(&self, pieces: Pieces) -> Line<'static> {
        let spans = pieces
            .into_iter()
            .map(|piece| Span::styled(piece.text, self.style(piece.tone)));
        spans.collect()
    }

    fn style(&self, tone: Option<Tone>) -> Style {
        match tone {
            Some(tone) if self.has_colours => match tone {
                Tone::Good => Style::new().fg(Color::Green),
                Tone::Doubtful => Style::new().fg(Color::Yellow),
                Tone::Bad => Style::new().fg(Color::Red),
                Tone::Dim => Style::new().add_modifier(Modifier::DIM),
            },
            _ => Style::new(),
        }
    }
}

/// Without `gap` lines above and below.
fn inner(area: Rect, gap: u16) -> Rect {
    let [_, middle, _] = Layout::vertical([
        Constraint::Length(gap),
        Constraint::Fill(1),
        Constraint::Length(gap),
    ])
    .areas(area);
    middle
}

fn help(frame: &mut Frame<'_>, area: Rect) {
    let lines: Vec<Line<'_>> = HELP
        .iter()
        .map(|(keys, what)| Line::from(format!("{keys:<16} {what}")))
        .collect();
    let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX);
    let middle = area.centered(Constraint::Max(60), Constraint::Max(height));
    let block = Block::bordered()
        .border_type(BorderType::Rounded)
        .padding(Padding::horizontal(1))
        .title_top(" Keys ");
    frame.render_widget(Clear, middle);
    frame.render_widget(Paragraph::new(lines).block(block), middle);
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crossterm::event::{KeyCode, KeyEvent};
    use mesh_core::env::Environment;
    use mesh_core::wire::{AgentList, EventList};
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use serde_json::json;

    use super::*;
    use crate::mesh_view::tests::agent;
    use crate::presence::Gone;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_790_000_000 + seconds)
    }

    /// A planner that uses a clock; somebody who is down.
    fn answer() -> Answer {
        let mut planner = agent("planner-2", "planner", "healthy");
        (planner.total_dependencies, planner.dependencies_resolved) = (1, 1);
        let slot = json!({
            "function_name": "plan", "capability": "clock", "status": "available",
            "provider_agent_id": "clock-1", "mcp_tool": "now", "endpoint": "http://127.0.0.1:9000",
        });
        planner.dependency_resolutions = vec![serde_json::from_value(slot).unwrap()];
        let mut clock = agent("clock-1", "clock", "healthy");
        let offer = json!({
            "function_name": "now", "name": "clock", "version": "1.0.0", "available": true,
        });
        clock.capabilities = vec![serde_json::from_value(offer).unwrap()];
        let agents = vec![clock, planner, agent("weather-3", "weather", "unhealthy")];
        let events = json!([
            {"event_type": "unhealthy", "agent_id": "weather-3", "timestamp": at(80)},
            {"event_type": "dependency_resolved", "agent_id": "planner-2", "function_name": "plan",
             "timestamp": at(60), "data": {
                "consumer": "planner-2", "dep_index": 0, "stages": [],
                "spec": {"capability": "clock", "tags": [], "version_constraint": "", "schema_mode": "none"},
                "chosen": {"agent_id": "clock-1", "endpoint": "http://127.0.0.1:9000", "function_name": "now"}}},
        ]);
        let events = EventList {
            count: 2,
            events: serde_json::from_value(events).unwrap(),
        };
        let count = agents.len();
        let list = AgentList {
            agents,
            count,
            timestamp: at(90),
        };
        Answer {
            list,
            events: Ok(events),
            gone: Gone::from([("planner-2".to_owned(), 4711)]),
        }
    }

    fn drawn(known: &Known<Answer>, screen: &mut Screen, home: &Path, size: (u16, u16)) -> String {
        let home = home.to_str().expect("a folder with a name");
        let environment = Environment::from_iter([("MCP_MESH_HOME", home)]);
        let scene = Scene {
            known,
            url: "http://r",
            home: &Home::resolve(&environment).unwrap(),
            now: at(90),
            has_colours: true,
        };
        let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
        // What a picture tells the screen about itself decides about the next one only.
        terminal.draw(|frame| scene.draw(screen, frame)).unwrap();
        terminal.draw(|frame| scene.draw(screen, frame)).unwrap();
        let text = terminal.backend().to_string();
        let lines = text.lines().map(|line| line.trim_matches('"').trim_end());
        lines.collect::<Vec<_>>().join("\n")
    }

    fn press(screen: &mut Screen, codes: &[KeyCode]) {
        for code in codes {
            screen.press(KeyEvent::from(*code));
        }
    }

    #[test]
    fn each_pane_tells_of_the_chosen_agent() {
        let known = Known {
            last: Some(answer()),
            away: None,
        };
        let home = tempfile::tempdir().unwrap();
        let mut screen = Screen::default();
        let draw = |screen: &mut Screen| drawn(&known, screen, home.path(), (90, 22));
        insta::assert_snapshot!(draw(&mut screen), @r"
            Registry: running (http://r) - 2 healthy, 1 inactive

            NAME       TYPE   STATUS                  DEPS  CAPS  ENDPOINT        AGE  LAST SEEN
            ------------------------------------------------------------------------------------
            clock-1    Agent  healthy                 0/0   1/1   127.0.0.1:9000  1m   1m
            planner-2  Agent  healthy (process gone)  1/1   0/0   127.0.0.1:9000  1m   1m
            weather-3  Agent  unhealthy (inactive)    0/0   0/0   127.0.0.1:9000  1m   1m

            ╭ Wiring │ Events │ Logs ───────────────────────────────────────────────────── clock-1 ╮
            │ Capabilities (1):                                                                    │
            │ CAPABILITY  TOOL  VERSION  TAGS  AVAILABLE                                           │
            │ ------------------------------------------                                           │
            │ clock       now   1.0.0          yes                                                 │
            │                                                                                      │
            │ Used by (1):                                                                         │
            │ AGENT      FUNCTION  USES                                                            │
            │ --------------------------                                                           │
            │ planner-2  plan      clock                                                           │
            │                                                                                      │
            │                                                                                      │
            ╰──────────────────────────────────────────────────────────────────────────────────────╯
            q quit  ? help  ↑↓ agent  ⇥ pane  / filter  PgUp/PgDn scroll
            ");
        press(&mut screen, &[KeyCode::Down, KeyCode::Tab]);
        insta::assert_snapshot!(draw(&mut screen), @r"
            Registry: running (http://r) - 2 healthy, 1 inactive

            NAME       TYPE   STATUS                  DEPS  CAPS  ENDPOINT        AGE  LAST SEEN
            ------------------------------------------------------------------------------------
            clock-1    Agent  healthy                 0/0   1/1   127.0.0.1:9000  1m   1m
            planner-2  Agent  healthy (process gone)  1/1   0/0   127.0.0.1:9000  1m   1m
            weather-3  Agent  unhealthy (inactive)    0/0   0/0   127.0.0.1:9000  1m   1m

            ╭ Wiring │ Events │ Logs ─────────────────────────────────────────────────── planner-2 ╮
            │ AGO  EVENT                AGENT      FUNCTION  DETAIL                                │
            │ --------------------------------------------------------------                       │
            │ 10s  unhealthy            weather-3                                                  │
            │ 30s  dependency_resolved  planner-2  plan      clock → clock-1                       │
            │                                                                                      │
            │                                                                                      │
            │                                                                                      │
            │                                                                                      │
            │                                                                                      │
            │                                                                                      │
            │                                                                                      │
            ╰──────────────────────────────────────────────────────────────────────────────────────╯
            q quit  ? help  ↑↓ agent  ⇥ pane  / filter  PgUp/PgDn scroll
            ");
    }

    #[test]
    fn a_log_is_shown_from_its_end_and_help_above_everything() {
        let known = Known {
            last: Some(answer()),
            away: None,
        };
        let home = tempfile::tempdir().unwrap();
        let mut screen = Screen::default();
        let draw = |screen: &mut Screen| drawn(&known, screen, home.path(), (90, 22));
        draw(&mut screen);
        press(&mut screen, &[KeyCode::Down, KeyCode::Char('3')]);
        assert!(draw(&mut screen).contains("planner has no log on this machine"));
        let logs = home.path().join("logs");
        std::fs::create_dir(&logs).unwrap();
        let lines: Vec<String> = (0..40)
            .map(|line| format!("\x1b[31mline\x1b[0m\t{line}"))
            .collect();
        std::fs::write(logs.join("planner.log"), lines.join("\n")).unwrap();
        insta::assert_snapshot!(draw(&mut screen), @r"
            Registry: running (http://r) - 2 healthy, 1 inactive

            NAME       TYPE   STATUS                  DEPS  CAPS  ENDPOINT        AGE  LAST SEEN
            ------------------------------------------------------------------------------------
            clock-1    Agent  healthy                 0/0   1/1   127.0.0.1:9000  1m   1m
            planner-2  Agent  healthy (process gone)  1/1   0/0   127.0.0.1:9000  1m   1m
            weather-3  Agent  unhealthy (inactive)    0/0   0/0   127.0.0.1:9000  1m   1m

            ╭ Wiring │ Events │ Logs ─────────────────────────────────────────────────── planner-2 ╮
            │ line    29                                                                           │
            │ line    30                                                                           │
            │ line    31                                                                           │
            │ line    32                                                                           │
            │ line    33                                                                           │
            │ line    34                                                                           │
            │ line    35                                                                           │
            │ line    36                                                                           │
            │ line    37                                                                           │
            │ line    38                                                                           │
            │ line    39                                                                           │
            ╰──────────────────────────────────────────────────────────────────────────────────────╯
            q quit  ? help  ↑↓ agent  ⇥ pane  / filter  PgUp/PgDn scroll
            ");
        press(&mut screen, &[KeyCode::PageUp]);
        let scrolled = draw(&mut screen);
        assert!(
            scrolled.contains("line    28") && !scrolled.contains("line    39"),
            "{scrolled}"
        );
        press(&mut screen, &[KeyCode::Char('?')]);
        insta::assert_snapshot!(draw(&mut screen), @r"
            Registry: running (http://r) - 2 healthy, 1 inactive

            NAME       TYPE   STATUS                  DEPS  CAPS  ENDPOINT        AGE  LAST SEEN
            ------------------------------------------------------------------------------------
            clock-1    Agent  healthy                 0/0   1/1   127.0.0.1:9000  1m   1m
            planner-2  Agent  healthy (process gone)  1/1   0/0   127.0.0.1:9000  1m   1m
            weather-3  Age╭ Keys ────────────────────────────────────────────────────╮ 1m
                          │ q  Ctrl-C        leave                                   │
            ╭ Wiring │ Eve│ ↑ ↓  j k         choose an agent                         │── planner-2 ╮
            │ line    18  │ Home End  g G    the first, the last                     │             │
            │ line    19  │ Tab ← →  h l     the next pane, the one before           │             │
            │ line    20  │ 1 2 3            wiring, events, logs                    │             │
            │ line    21  │ PgUp PgDn Space  scroll the pane                         │             │
            │ line    22  │ /                show agents whose id contains a text    │             │
            │ line    23  │ Esc              show all again                          │             │
            │ line    24  │ ?                this                                    │             │
            │ line    25  ╰──────────────────────────────────────────────────────────╯             │
            │ line    26                                                                           │
            │ line    27                                                                           │
            │ line    28                                                                           │
            ╰──────────────────────────────────────────────────────────────────────────────────────╯
            q quit  ? help  ↑↓ agent  ⇥ pane  / filter  PgUp/PgDn scroll
            ");
    }

    #[test]
    fn what_is_not_there_is_said() {
        let home = tempfile::tempdir().unwrap();
        let mut screen = Screen::default();
        let mut known = Known::default();
        let draw =
            |known: &Known<_>, screen: &mut Screen| drawn(known, screen, home.path(), (60, 9));
        insta::assert_snapshot!(draw(&known, &mut screen), @r"
            Registry: asking http://r







            q quit  ? help  ↑↓ agent  ⇥ pane  / filter  PgUp/PgDn scro
            ");
        let mut nobody = answer();
        nobody.list.agents.clear();
        known.last = Some(nobody);
        insta::assert_snapshot!(draw(&known, &mut screen), @r"
            Registry: running (http://r) - 0 healthy
            No agents yet: `meshctl start -d AGENT` starts one.


            ╭ Wiring │ Events │ Logs ────────────────────────────────╮
            │                                                        │
            │                                                        │
            ╰────────────────────────────────────────────────────────╯
            q quit  ? help  ↑↓ agent  ⇥ pane  / filter  PgUp/PgDn scro
            ");
        known.last = Some(answer());
        known.away = Some((at(70), "Connection refused".to_owned()));
        press(&mut screen, &[KeyCode::Char('/'), KeyCode::Char('x')]);
        insta::assert_snapshot!(draw(&known, &mut screen), @r"
            Registry: not running (http://r) - for 20s: Connection ref
            No agent's id contains this text.


            ╭ Wiring │ Events │ Logs ────────────────────────────────╮
            │                                                        │
            │                                                        │
            ╰────────────────────────────────────────────────────────╯
            /x▏
            ");
    }

    #[test]
    fn no_terminal_is_too_small() {
        let known = Known {
            last: Some(answer()),
            away: None,
        };
        let home = tempfile::tempdir().unwrap();
        let mut screen = Screen::default();
        press(&mut screen, &[KeyCode::Down]);
        let small = drawn(&known, &mut screen, home.path(), (40, 10));
        assert!(
            small.contains("clock-1") && small.contains("q quit"),
            "{small}"
        );
        for size in [(1, 1), (2, 3), (10, 4), (20, 5), (300, 2)] {
            for pane in ['1', '2', '3'] {
                let mut screen = Screen::default();
                press(&mut screen, &[KeyCode::Char(pane), KeyCode::PageDown]);
                drawn(&known, &mut screen, home.path(), size);
                press(&mut screen, &[KeyCode::Char('?')]);
                drawn(&known, &mut screen, home.path(), size);
            }
        }
    }
}
