//! Columns of text for people.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::printer::Tone;

/// Between two columns.
const GAP: &str = "  ";
/// What a column keeps when it gives way, if its title is not wider.
const NARROWEST: usize = 8;

/// One cell and how it looks.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) tone: Option<Tone>,
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
    /// Titles of columns that may be left out where that is not enough, the least important first.
    left_out: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub(crate) fn new(heading: &[&'static str]) -> Self {
        Self {
            heading: heading.to_vec(),
            giving_way: Vec::new(),
            left_out: Vec::new(),
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

    /// Leaves these columns out where the terminal is too narrow still, the first of them first.
    pub(crate) fn leaving_out(mut self, titles: &[&'static str]) -> Self {
        self.left_out = titles.to_vec();
        self
    }

    /// Adds a row; it has as many cells as the heading.
    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.heading.len());
        self.rows.push(cells);
    }

    /// The whole table, without a newline at its end.
    pub(crate) fn render(&self) -> String {
        let all: Vec<usize> = (0..self.heading.len()).collect();
        painted(&self.with_columns(&all, &self.natural_widths()))
    }

    /// The table in at most `columns`, as far as its columns give way and may be left out.
    pub(crate) fn fit(&self, columns: usize) -> String {
        painted(&self.lines(columns))
    }

    /// The lines of [`fit`](Self::fit), the heading and its rule first, each in pieces of one tone.
    pub(crate) fn lines(&self, columns: usize) -> Vec<Vec<Cell>> {
        let mut kept: Vec<usize> = (0..self.heading.len()).collect();
        let mut least_important = self.left_out.iter();
        loop {
            let widths = self.given_way(&kept, columns);
            if total(&kept, &widths) <= columns {
                return self.with_columns(&kept, &widths);
            }
            let Some(title) = least_important.next() else {
                return self.with_columns(&kept, &widths);
            };
            kept.retain(|column| self.heading[*column] != *title);
        }
    }

    /// The widths of all columns, of which `kept` shall have room in `columns`.
    fn given_way(&self, kept: &[usize], columns: usize) -> Vec<usize> {
        let mut widths = self.natural_widths();
        for title in &self.giving_way {
            let excess = total(kept, &widths).saturating_sub(columns);
            if let Some(column) = self.heading.iter().position(|heading| heading == title) {
                let least = title.width().max(NARROWEST);
                let spare = widths[column].saturating_sub(least);
                widths[column] -= spare.min(excess);
            }
        }
        widths
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

    fn with_columns(&self, columns: &[usize], widths: &[usize]) -> Vec<Vec<Cell>> {
        let heading: Vec<Cell> = self.heading.iter().map(|title| Cell::new(*title)).collect();
        let rule = "-".repeat(total(columns, widths));
        [line(&heading, columns, widths), vec![rule.into()]]
            .into_iter()
            .chain(self.rows.iter().map(|row| line(row, columns, widths)))
            .collect()
    }
}

/// How wide these of the columns are, with what is between them.
fn total(columns: &[usize], widths: &[usize]) -> usize {
    let gaps = GAP.len() * columns.len().saturating_sub(1);
    columns.iter().map(|column| widths[*column]).sum::<usize>() + gaps
}

/// The cells of a line as they are shown, and what is between them; nothing at its end.
fn line(cells: &[Cell], columns: &[usize], widths: &[usize]) -> Vec<Cell> {
    let mut pieces = Vec::with_capacity(2 * columns.len());
    let mut padding = 0;
    for &column in columns {
        let (cell, width) = (&cells[column], widths[column]);
        let text = cut(&cell.text, width);
        let missing = width.saturating_sub(text.width());
        if text.is_empty() {
            padding += missing + GAP.len();
            continue;
        }
        if padding > 0 {
            pieces.push(Cell::new(" ".repeat(padding)));
        }
        padding = missing + GAP.len();
        pieces.push(Cell {
            text,
            tone: cell.tone,
        });
    }
    pieces
}

/// Lines as text, their colours in it.
fn painted(lines: &[Vec<Cell>]) -> String {
    let lines = lines.iter().map(|pieces| {
        let pieces = pieces.iter().map(|piece| match piece.tone {
            Some(tone) => tone.paint(&piece.text),
            None => piece.text.clone(),
        });
        pieces.collect::<String>()
    });
    lines.collect::<Vec<_>>().join("\n")
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

    #[test]
    fn columns_are_left_out_once_cutting_is_not_enough() {
        let mut table = Table::new(&["NAME", "RUNTIME", "TAGS", "AGE"])
            .giving_way(&["TAGS"])
            .leaving_out(&["RUNTIME", "AGE"]);
        let row = ["greeter-1a2b3c4d", "Python", "polite,slow,blue", "2m"];
        table.row(row.into_iter().map(Cell::from).collect());
        insta::assert_snapshot!(table.fit(45), @r"
        NAME              RUNTIME  TAGS           AGE
        ---------------------------------------------
        greeter-1a2b3c4d  Python   polite,slow,…  2m
        ");
        insta::assert_snapshot!(table.fit(38), @r"
        NAME              TAGS             AGE
        --------------------------------------
        greeter-1a2b3c4d  polite,slow,bl…  2m
        ");
        insta::assert_snapshot!(table.fit(5), @r"
        NAME              TAGS
        --------------------------
        greeter-1a2b3c4d  polite,…
        ");
    }
}
