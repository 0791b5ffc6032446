//! A table of a page, with cells that wrap.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr as _;

use super::render::{Word, widest, width, wrap};

/// Between two columns.
const GAP: usize = 2;

/// Rows of cells; the first row is the heading.
#[derive(Debug, Default)]
pub(super) struct Grid {
    rows: Vec<Vec<Vec<Word>>>,
    open: Vec<Vec<Word>>,
}

impl Grid {
    pub(super) fn cell(&mut self, words: Vec<Word>) {
        self.open.push(words);
    }

    pub(super) fn end_row(&mut self) {
        self.rows.push(std::mem::take(&mut self.open));
    }

    /// The table in `columns` columns, or as narrow as its words allow.
    pub(super) fn render(&self, columns: usize) -> String {
        let widths = self.widths(columns);
        let total = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
        let mut out = String::new();
        for (index, row) in self.rows.iter().enumerate() {
            let cells: Vec<Vec<String>> = row
                .iter()
                .zip(&widths)
                .map(|(words, room)| wrap(words, *room))
                .collect();
            let height = cells.iter().map(Vec::len).max().unwrap_or(0);
            for line in 0..height {
                let mut text = String::new();
                for (cell, room) in cells.iter().zip(&widths) {
                    let part = cell.get(line).map_or("", String::as_str);
                    let taken = anstream::adapter::strip_str(part).to_string().width();
                    let blanks = room.saturating_sub(taken) + GAP;
                    let _ = write!(text, "{part}{:blanks$}", "");
                }
                let _ = writeln!(out, "{}", text.trim_end());
            }
            if index == 0 {
                let _ = writeln!(out, "{}", "─".repeat(total.min(columns)));
            }
        }
        out
    }

    /// How wide each column is: the widest give way until all fit, down to their widest word.
    fn widths(&self, columns: usize) -> Vec<usize> {
        let count = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let of = |measure: fn(&[Word]) -> usize, column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| measure(cell)).max().unwrap_or(0)
        };
        let mut widths: Vec<usize> = (0..count).map(|column| of(width, column)).collect();
        let least: Vec<usize> = (0..count).map(|column| of(widest, column)).collect();
        let room = columns.saturating_sub(GAP * count.saturating_sub(1));
        while widths.iter().sum::<usize>() > room {
            let widest = (0..count)
                .filter(|column| widths[*column] > least[*column])
                .max_by_key(|column| widths[*column]);
            let Some(widest) = widest else { break };
            widths[widest] -= 1;
        }
        widths
    }
}
