//! Columns of text for people.

use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::printer::Tone;

/// Between two columns.
const GAP: &str = "  ";
/// What a column keeps when it gives way, if its title is not wider.
const NARROWEST: usize = 8;

/// One cell and how it looks.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    tone: Option<Tone>,
}

impl Cell {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            tone: None,
        }
    }

    /// The same in a tone.
    pub(crate) fn toned(text: impl Into<String>, tone: Tone) -> Self {
        Self {
            text: text.into(),
            tone: Some(tone),
        }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

/// A heading, a rule and rows, each column as wide as its widest cell.
///
/// [`Printer::table`] fits it into a terminal, at the cost of the columns that give way; piped, it is
/// always whole.
///
/// [`Printer::table`]: crate::printer::Printer::table
#[derive(Debug)]
pub(crate) struct Table {
    heading: Vec<&'static str>,
    /// Titles of columns that may be cut, the least important first.
    giving_way: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub(crate) fn new(heading: &[&'static str]) -> Self {
        Self {
            heading: heading.to_vec(),
            giving_way: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Lets these columns be cut where the terminal is too narrow, the first of them first. Leave out
    /// what people paste elsewhere: names, ids, addresses.
    pub(crate) fn giving_way(mut self, titles: &[&'static str]) -> Self {
        debug_assert!(titles.iter().all(|title| self.heading.contains(title)));
        self.giving_way = titles.to_vec();
        self
    }

    /// Adds a row; it has as many cells as the heading.
    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.heading.len());
        self.rows.push(cells);
    }

    /// The whole table, without a newline at its end.
    pub(crate) fn render(&self) -> String {
        self.with_widths(&self.natural_widths())
    }

    /// The table in at most `columns`, as far as its columns give way.
    pub(crate) fn fit(&self, columns: usize) -> String {
        let mut widths = self.natural_widths();
        for title in &self.giving_way {
            let excess = total(&widths).saturating_sub(columns);
            if let Some(column) = self.heading.iter().position(|heading| heading == title) {
                let least = title.width().max(NARROWEST);
                let spare = widths[column].saturating_sub(least);
                widths[column] -= spare.min(excess);
            }
        }
        self.with_widths(&widths)
    }

    fn natural_widths(&self) -> Vec<usize> {
        self.heading
            .iter()
            .enumerate()
            .map(|(column, title)| {
                let cells = self.rows.iter().map(|row| row[column].text.width());
                cells.chain([title.width()]).max().unwrap_or_default()
            })
            .collect()
    }

    fn with_widths(&self, widths: &[usize]) -> String {
        let mut lines = Vec::with_capacity(self.rows.len() + 2);
        let heading: Vec<Cell> = self.heading.iter().map(|title| Cell::new(*title)).collect();
        lines.push(line(&heading, widths));
        lines.push("-".repeat(total(widths)));
        lines.extend(self.rows.iter().map(|row| line(row, widths)));
        lines.join("\n")
    }
}

fn total(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1)
}

fn line(cells: &[Cell], widths: &[usize]) -> String {
    let mut line = String::new();
    for (column, (cell, &width)) in cells.iter().zip(widths).enumerate() {
        if column > 0 {
            line.push_str(GAP);
        }
        let text = cut(&cell.text, width);
        match cell.tone {
            Some(tone) => line.push_str(&tone.paint(&text)),
            None => line.push_str(&text),
        }
        if column + 1 < cells.len() {
            let padding = width.saturating_sub(text.width());
            // Writing to a String cannot fail.
            let _ = write!(line, "{:padding$}", "");
        }
    }
    line.trim_end().to_owned()
}

/// `text` in at most `width` columns of a terminal.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut taken = 0;
    let mut kept: String = text
        .chars()
        .take_while(|character| {
            taken += character.width().unwrap_or_default();
            taken < width
        })
        .collect();
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_must_be() {
        let mut table = Table::new(&["NAME", "CAPS", "AGE"]);
        table.row(vec!["greeter-1a2b3c4d".into(), "3/3".into(), "2m".into()]);
        table.row(vec!["ü".into(), "-".into(), "".into()]);
        insta::assert_snapshot!(table.render(), @r"
        NAME              CAPS  AGE
        ---------------------------
        greeter-1a2b3c4d  3/3   2m
        ü                 -
        ");
    }

    #[test]
    fn columns_give_way_in_their_order_and_ids_never_do() {
        let mut table = Table::new(&["NAME", "ENDPOINT", "CAPABILITIES"])
            .giving_way(&["CAPABILITIES", "ENDPOINT"]);
        table.row(vec![
            "greeter-1a2b3c4d".into(),
            "localhost:9000".into(),
            Cell::toned("greeting, weather, 天気", Tone::Dim),
        ]);
        let fit = |columns| anstream::adapter::strip_str(&table.fit(columns)).to_string();
        assert_eq!(
            fit(80),
            anstream::adapter::strip_str(&table.render()).to_string()
        );
        insta::assert_snapshot!(fit(56), @r"
        NAME              ENDPOINT        CAPABILITIES
        --------------------------------------------------------
        greeter-1a2b3c4d  localhost:9000  greeting, weather, 天…
        ");
        insta::assert_snapshot!(fit(20), @r"
        NAME              ENDPOINT  CAPABILITIES
        ----------------------------------------
        greeter-1a2b3c4d  localho…  greeting, w…
        ");
    }
}
