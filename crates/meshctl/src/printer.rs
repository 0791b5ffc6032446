//! The only way to the terminal: results to stdout, remarks to stderr.

use std::fmt;
use std::io::{self, IsTerminal, Write};

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};

use crate::error::CliError;

/// What a line of progress takes; less than the narrowest terminal that is usual.
const PROGRESS_WIDTH: usize = 78;

/// A judgement that a colour underlines; the words say it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As it should be.
    Good,
    /// Partly so.
    Doubtful,
    /// Not so.
    Bad,
    /// Of little interest.
    Dim,
}

impl Tone {
    fn style(self) -> Style {
        match self {
            Self::Good => AnsiColor::Green.on_default(),
            Self::Doubtful => AnsiColor::Yellow.on_default(),
            Self::Bad => AnsiColor::Red.on_default(),
            Self::Dim => Style::new().dimmed(),
        }
    }

    /// `text` in this tone. The printer takes the colour out again where nobody sees it.
    pub(crate) fn paint(self, text: impl fmt::Display) -> String {
        let style = self.style();
        format!("{style}{text}{style:#}")
    }
}

/// Whether informational lines are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verbosity {
    /// Everything.
    Normal,
    /// Results, warnings and errors only.
    Quiet,
}

/// Writes to stdout and stderr; colours appear on a terminal only, and never with `NO_COLOR`.
pub(crate) struct Printer {
    out: AutoStream<io::Stdout>,
    err: AutoStream<io::Stderr>,
    verbosity: Verbosity,
}

impl Printer {
    /// A printer on the process's own streams.
    pub(crate) fn new() -> Self {
        Self {
            out: AutoStream::auto(io::stdout()),
            err: AutoStream::auto(io::stderr()),
            verbosity: Verbosity::Normal,
        }
    }

    /// Leaves informational lines out from here on, or not.
    pub(crate) fn set_verbosity(&mut self, verbosity: Verbosity) {
        self.verbosity = verbosity;
    }

    /// A line of the result.
    pub(crate) fn result(&mut self, text: impl fmt::Display) -> io::Result<()> {
        writeln!(self.out, "{text}")
    }

    /// Bytes of the result as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.out.flush()
    }

    /// What was done, on stdout, unless quiet.
    pub(crate) fn say(&mut self, text: impl fmt::Display) -> io::Result<()> {
        match self.verbosity {
            Verbosity::Normal => self.result(text),
            Verbosity::Quiet => Ok(()),
        }
    }

    /// A remark on stderr, unless quiet.
    pub(crate) fn note(&mut self, text: impl fmt::Display) -> io::Result<()> {
        match self.verbosity {
            Verbosity::Normal => writeln!(self.err, "{text}"),
            Verbosity::Quiet => Ok(()),
        }
    }

    /// A line on a terminal's stderr that the next one replaces, unless quiet; `None` takes it away.
    pub(crate) fn progress(&mut self, line: Option<&str>) -> io::Result<()> {
        if self.verbosity == Verbosity::Quiet || !io::stderr().is_terminal() {
            return Ok(());
        }
        // Blanks over what was there: every terminal understands them.
        match line {
            Some(line) => write!(self.err, "\r{line:<PROGRESS_WIDTH$}")?,
            None => write!(self.err, "\r{:PROGRESS_WIDTH$}\r", "")?,
        }
        self.err.flush()
    }

    /// A warning on stderr, quiet or not.
    pub(crate) fn warn(&mut self, text: impl fmt::Display) -> io::Result<()> {
        let label = Tone::Doubtful.paint("Warning:");
        writeln!(self.err, "{label} {text}")
    }

    /// What a failing command ends with.
    pub(crate) fn failure(&mut self, error: &CliError) {
        for line in error.detail_lines() {
            // As below: nobody is left to tell.
            let _ = writeln!(self.err, "{line}");
        }
        self.error(&error.to_string(), error.hint_text());
    }

    /// The line that a failing command ends with, and its hint. Nobody is left to tell when
    /// stderr itself is closed, so that is not reported.
    pub(crate) fn error(&mut self, message: &str, hint: Option<&str>) {
        let label = Tone::Bad.paint("Error:");
        let _ = writeln!(self.err, "{label} {message}");
        if let Some(hint) = hint {
            let label = Tone::Dim.paint("Hint:");
            let _ = writeln!(self.err, "{label} {hint}");
        }
    }
}
