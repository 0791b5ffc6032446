//! Markdown for a terminal: wrapped, indented, with the styles that a terminal has.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Effects, Style};
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use unicode_width::UnicodeWidthStr as _;

use super::grid::Grid;

const TITLE: Style = AnsiColor::Cyan.on_default().effects(Effects::BOLD);
const HEADING: Style = Style::new().effects(Effects::BOLD);
const CODE: Style = AnsiColor::Green.on_default();
const LINK: Style = Style::new().effects(Effects::UNDERLINE);
const DIM: Style = Style::new().effects(Effects::DIMMED);

/// Where the links of `markdown` lead.
pub(super) fn links(markdown: &str) -> Vec<String> {
    Parser::new_ext(markdown, Options::ENABLE_TABLES)
        .filter_map(|event| match event {
            Event::Start(Tag::Link { dest_url, .. }) => Some(dest_url.into_string()),
            _ => None,
        })
        .collect()
}

/// `markdown` for a terminal of so many columns, with colours that the printer may take out again.
pub(crate) fn to_terminal(markdown: &str, columns: usize) -> String {
    let mut page = Page::new(columns);
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        page.take(event);
    }
    page.out
}

/// A word and what stands between it and the one before.
#[derive(Debug, Clone)]
pub(super) struct Word {
    text: String,
    style: Style,
    /// Whether it may stand on a line after the one before: there was a blank.
    apart: bool,
}

/// What is being written.
struct Page {
    out: String,
    columns: usize,
    /// Words of the paragraph, heading, item or cell that is open.
    words: Vec<Word>,
    styles: Vec<Style>,
    apart: bool,
    /// The number of the next item of each open list; none where they have dots.
    lists: Vec<Option<u64>>,
    /// Whether the next item is the first of a list that is in no other.
    begins_list: bool,
    /// What the first line of the open item begins with.
    bullet: Option<String>,
    code: Option<String>,
    grid: Option<Grid>,
}

impl Page {
    fn new(columns: usize) -> Self {
        Self {
            out: String::new(),
            columns,
            words: Vec::new(),
            styles: Vec::new(),
            apart: false,
            lists: Vec::new(),
            begins_list: false,
            bullet: None,
            code: None,
            grid: None,
        }
    }

    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.open(&tag),
            Event::End(tag) => self.close(tag),
            Event::Text(text) => match &mut self.code {
                Some(code) => code.push_str(&text),
                None => self.say(&text),
            },
            Event::Code(text) => self.whole(&text, CODE),
            Event::SoftBreak => self.apart = true,
            Event::HardBreak => self.flush(),
            Event::Rule => self.block(&"─".repeat(self.columns)),
            // Comments, and nothing else that a reader would miss: `<br>` in tables.
            Event::InlineHtml(text) if text.starts_with("<br") => self.apart = true,
            _ => {}
        }
    }

    fn open(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::Heading { level, .. } => self.styles.push(match level {
                HeadingLevel::H1 => TITLE,
                _ => HEADING,
            }),
            Tag::Emphasis => self.push_style(Style::new().italic()),
            Tag::Strong => self.push_style(Style::new().bold()),
            Tag::Link { .. } => self.push_style(LINK),
            Tag::CodeBlock(_) => {
                self.flush();
                self.code = Some(String::new());
            }
            Tag::List(first) => {
                self.flush();
                self.begins_list = self.lists.is_empty();
                self.lists.push(*first);
            }
            Tag::Item => {
                let bullet = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{}. ", *number - 1)
                    }
                    _ => "• ".to_owned(),
                };
                self.bullet = Some(bullet);
            }
            Tag::Table(_) => self.grid = Some(Grid::default()),
            _ => {}
        }
    }

    fn close(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(level) => {
                self.flush();
                self.styles.pop();
                if level == HeadingLevel::H1 {
                    let rule = "─".repeat(self.columns);
                    let _ = writeln!(self.out, "{DIM}{rule}{DIM:#}");
                }
            }
            TagEnd::Paragraph => self.flush(),
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Link => {
                self.styles.pop();
            }
            TagEnd::CodeBlock => {
                let code = self.code.take().unwrap_or_default();
                let indent = self.indent();
                self.gap();
                for line in code.lines() {
                    let _ = writeln!(self.out, "{indent}{DIM}│{DIM:#} {CODE}{line}{CODE:#}");
                }
            }
            TagEnd::Item => {
                self.flush();
                self.bullet = None;
            }
            TagEnd::List(_) => {
                self.lists.pop();
            }
            TagEnd::TableCell => {
                let words = std::mem::take(&mut self.words);
                self.apart = false;
                if let Some(grid) = &mut self.grid {
                    grid.cell(words);
                }
            }
            TagEnd::TableHead | TagEnd::TableRow => {
                if let Some(grid) = &mut self.grid {
                    grid.end_row();
                }
            }
            TagEnd::Table => {
                if let Some(grid) = self.grid.take() {
                    self.gap();
                    self.out.push_str(&grid.render(self.columns));
                }
            }
            _ => {}
        }
    }

    /// What is in force, and `style` on top of it.
    fn push_style(&mut self, style: Style) {
        let effects = self.style().get_effects() | style.get_effects();
        let colour = style.get_fg_color().or(self.style().get_fg_color());
        self.styles.push(style.effects(effects).fg_color(colour));
    }

    fn style(&self) -> Style {
        self.styles.last().copied().unwrap_or_default()
    }

    /// Text whose blanks may become ends of lines.
    fn say(&mut self, text: &str) {
        let style = self.style();
        for (index, word) in text.split(char::is_whitespace).enumerate() {
            self.apart |= index > 0;
            if !word.is_empty() {
                self.word(word.to_owned(), style);
            }
        }
    }

    /// Text that stays on one line.
    fn whole(&mut self, text: &str, style: Style) {
        self.word(text.to_owned(), style);
    }

    fn word(&mut self, text: String, style: Style) {
        let apart = std::mem::take(&mut self.apart);
        self.words.push(Word { text, style, apart });
    }

    fn indent(&self) -> String {
        "  ".repeat(self.lists.len())
    }

    /// An empty line before a block, unless the page begins.
    fn gap(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    fn block(&mut self, line: &str) {
        self.gap();
        let _ = writeln!(self.out, "{DIM}{line}{DIM:#}");
    }

    /// Ends the open paragraph, heading or item.
    fn flush(&mut self) {
        if self.grid.is_some() || self.words.is_empty() {
            return;
        }
        let words = std::mem::take(&mut self.words);
        self.apart = false;
        let indent = self.indent();
        let bullet = self.bullet.take();
        // Items stand close together; what follows the first paragraph of one does not.
        if bullet.is_none() || std::mem::take(&mut self.begins_list) {
            self.gap();
        }
        let first = match &bullet {
            Some(bullet) => {
                let kept = indent.len().saturating_sub(2);
                format!("{}{bullet}", &indent[..kept])
            }
            None => indent.clone(),
        };
        let room = self.columns.saturating_sub(indent.len());
        for (index, line) in wrap(&words, room).into_iter().enumerate() {
            let start = if index == 0 { &first } else { &indent };
            let _ = writeln!(self.out, "{start}{line}");
        }
    }
}

/// Lines of at most `room` columns, unless a single word is wider.
pub(super) fn wrap(words: &[Word], room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut taken = 0;
    let mut rest = words;
    while !rest.is_empty() {
        // What has no blank between stays together: a word and its comma.
        let length = 1 + rest[1..].iter().take_while(|word| !word.apart).count();
        let (together, after) = rest.split_at(length);
        rest = after;
        let width: usize = together.iter().map(|word| word.text.width()).sum();
        if taken > 0 && taken + 1 + width > room {
            lines.push(std::mem::take(&mut line));
            taken = 0;
        }
        if taken > 0 {
            line.push(' ');
            taken += 1;
        }
        for Word { text, style, .. } in together {
            let _ = write!(line, "{style}{text}{style:#}");
        }
        taken += width;
    }
    if taken > 0 {
        lines.push(line);
    }
    lines
}

/// What `words` take on one line.
pub(super) fn width(words: &[Word]) -> usize {
    let blanks = words.iter().skip(1).filter(|word| word.apart).count();
    words.iter().map(|word| word.text.width()).sum::<usize>() + blanks
}

/// The widest of what cannot be broken.
pub(super) fn widest(words: &[Word]) -> usize {
    let mut widest = 0;
    let mut current = 0;
    for word in words {
        current = if word.apart { 0 } else { current } + word.text.width();
        widest = widest.max(current);
    }
    widest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(markdown: &str, columns: usize) -> String {
        anstream::adapter::strip_str(&to_terminal(markdown, columns)).to_string()
    }

    #[test]
    fn a_page_is_wrapped_and_indented() {
        let page = "# Tools\n\nA `def` tool, or\nan *async* one, with [links](x.md) and snake_case_names.\n\n## Lists\n\n* one\n* two that is longer than a line\n  1. inner\n\nAfter.\n\n```sh\nmeshctl  list\n```\n\n<!-- nothing -->\n\nEnd.\n";
        insta::assert_snapshot!(plain(page, 24), @r"
        Tools
        ────────────────────────

        A def tool, or an async
        one, with links and
        snake_case_names.

        Lists

        • one
        • two that is longer
          than a line
          1. inner

        After.

        │ meshctl  list

        End.
        ");
    }

    #[test]
    fn a_table_fits() {
        let page = "| name | meaning |\n|---|---|\n| `a` | short |\n| `long_name` | a text that does not fit into one line |\n";
        insta::assert_snapshot!(plain(page, 34), @r"
        name       meaning
        ──────────────────────────────────
        a          short
        long_name  a text that does not
                   fit into one line
        ");
    }
}
