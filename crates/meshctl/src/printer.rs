//! The only way to the terminal: results to stdout, remarks to stderr.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::pin::pin;
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use serde::Serialize;
use terminal_size::{Height, Width, terminal_size_of};

use crate::canvas::Size;
use crate::error::CliError;
use crate::table::Table;

/// What a line of progress takes; less than the narrowest terminal that is usual.
const PROGRESS_WIDTH: usize = 78;
/// Work that takes longer is seen to go on.
const NOTICEABLE: Duration = Duration::from_millis(500);
/// Between two pictures of a spinner.
const TURN: Duration = Duration::from_millis(100);
const SPINNER: [char; 4] = ['|', '/', '-', '\\'];

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

    /// The result as JSON, in one piece: nothing is written unless all of it can be.
    pub(crate) fn json(&mut self, result: &(impl Serialize + ?Sized)) -> Result<(), CliError> {
        let text = serde_json::to_string_pretty(result)
            .map_err(|error| CliError::new("cannot write the answer as JSON").because(error))?;
        Ok(self.result(text)?)
    }

    /// A table of the result: fitted to a terminal, whole anywhere else. Where `--wide` asks for all of
    /// it, print [`Table::render`] instead.
    pub(crate) fn table(&mut self, table: &Table) -> io::Result<()> {
        match self.width() {
            Some(columns) => self.result(table.fit(columns)),
            None => self.result(table.render()),
        }
    }

    /// How many columns results have, if they go to a terminal.
    pub(crate) fn width(&self) -> Option<usize> {
        self.size().map(|size| size.columns)
    }

    /// How large the terminal is that results go to, if they do.
    #[expect(clippy::unused_self, reason = "only the printer asks for the terminal")]
    pub(crate) fn size(&self) -> Option<Size> {
        let stdout = io::stdout();
        if !stdout.is_terminal() {
            return None;
        }
        terminal_size_of(stdout).map(|(Width(columns), Height(rows))| Size {
            rows: rows.into(),
            columns: columns.into(),
        })
    }

    /// Whether colours of the result are seen.
    pub(crate) fn has_colours(&self) -> bool {
        self.out.current_choice() != ColorChoice::Never
    }

    /// Text for a terminal, which may move the cursor; [`Self::size`] says whether there is one.
    #[expect(
        clippy::unused_self,
        reason = "only the printer writes to the terminal"
    )]
    pub(crate) fn terminal(&mut self, text: &str) -> io::Result<()> {
        // The stream that takes colours out takes this out, too.
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()
    }

    /// One of many results as JSON, in a line of its own that is written at once.
    pub(crate) fn json_line(&mut self, result: &impl Serialize) -> Result<(), CliError> {
        let mut text = serde_json::to_string(result)
            .map_err(|error| CliError::new("cannot write the answer as JSON").because(error))?;
        text.push('\n');
        Ok(self.raw(text.as_bytes())?)
    }

    /// Waits for `work`. On a terminal's stderr, a spinner with `what` turns when it takes long, and
    /// disappears when it ends.
    pub(crate) async fn during<T>(&mut self, what: &str, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let mut turns = tokio::time::interval_at(tokio::time::Instant::now() + NOTICEABLE, TURN);
        let mut pictures = SPINNER.iter().cycle();
        let mut shown = false;
        loop {
            tokio::select! {
                biased;
                done = &mut work => {
                    if shown {
                        // An ornament; the work is done either way.
                        let _ = self.progress(None);
                    }
                    return done;
                }
                _ = turns.tick() => {
                    if let Some(picture) = pictures.next() {
                        // As above.
                        let _ = self.progress(Some(&format!("{picture} {what}")));
                        shown = true;
                    }
                }
            }
        }
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
