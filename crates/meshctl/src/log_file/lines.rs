//! The lines of a log, and when each was written as far as that can be told.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek};

use jiff::tz::TimeZone;
use mesh_core::Timestamp;

use crate::moment::Moment;

/// When a line was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// So the line itself says.
    At(Timestamp),
    /// So the last line before it says that says anything.
    With(Timestamp),
    /// Nothing before it in its log says anything: not before the last log ended, and not after the
    /// next line that has a time, or else the end of the log.
    Between(Option<Timestamp>, Timestamp),
}

/// From when to when, both of them included.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Window {
    pub(crate) since: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
}

impl Window {
    /// Whether a line may have been written within it.
    pub(crate) fn contains(self, written: Written) -> bool {
        let (earliest, latest) = match written {
            Written::At(at) | Written::With(at) => (Some(at), at),
            Written::Between(earliest, latest) => (earliest, latest),
        };
        let too_early = self.since.is_some_and(|since| latest < since);
        let too_late = matches!((self.until, earliest), (Some(until), Some(at)) if at > until);
        !too_early && !too_late
    }
}

/// A log that is read line by line.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    reader: BufReader<File>,
    zone: &'a TimeZone,
    /// When the log was written to last.
    end: Timestamp,
    written: Written,
}

impl<'a> Lines<'a> {
    /// All lines of `file`, which follows a log that ended at `earliest`.
    pub(crate) fn new(
        file: File,
        zone: &'a TimeZone,
        earliest: Option<Timestamp>,
    ) -> io::Result<Self> {
        let end = last_change(&file)?;
        let mut reader = BufReader::new(file);
        let mut line = Vec::new();
        let mut first = None;
        while first.is_none() && reader.read_until(b'\n', &mut line)? > 0 {
            first = Moment::leading(&line).map(|moment| moment.at(zone, end));
            line.clear();
        }
        reader.rewind()?;
        Ok(Self {
            reader,
            zone,
            end,
            written: Written::Between(earliest, first.unwrap_or(end)),
        })
    }

    /// The next line, with its newline if it has one.
    pub(crate) fn next(&mut self) -> io::Result<Option<(Written, Vec<u8>)>> {
        let mut line = Vec::new();
        if self.reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        self.written = match (Moment::leading(&line), self.written) {
            (Some(moment), _) => Written::At(moment.at(self.zone, self.end)),
            (None, Written::At(at)) => Written::With(at),
            (None, as_before) => as_before,
        };
        Ok(Some((self.written, line)))
    }

    /// When the log was written to last.
    pub(crate) fn end(&self) -> Timestamp {
        self.end
    }

    /// The file, of which all lines were read.
    pub(crate) fn into_file(self) -> File {
        self.reader.into_inner()
    }
}

/// When the file was written to last.
pub(crate) fn last_change(file: &File) -> io::Result<Timestamp> {
    let changed = file.metadata()?.modified()?;
    let since_epoch = changed
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    let nanos = i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX);
    Ok(Timestamp::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn lines(text: &str, earliest: Option<Timestamp>, window: Window) -> Vec<String> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file.rewind().unwrap();
        let zone = TimeZone::UTC;
        let mut lines = Lines::new(file, &zone, earliest).unwrap();
        let mut found = Vec::new();
        while let Some((written, line)) = lines.next().unwrap() {
            if window.contains(written) {
                found.push(String::from_utf8(line).unwrap().trim_end().to_owned());
            }
        }
        found
    }

    /// An hour of 2026-11-23.
    fn hour(hour: i64) -> Timestamp {
        Timestamp::from_seconds(1_795_392_000 + hour * 3600)
    }

    const LOG: &str = "hello\n2026-11-23 10:00:00 one\n  more\n2026-11-23T12:00:00Z two\n";

    #[test]
    fn a_line_without_a_time_has_that_of_the_line_before_it() {
        let since = |since| Window { since, until: None };
        let until = |until| Window { since: None, until };
        assert_eq!(
            lines(LOG, None, since(Some(hour(11)))),
            ["2026-11-23T12:00:00Z two"]
        );
        assert_eq!(
            lines(LOG, None, until(Some(hour(11)))),
            ["hello", "2026-11-23 10:00:00 one", "  more"]
        );
    }

    #[test]
    fn what_comes_before_all_times_is_left_out_only_where_that_is_sure() {
        let window = |since, until| Window { since, until };
        // Not after 10:00.
        assert_eq!(lines(LOG, None, window(Some(hour(9)), None))[0], "hello");
        assert_eq!(lines(LOG, None, window(Some(hour(11)), None)).len(), 1);
        // Not before 9:00.
        assert!(lines(LOG, Some(hour(9)), window(None, Some(hour(8)))).is_empty());
        assert_eq!(lines(LOG, None, window(None, Some(hour(8)))), ["hello"]);
        // Written just now.
        assert_eq!(
            lines("plain\n", None, window(Some(hour(10)), None)),
            ["plain"]
        );
    }
}
