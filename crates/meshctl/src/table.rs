//! Columns of text for people.

use std::fmt::Write as _;

use crate::printer::Tone;

/// Between two columns.
const GAP: &str = "  ";

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
#[derive(Debug)]
pub(crate) struct Table {
    heading: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub(crate) fn new(heading: &[&'static str]) -> Self {
        Self {
            heading: heading.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; it has as many cells as the heading.
    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.heading.len());
        self.rows.push(cells);
    }

    /// The whole table, without a newline at its end.
    pub(crate) fn render(&self) -> String {
        let widths: Vec<usize> = self
            .heading
            .iter()
            .enumerate()
            .map(|(column, title)| {
                let cells = self.rows.iter().map(|row| width(&row[column].text));
                cells.chain([width(title)]).max().unwrap_or_default()
            })
            .collect();
        let mut lines = Vec::with_capacity(self.rows.len() + 2);
        let heading: Vec<Cell> = self.heading.iter().map(|title| Cell::new(*title)).collect();
        lines.push(line(&heading, &widths));
        let total = widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1);
        lines.push("-".repeat(total));
        lines.extend(self.rows.iter().map(|row| line(row, &widths)));
        lines.join("\n")
    }
}

fn line(cells: &[Cell], widths: &[usize]) -> String {
    let mut text = String::new();
    for (column, (cell, widest)) in cells.iter().zip(widths).enumerate() {
        if column > 0 {
            text.push_str(GAP);
        }
        match cell.tone {
            Some(tone) => text.push_str(&tone.paint(&cell.text)),
            None => text.push_str(&cell.text),
        }
        if column + 1 < cells.len() {
            let padding = widest - width(&cell.text);
            // Writing to a String cannot fail.
            let _ = write!(text, "{:padding$}", "");
        }
    }
    text.trim_end().to_owned()
}

fn width(text: &str) -> usize {
    text.chars().count()
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
}
