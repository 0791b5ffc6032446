//! Where in a YAML file of somebody's a section is, so that lines can be added to it. Only sections that are
//! written as blocks are found; whoever adds to one reads the whole again, and sees whether it was right.

/// The lines below a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Section {
    /// Behind its last line that says something.
    end: usize,
    /// By how many blanks its entries are indented.
    pub(super) indentation: usize,
}

impl Section {
    /// The section below the keys of `path`, each below the one before.
    pub(super) fn find(lines: &[String], path: &[&str]) -> Option<Self> {
        let mut span = 0..lines.len();
        let mut section = None;
        for key in path {
            let own = indentation_of(lines[span.clone()].iter().find(|line| is_content(line))?);
            let is_head = |line: &String| indentation_of(line) == own && opens(line.trim(), key);
            let head = span.start + lines[span.clone()].iter().position(is_head)?;
            let after = &lines[head + 1..span.end];
            // A list may be as far to the left as its key.
            let inside = |line: &String| {
                let indentation = indentation_of(line);
                indentation > own || (indentation == own && line.trim_start().starts_with("- "))
            };
            let length = after
                .iter()
                .position(|line| is_content(line) && !inside(line))
                .unwrap_or(after.len());
            let last = after[..length]
                .iter()
                .rposition(|line| is_content(line) || indentation_of(line) > own);
            let end = head + 1 + last.map_or(0, |last| last + 1);
            span = head + 1..end;
            let first = lines[span.clone()].iter().find(|line| is_content(line));
            section = Some(Self {
                end,
                indentation: first.map_or(own + 2, |line| indentation_of(line)),
            });
        }
        section
    }

    /// Adds `entries` as they are behind its last line.
    pub(super) fn append(self, lines: &mut Vec<String>, entries: Vec<String>) {
        lines.splice(self.end..self.end, entries);
    }
}

/// Whether `line` is `key` and nothing behind it but a comment.
fn opens(line: &str, key: &str) -> bool {
    let rest = line
        .strip_prefix(key)
        .and_then(|rest| rest.strip_prefix(':'));
    rest.is_some_and(|rest| {
        let rest = rest.trim_start();
        rest.is_empty() || rest.starts_with('#')
    })
}

fn is_content(line: &str) -> bool {
    let line = line.trim_start();
    !line.is_empty() && !line.starts_with('#')
}

fn indentation_of(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str, path: &[&str], entry: &str) -> Option<String> {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let section = Section::find(&lines, path)?;
        let entry = format!("{}{entry}", " ".repeat(section.indentation));
        section.append(&mut lines, vec![entry]);
        Some(lines.join("\n"))
    }

    #[test]
    fn an_entry_is_added_below_the_last_one() {
        assert_eq!(
            with(
                "a:\n  b: # mine\n    - 1\n\n  # of c\n  c: 2\n",
                &["a", "b"],
                "- 2"
            )
            .as_deref(),
            Some("a:\n  b: # mine\n    - 1\n    - 2\n\n  # of c\n  c: 2")
        );
        assert_eq!(
            with("a:\n  b:\n  - 1\n  c: 2\n", &["a", "b"], "- 2").as_deref(),
            Some("a:\n  b:\n  - 1\n  - 2\n  c: 2")
        );
        assert_eq!(with("a:\n", &["a"], "b: 1").as_deref(), Some("a:\n  b: 1"));
    }

    #[test]
    fn what_only_looks_like_the_key_is_not_it() {
        let text = "a:\n  command: |\n    b:\n      c\n  b:\n    d: 1\n";
        assert_eq!(
            with(text, &["a", "b"], "e: 2").unwrap(),
            format!("{text}    e: 2")
        );
        assert_eq!(with("a: {b: 1}\n", &["a"], "c: 2"), None);
        assert_eq!(with("a:\n  b: 1\n", &["b"], "c: 2"), None);
    }
}
