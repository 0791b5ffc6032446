//! What the user chose: an agent, what of it is shown, and how far it is scrolled.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use mesh_core::wire::AgentInfo;

/// What is shown below the agents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Pane {
    #[default]
    Wiring,
    Events,
    Logs,
}

impl Pane {
    pub(super) const ALL: [Self; 3] = [Self::Wiring, Self::Events, Self::Logs];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Wiring => "Wiring",
            Self::Events => "Events",
            Self::Logs => "Logs",
        }
    }

    pub(super) fn place(self) -> usize {
        Self::ALL
            .iter()
            .position(|pane| *pane == self)
            .unwrap_or_default()
    }

    fn moved(self, by: usize) -> Self {
        Self::ALL[(self.place() + by) % Self::ALL.len()]
    }
}

/// What keys do at the moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Mode {
    /// They choose.
    #[default]
    Choosing,
    /// They are text of the filter.
    Filtering,
    /// Any of them takes the help away.
    Helping,
}

/// What a key asks of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    Stay,
    Leave,
}

/// All that keys change.
#[derive(Debug, Default)]
pub(super) struct Screen {
    pub(super) mode: Mode,
    pub(super) pane: Pane,
    /// Agents whose id contains this are shown.
    pub(super) filter: String,
    /// The id of the chosen agent.
    chosen: Option<String>,
    /// Ids of the agents in the order in which they are shown.
    shown: Vec<String>,
    /// How many lines the pane is scrolled, from its top; a log's from its end.
    pub(super) scrolled: usize,
    /// How many lines of the pane are seen at once, and how many more there are.
    pub(super) page: usize,
    pub(super) beyond: usize,
}

impl Screen {
    pub(super) fn press(&mut self, key: KeyEvent) -> Wish {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        if is_control && key.code == KeyCode::Char('c') {
            return Wish::Leave;
        }
        if is_control || key.modifiers.contains(KeyModifiers::ALT) {
            // What they mean elsewhere they do not mean here, least of all a letter.
            if key.code == KeyCode::Char('u') && self.mode == Mode::Filtering {
                self.filter.clear();
            }
            return Wish::Stay;
        }
        match self.mode {
            Mode::Helping => self.mode = Mode::Choosing,
            Mode::Filtering => self.type_filter(key.code),
            Mode::Choosing => return self.choose(key.code),
        }
        Wish::Stay
    }

    fn type_filter(&mut self, code: KeyCode) {
        match code {
            KeyCode::Enter => self.mode = Mode::Choosing,
            KeyCode::Esc => {
                self.filter.clear();
                self.mode = Mode::Choosing;
            }
            KeyCode::Backspace => {
                self.filter.pop();
            }
            KeyCode::Char(character) => self.filter.push(character),
            _ => {}
        }
    }

    fn choose(&mut self, code: KeyCode) -> Wish {
        match code {
            KeyCode::Char('q') => return Wish::Leave,
            KeyCode::Char('?') => self.mode = Mode::Helping,
            KeyCode::Char('/') => self.mode = Mode::Filtering,
            KeyCode::Esc => self.filter.clear(),
            KeyCode::Up | KeyCode::Char('k') => self.step(|place| place.saturating_sub(1)),
            KeyCode::Down | KeyCode::Char('j') => self.step(|place| place + 1),
            KeyCode::Home | KeyCode::Char('g') => self.step(|_| 0),
            KeyCode::End | KeyCode::Char('G') => self.step(|_| usize::MAX),
            KeyCode::Tab | KeyCode::Right | KeyCode::Char('l') => self.turn_to(self.pane.moved(1)),
            KeyCode::BackTab | KeyCode::Left | KeyCode::Char('h') => {
                self.turn_to(self.pane.moved(Pane::ALL.len() - 1));
            }
            KeyCode::Char('1') => self.turn_to(Pane::Wiring),
            KeyCode::Char('2') => self.turn_to(Pane::Events),
            KeyCode::Char('3') => self.turn_to(Pane::Logs),
            KeyCode::PageUp => self.scroll(self.pane != Pane::Logs),
            KeyCode::PageDown | KeyCode::Char(' ') => self.scroll(self.pane == Pane::Logs),
            _ => {}
        }
        Wish::Stay
    }

    /// Towards where the pane begins, or away from it: a log begins at its end.
    fn scroll(&mut self, is_back: bool) {
        let page = self.page.max(1);
        self.scrolled = if is_back {
            self.scrolled.saturating_sub(page)
        } else {
            self.scrolled + page.min(self.beyond)
        };
    }

    fn turn_to(&mut self, pane: Pane) {
        self.pane = pane;
        self.scrolled = 0;
    }

    fn step(&mut self, to: impl FnOnce(usize) -> usize) {
        let last = self.shown.len().saturating_sub(1);
        let place = to(self.place().unwrap_or_default()).min(last);
        self.chosen = self.shown.get(place).cloned();
        self.scrolled = 0;
    }

    /// Takes note of who is shown. Whoever was chosen stays so, wherever it is now; the first one is, if
    /// nobody was or it is gone.
    pub(super) fn show(&mut self, agents: &[&AgentInfo]) {
        self.shown = agents.iter().map(|agent| agent.id.clone()).collect();
        if self.place().is_none() {
            self.chosen = self.shown.first().cloned();
            self.scrolled = 0;
        }
    }

    /// Where the chosen agent is among those that are shown.
    pub(super) fn place(&self) -> Option<usize> {
        let chosen = self.chosen.as_ref()?;
        self.shown.iter().position(|id| id == chosen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh_view::tests::agent;

    fn press(screen: &mut Screen, codes: &[KeyCode]) {
        for code in codes {
            assert_eq!(screen.press(KeyEvent::from(*code)), Wish::Stay);
        }
    }

    #[test]
    fn whoever_is_chosen_stays_chosen_when_others_come_and_go() {
        let agents = ["a", "b", "c", "d"].map(|name| agent(name, name, "healthy"));
        let [a, b, c, d] = &agents;
        let mut screen = Screen::default();
        press(&mut screen, &[KeyCode::Down, KeyCode::Up]);
        assert_eq!(screen.place(), None);
        screen.show(&[b, c]);
        assert_eq!(screen.place(), Some(0));
        press(&mut screen, &[KeyCode::Down, KeyCode::Down]);
        assert_eq!(screen.place(), Some(1));
        screen.show(&[a, b, c, d]);
        assert_eq!(screen.place(), Some(2));
        screen.show(&[a, d]);
        assert_eq!(screen.place(), Some(0));
        press(&mut screen, &[KeyCode::End]);
        assert_eq!(screen.place(), Some(1));
        screen.show(&[]);
        assert_eq!(screen.place(), None);
    }

    #[test]
    fn keys_are_text_while_a_filter_is_typed() {
        let mut screen = Screen::default();
        let typed = ['/', 'q', 'x', '?'].map(KeyCode::Char);
        press(&mut screen, &typed);
        press(&mut screen, &[KeyCode::Backspace, KeyCode::Enter]);
        assert_eq!(
            (screen.filter.as_str(), screen.mode),
            ("qx", Mode::Choosing)
        );
        press(&mut screen, &[KeyCode::Esc]);
        assert_eq!(screen.filter, "");
        press(
            &mut screen,
            &[KeyCode::Char('/'), KeyCode::Char('y'), KeyCode::Esc],
        );
        assert_eq!((screen.filter.as_str(), screen.mode), ("", Mode::Choosing));
        let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        press(&mut screen, &[KeyCode::Char('/')]);
        assert_eq!(screen.press(control_c), Wish::Leave);
        let control = |letter| KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL);
        press(&mut screen, &[KeyCode::Char('y')]);
        assert_eq!(screen.press(control('q')), Wish::Stay);
        assert_eq!(screen.filter, "y");
        screen.press(control('u'));
        assert_eq!(screen.filter, "");
    }

    #[test]
    fn panes_are_scrolled_no_further_than_they_go() {
        let mut screen = Screen {
            page: 10,
            beyond: 4,
            ..Screen::default()
        };
        press(&mut screen, &[KeyCode::PageDown]);
        assert_eq!(screen.scrolled, 4);
        press(&mut screen, &[KeyCode::PageUp]);
        assert_eq!(screen.scrolled, 0);
        // A log is read from its end.
        press(&mut screen, &[KeyCode::Char('3'), KeyCode::PageUp]);
        assert_eq!((screen.pane, screen.scrolled), (Pane::Logs, 4));
        press(&mut screen, &[KeyCode::Tab]);
        assert_eq!((screen.pane, screen.scrolled), (Pane::Wiring, 0));
        press(&mut screen, &[KeyCode::BackTab]);
        assert_eq!(screen.pane, Pane::Logs);
    }
}
