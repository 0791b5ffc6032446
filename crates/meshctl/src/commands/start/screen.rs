//! What several processes write, on one terminal: line by line, each with its name in its colour.

use anstyle::{AnsiColor, Style};

use super::session::Session;
use crate::commands::Context;
use crate::error::CliError;
use crate::log_file::Follower;
use crate::supervisor::Launched;

/// One after the other; the registry, which is nobody's main interest, is dimmed.
const COLOURS: [AnsiColor; 6] = [
    AnsiColor::Cyan,
    AnsiColor::Green,
    AnsiColor::Magenta,
    AnsiColor::Yellow,
    AnsiColor::Blue,
    AnsiColor::BrightRed,
];

/// The output of all processes of one `start`.
pub(super) struct Screen {
    all: Vec<Shown>,
}

/// What is shown of one process.
struct Shown {
    follower: Follower,
    /// Written before each line when there are several processes.
    prefix: String,
    /// The end of a line that is not complete yet.
    rest: Vec<u8>,
}

/// Whether processes may still write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Running,
    Ended,
}

impl Screen {
    pub(super) fn of(session: &Session<'_>) -> Self {
        let agents = session.agents.iter();
        let agents = agents.zip(COLOURS.iter().cycle());
        let agents = agents.map(|(agent, colour)| (agent, colour.on_default()));
        let registry = session.registry.iter();
        let registry = registry.map(|registry| (registry, Style::new().dimmed()));
        let processes: Vec<(&Launched, Style)> = registry.chain(agents).collect();
        let widths = processes
            .iter()
            .map(|(it, _)| it.name.as_str().chars().count());
        let width = widths.max().unwrap_or_default();
        let several = processes.len() > 1;
        let prefix = |process: &Launched, style: Style| {
            if several {
                format!("{style}{:width$} |{style:#} ", process.name.as_str())
            } else {
                String::new()
            }
        };
        let shown = |(process, style): (&Launched, Style)| Shown {
            follower: Follower::from_start(&process.log),
            prefix: prefix(process, style),
            rest: Vec::new(),
        };
        Self {
            all: processes.into_iter().map(shown).collect(),
        }
    }

    /// Prints what was written since the last time.
    pub(super) fn print(&mut self, stage: Stage, context: &mut Context) -> Result<(), CliError> {
        for shown in &mut self.all {
            let new = shown
                .follower
                .read()
                .map_err(|error| CliError::new("cannot read a log").because(error))?;
            let text = shown.lines(&new, stage);
            if !text.is_empty() {
                context.printer.raw(&text)?;
            }
        }
        Ok(())
    }
}

impl Shown {
    /// The complete lines in `new`, each with the prefix; at the end the incomplete one as well.
    fn lines(&mut self, new: &[u8], stage: Stage) -> Vec<u8> {
        self.rest.extend_from_slice(new);
        let complete = if stage == Stage::Ended {
            self.rest.len()
        } else {
            let newline = self.rest.iter().rposition(|byte| *byte == b'\n');
            newline.map_or(0, |at| at + 1)
        };
        let mut text = Vec::new();
        for line in self.rest[..complete].split_inclusive(|byte| *byte == b'\n') {
            text.extend_from_slice(self.prefix.as_bytes());
            text.extend_from_slice(line);
            if !line.ends_with(b"\n") {
                text.push(b'\n');
            }
        }
        self.rest.drain(..complete);
        text
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn lines_of_several_processes_never_mix() {
        let mut shown = Shown {
            follower: Follower::from_start(Path::new("x")),
            prefix: "a | ".to_owned(),
            rest: Vec::new(),
        };
        assert_eq!(shown.lines(b"one\ntw", Stage::Running), b"a | one\n");
        assert_eq!(shown.lines(b"o\n", Stage::Running), b"a | two\n");
        assert_eq!(shown.lines(b"thr", Stage::Running), b"");
        assert_eq!(shown.lines(b"ee", Stage::Ended), b"a | three\n");
    }
}
