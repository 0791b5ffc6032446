//! The lines that are asked for, and those that come.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

use jiff::tz::TimeZone;
use mesh_core::Timestamp;
use tokio::time::sleep;

use crate::commands::Context;
use crate::error::CliError;
use crate::log_file::{self, Follower, Lines, Window, Written};
use crate::moment::{self, Moment};

/// How often a followed log is looked at.
const POLL: Duration = Duration::from_millis(50);
/// So much is gathered before it is printed.
const PIECE: usize = 64 * 1024;
/// Where nobody knows the time.
const UNKNOWN: &str = "-";

/// Which log, and what of it.
pub(super) struct Reading<'a> {
    pub(super) path: &'a Path,
    /// Whether it is the current log, and not that of an earlier start.
    pub(super) is_current: bool,
    pub(super) zone: &'a TimeZone,
    pub(super) window: Window,
    /// How many of the last lines, or all.
    pub(super) tail: Option<usize>,
    pub(super) timestamps: bool,
}

impl Reading<'_> {
    fn unreadable(&self, error: io::Error) -> CliError {
        CliError::new(format!("cannot read `{}`", self.path.display())).because(error)
    }

    /// Prints the end of the log, whatever its lines say; the log, read to its end, and about how many
    /// lines there were.
    pub(super) fn end(&self, context: &mut Context) -> Result<(File, usize), CliError> {
        let mut file = File::open(self.path).map_err(|error| self.unreadable(error))?;
        let lines = log_file::last_lines(&mut file, self.tail);
        let lines = lines.map_err(|error| self.unreadable(error))?;
        context.printer.raw(&lines)?;
        Ok((file, lines.len()))
    }

    /// Prints the lines within the window; the current log, read to its end, and how many there were.
    pub(super) fn selected(&self, context: &mut Context) -> Result<(File, usize), CliError> {
        let mut files = match self.window.since {
            Some(since) if self.is_current => log_file::generations(self.path, since),
            _ => File::open(self.path).map(|file| vec![file]),
        }
        .map_err(|error| self.unreadable(error))?;
        let mut kept = Kept::new(self.tail);
        let mut earliest = None;
        loop {
            let file = files
                .pop()
                .ok_or_else(|| CliError::new("no log was read"))?;
            let file = self.select(file, &mut earliest, &mut kept, context)?;
            if files.is_empty() {
                context.printer.raw(&kept.text())?;
                return Ok((file, kept.count));
            }
            kept.end_line();
        }
    }

    fn select(
        &self,
        file: File,
        earliest: &mut Option<Timestamp>,
        kept: &mut Kept,
        context: &mut Context,
    ) -> Result<File, CliError> {
        let lines = Lines::new(file, self.zone, *earliest);
        let mut lines = lines.map_err(|error| self.unreadable(error))?;
        *earliest = Some(lines.end());
        while let Some((written, line)) = lines.next().map_err(|error| self.unreadable(error))? {
            if !self.window.contains(written) {
                continue;
            }
            let at = match written {
                Written::With(at) => Some(at),
                Written::At(_) | Written::Between(..) => None,
            };
            let says_itself = matches!(written, Written::At(_));
            kept.push(if self.timestamps && !says_itself {
                self.stamped(at, &line)
            } else {
                line
            });
            if kept.size > PIECE && self.tail.is_none() {
                context.printer.raw(&kept.text())?;
            }
        }
        Ok(lines.into_file())
    }

    /// `line` with a time before it, in the form that our own programs write.
    fn stamped(&self, at: Option<Timestamp>, line: &[u8]) -> Vec<u8> {
        let at = at.map_or(UNKNOWN.to_owned(), |at| {
            let local = moment::local(at, self.zone);
            local.strftime("%Y-%m-%d %H:%M:%S").to_string()
        });
        let mut stamped = format!("{at:<19} ").into_bytes();
        stamped.extend_from_slice(line);
        stamped
    }

    /// Prints what is written from now on, after what was read from `file`.
    pub(super) async fn follow(&self, file: File, context: &mut Context) -> Result<(), CliError> {
        let mut follower = Follower::resuming(self.path, file);
        // Only a whole line can be told whether it starts with a time.
        let mut begun = Vec::new();
        loop {
            let new = follower.read().map_err(|error| self.unreadable(error))?;
            if self.timestamps {
                begun.extend_from_slice(&new);
                let whole = begun.iter().rposition(|byte| *byte == b'\n');
                let rest = begun.split_off(whole.map_or(0, |end| end + 1));
                let now = context.clock.now();
                for line in begun.split_inclusive(|byte| *byte == b'\n') {
                    let line = match Moment::leading(line) {
                        Some(_) => line.to_vec(),
                        None => self.stamped(Some(now), line),
                    };
                    context.printer.raw(&line)?;
                }
                begun = rest;
            } else if !new.is_empty() {
                context.printer.raw(&new)?;
            }
            sleep(POLL).await;
        }
    }
}

/// The lines to print: all that come, or the last ones.
struct Kept {
    most: Option<usize>,
    lines: VecDeque<Vec<u8>>,
    size: usize,
    count: usize,
}

impl Kept {
    fn new(most: Option<usize>) -> Self {
        Self {
            most,
            lines: VecDeque::new(),
            size: 0,
            count: 0,
        }
    }

    fn push(&mut self, line: Vec<u8>) {
        self.count += 1;
        self.size += line.len();
        self.lines.push_back(line);
        if self.most.is_some_and(|most| self.lines.len() > most) {
            self.lines.pop_front();
        }
    }

    /// Ends a line that its writer did not end any more.
    fn end_line(&mut self) {
        if let Some(line) = self.lines.back_mut().filter(|line| !line.ends_with(b"\n")) {
            line.push(b'\n');
        }
    }

    /// What is kept, which is not kept any longer.
    fn text(&mut self) -> Vec<u8> {
        self.size = 0;
        self.lines.drain(..).flatten().collect()
    }
}
