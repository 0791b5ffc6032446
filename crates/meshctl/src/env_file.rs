//! `--env-file`: lines of `NAME=value`.
//!
//! The dialect is the one that shells, Compose and systemd agree on: `#` comments, an optional
//! `export`, values bare, in single quotes (literal) or in double quotes (`\n`, `\t`, `\"`, `\\`,
//! `\$`). Nothing is expanded; a line that says anything else is an error.

/// A line that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub(crate) struct EnvFileError {
    /// Counted from one.
    pub(crate) line: usize,
    /// What is wrong with it.
    pub(crate) problem: &'static str,
}

/// The variables in `text`, in its order.
pub(crate) fn parse(text: &str) -> Result<Vec<(String, String)>, EnvFileError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut variables = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let at = |problem| EnvFileError {
            line: index + 1,
            problem,
        };
        let line = line.strip_prefix("export ").map_or(line, str::trim_start);
        let (name, value) = assignment(line).map_err(at)?;
        variables.push((name, unquoted(value.trim()).map_err(at)?));
    }
    Ok(variables)
}

/// Splits `NAME=value`; what `--env` is given, and each line of the file.
pub(crate) fn assignment(text: &str) -> Result<(String, &str), &'static str> {
    let (name, value) = text.split_once('=').ok_or("expected `NAME=value`")?;
    let name = name.trim();
    let starts_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    if starts_well && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        Ok((name.to_owned(), value))
    } else {
        Err("a name is letters, digits and `_`, and starts with no digit")
    }
}

fn unquoted(value: &str) -> Result<String, &'static str> {
    match value.chars().next() {
        Some('\'') => {
            let (inside, rest) = value[1..]
                .split_once('\'')
                .ok_or("the single quote is never closed")?;
            nothing_follows(rest)?;
            Ok(inside.to_owned())
        }
        Some('"') => double_quoted(&value[1..]),
        _ => Ok(without_comment(value).to_owned()),
    }
}

fn double_quoted(text: &str) -> Result<String, &'static str> {
    let mut value = String::new();
    let mut rest = text.chars();
    loop {
        match rest.next().ok_or("the double quote is never closed")? {
            '"' => break,
            '\\' => match rest.next().ok_or("the double quote is never closed")? {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                't' => value.push('\t'),
                plain @ ('"' | '\\' | '$' | '`') => value.push(plain),
                // A backslash before anything else is a backslash, as in a shell.
                other => value.extend(['\\', other]),
            },
            plain => value.push(plain),
        }
    }
    nothing_follows(rest.as_str())?;
    Ok(value)
}

fn nothing_follows(rest: &str) -> Result<(), &'static str> {
    if without_comment(rest).is_empty() {
        Ok(())
    } else {
        Err("something follows the closing quote")
    }
}

/// Cuts off a comment: a `#` at the start or after white space. `a#b` is a value.
fn without_comment(value: &str) -> &str {
    let comment = value
        .char_indices()
        .find(|&(at, c)| c == '#' && (at == 0 || value[..at].ends_with([' ', '\t'])));
    comment.map_or(value, |(at, _)| &value[..at]).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        parse(text).unwrap()
    }

    #[test]
    fn the_usual_dialect_is_read() {
        let text = "\u{feff}# comment\n\nA=1\nexport B = two words \r\nC='a # \"b\" $X'\nD=\"x\\n\\\"y\\\" \\d\" # why\nE=\nF=a#b # c\nG=k=v";
        let expected = [
            ("A", "1"),
            ("B", "two words"),
            ("C", "a # \"b\" $X"),
            ("D", "x\n\"y\" \\d"),
            ("E", ""),
            ("F", "a#b"),
            ("G", "k=v"),
        ];
        assert_eq!(
            pairs(text),
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn a_bad_line_is_named() {
        let problem = |text| parse(text).unwrap_err().to_string();
        assert_eq!(problem("A=1\nnonsense"), "line 2: expected `NAME=value`");
        assert_eq!(
            problem("1A=2"),
            "line 1: a name is letters, digits and `_`, and starts with no digit"
        );
        assert_eq!(problem("A='x"), "line 1: the single quote is never closed");
        assert_eq!(
            problem("A=\"x\\"),
            "line 1: the double quote is never closed"
        );
        assert_eq!(
            problem("A=\"x\" y"),
            "line 1: something follows the closing quote"
        );
    }
}
