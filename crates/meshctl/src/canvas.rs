//! Lines of a terminal that are painted over in place.

use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Between these, terminals that can do so show nothing yet: no half picture is ever seen.
const BEGIN: &str = "\x1b[?2026h";
const END: &str = "\x1b[?2026l";
/// Empties the line that the cursor is in.
const EMPTY_LINE: &str = "\x1b[2K";
/// Empties what is below the cursor.
const EMPTY_REST: &str = "\x1b[J";
/// Ends every colour.
const PLAIN: &str = "\x1b[0m";

/// How large a terminal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

/// A picture of some lines, and the cursor below it.
///
/// The cursor is never hidden and the screen never switched, so there is nothing to restore however the
/// program ends.
#[derive(Debug, Default)]
pub(crate) struct Canvas {
    /// How wide the lines are that were painted last.
    widths: Vec<usize>,
    /// What was painted last, and how large the terminal was.
    last: Option<(Vec<String>, Size)>,
}

impl Canvas {
    /// What to write to a terminal of this `size` so that it shows `lines` in the place of the last ones.
    /// Lines are cut at its edge, and the last ones left out if there are too many. Nothing if they are
    /// there already.
    pub(crate) fn paint(&mut self, lines: &[String], size: Size) -> Option<String> {
        let picture = Some((lines.to_vec(), size));
        if picture == self.last {
            return None;
        }
        self.last = picture;
        let Size { rows, columns } = size;
        let columns = columns.max(1);
        // A terminal that became narrower has wrapped them.
        let above: usize = self
            .widths
            .iter()
            .map(|width| width.div_ceil(columns).max(1))
            .sum();
        let mut text = format!("{BEGIN}\r");
        if above > 0 {
            // Writing to a String cannot fail.
            let _ = write!(text, "\x1b[{}A", above.min(rows.saturating_sub(1)));
        }
        self.widths.clear();
        for line in lines.iter().take(rows.saturating_sub(1)) {
            let line = cut(line, columns);
            self.widths.push(visible(&line).width());
            let _ = writeln!(text, "{EMPTY_LINE}{line}");
        }
        Some(text + EMPTY_REST + END)
    }
}

fn visible(line: &str) -> String {
    anstream::adapter::strip_str(line).to_string()
}

/// `line` in at most `columns`, whatever its colours.
fn cut(line: &str, columns: usize) -> String {
    if visible(line).width() <= columns {
        return line.to_owned();
    }
    let mut kept = String::new();
    let mut taken = 0;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        kept.push(character);
        if character == '\x1b' {
            // Colours are all that our lines hold: they end with `m`.
            for part in characters.by_ref() {
                kept.push(part);
                if part == 'm' {
                    break;
                }
            }
            continue;
        }
        taken += character.width().unwrap_or_default();
        if taken >= columns {
            kept.pop();
            break;
        }
    }
    kept + "…" + PLAIN
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn lines_are_cut_at_the_edge_with_their_colours_ended() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…\x1b[0m");
        assert_eq!(cut("\x1b[32mabcd\x1b[0m", 3), "\x1b[32mab…\x1b[0m");
        assert_eq!(cut("\x1b[32mabc\x1b[0m", 3), "\x1b[32mabc\x1b[0m");
        assert_eq!(cut("天気天気", 5), "天気…\x1b[0m");
    }

    #[test]
    fn a_picture_goes_where_the_last_one_was() {
        let mut canvas = Canvas::default();
        let size = Size {
            rows: 5,
            columns: 10,
        };
        let mut paint = |text: &[&str], size| canvas.paint(&lines(text), size).unwrap_or_default();
        assert!(!paint(&["one", "two"], size).contains('A'));
        assert_eq!(paint(&["one", "two"], size), "");
        assert!(paint(&["one"], size).contains("\x1b[2A"));
        assert!(paint(&["0123456789"], size).contains("\x1b[1A"));
        // It takes three rows of a terminal of four columns.
        let narrow = Size {
            rows: 5,
            columns: 4,
        };
        assert!(paint(&["one"], narrow).contains("\x1b[3A"));
        let tall = paint(&["1", "2", "3", "4", "5", "6"], size);
        assert_eq!(tall.matches('\n').count(), 4);
    }
}
