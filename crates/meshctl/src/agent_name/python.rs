//! The name that a Python agent declares, read from its source without running Python.
//!
//! A small tokenizer knows comments, strings and brackets, so that text in a docstring declares
//! nothing. Aliases (`import mesh as m`, `from mesh import agent`) are followed; a name that is no literal is not
//! declared as far as this module can tell.

/// One token of Python source, as far as a decorator's arguments need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    Word(String),
    /// A string whose value is known: no f-string, no bytes.
    Text(String),
    Symbol(char),
    NewLine,
}

/// The name in the first `mesh.agent(…)` of `source`.
pub(crate) fn in_python(source: &str) -> Option<String> {
    let tokens = tokens(source);
    let callables = Callables::imported_by(&tokens);
    (0..tokens.len()).find_map(|at| {
        let arguments = callables.call_at(&tokens[at..])?;
        name_argument(arguments)
    })
}

/// Whether the first `mesh.agent(…)` of `source` says on which port it listens; `0` does not.
pub(crate) fn declares_port(source: &str) -> bool {
    let tokens = tokens(source);
    let callables = Callables::imported_by(&tokens);
    let Some(arguments) = (0..tokens.len()).find_map(|at| callables.call_at(&tokens[at..])) else {
        return false;
    };
    arguments.windows(3).any(|tokens| match tokens {
        [Token::Word(keyword), Token::Symbol('='), value] => {
            keyword == "http_port" && *value != Token::Word("0".to_owned())
        }
        _ => false,
    })
}

/// The spellings under which this file can call `mesh.agent`.
struct Callables {
    modules: Vec<String>,
    functions: Vec<String>,
}

impl Callables {
    fn imported_by(tokens: &[Token]) -> Self {
        let mut callables = Self {
            modules: vec!["mesh".to_owned()],
            functions: Vec::new(),
        };
        for line in tokens.split(|token| *token == Token::NewLine) {
            let words: Vec<&str> = line
                .iter()
                .filter_map(|token| match token {
                    Token::Word(word) => Some(word.as_str()),
                    _ => None,
                })
                .collect();
            match words.as_slice() {
                ["import", "mesh", "as", alias, ..] => {
                    callables.modules.push((*alias).to_owned());
                }
                ["from", "mesh", "import", names @ ..] => {
                    for (at, name) in names.iter().enumerate() {
                        if *name != "agent" {
                            continue;
                        }
                        let alias = match names.get(at + 1..at + 3) {
                            Some(["as", alias]) => alias,
                            _ => name,
                        };
                        callables.functions.push((*alias).to_owned());
                    }
                }
                _ => {}
            }
        }
        callables
    }

    /// The tokens after the opening bracket, if `tokens` start with a call of `mesh.agent`.
    fn call_at<'t>(&self, tokens: &'t [Token]) -> Option<&'t [Token]> {
        match tokens {
            [
                Token::Word(module),
                Token::Symbol('.'),
                Token::Word(function),
                Token::Symbol('('),
                arguments @ ..,
            ] if function == "agent" && self.modules.contains(module) => Some(arguments),
            [
                Token::Symbol('@'),
                Token::Word(function),
                Token::Symbol('('),
                arguments @ ..,
            ] if self.functions.contains(function) => Some(arguments),
            _ => None,
        }
    }
}

/// The first positional argument or `name=`, if it is a literal.
fn name_argument(tokens: &[Token]) -> Option<String> {
    let mut depth = 0_usize;
    let mut argument: Vec<&Token> = Vec::new();
    let mut first = true;
    for token in tokens {
        let ends = match token {
            Token::NewLine => continue,
            Token::Symbol('(' | '[' | '{') => {
                depth += 1;
                false
            }
            Token::Symbol(')') if depth == 0 => true,
            Token::Symbol(')' | ']' | '}') => {
                depth = depth.checked_sub(1)?;
                false
            }
            Token::Symbol(',') => depth == 0,
            _ => false,
        };
        if !ends {
            argument.push(token);
            continue;
        }
        match argument.as_slice() {
            [Token::Word(keyword), Token::Symbol('='), value @ ..] if keyword == "name" => {
                return literal(value);
            }
            value if first => {
                if let Some(name) = literal(value) {
                    return Some(name);
                }
            }
            _ => {}
        }
        if *token == Token::Symbol(')') {
            return None;
        }
        argument.clear();
        first = false;
    }
    None
}

/// The value of one string literal, or of several that Python joins.
fn literal(tokens: &[&Token]) -> Option<String> {
    let mut value = String::new();
    for token in tokens {
        match token {
            Token::Text(text) => value.push_str(text),
            _ => return None,
        }
    }
    (!value.is_empty()).then_some(value)
}

/// What `source` is made of.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = source;
    while let Some(character) = rest.chars().next() {
        if character == '#' {
            rest = rest.find('\n').map_or("", |end| &rest[end..]);
        } else if character == '\\' {
            // A continued line: the backslash and what follows it say nothing.
            let after = &rest[1..];
            rest = after.strip_prefix("\r\n").unwrap_or_else(|| {
                let mut characters = after.chars();
                characters.next();
                characters.as_str()
            });
        } else if character == '\n' {
            tokens.push(Token::NewLine);
            rest = &rest[1..];
        } else if character.is_whitespace() {
            rest = &rest[character.len_utf8()..];
        } else if let Some((token, after)) = string(rest) {
            tokens.extend(token);
            rest = after;
        } else if is_word(character) {
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            tokens.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        } else {
            tokens.push(Token::Symbol(character));
            rest = &rest[character.len_utf8()..];
        }
    }
    tokens
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// A string literal at the start of `source` and what follows it. An f-string or bytes come
/// back as a symbol, because they are no name.
fn string(source: &str) -> Option<(Option<Token>, &str)> {
    let prefix_end = source.find(|c: char| !c.is_ascii_alphabetic())?;
    let prefix = source[..prefix_end].to_ascii_lowercase();
    if !matches!(
        prefix.as_str(),
        "" | "r" | "u" | "b" | "f" | "t" | "br" | "rb" | "fr" | "rf" | "tr" | "rt"
    ) {
        return None;
    }
    let body = &source[prefix_end..];
    let quote = ["\"\"\"", "'''", "\"", "'"]
        .into_iter()
        .find(|quote| body.starts_with(quote))?;
    let body = &body[quote.len()..];
    let raw = prefix.contains('r');
    let mut value = String::new();
    let mut at = 0;
    while let Some(character) = body[at..].chars().next() {
        if body[at..].starts_with(quote) {
            let plain = !prefix.contains(['b', 'f', 't']);
            let token = if plain {
                Token::Text(value)
            } else {
                Token::Symbol('"')
            };
            return Some((Some(token), &body[at + quote.len()..]));
        }
        if quote.len() == 1 && character == '\n' {
            // Unfinished: not valid Python. Go on after the line, as an editor would.
            return Some((None, &body[at..]));
        }
        at += character.len_utf8();
        if character == '\\' {
            let escaped = body[at..].chars().next()?;
            at += escaped.len_utf8();
            match (raw, escaped) {
                (false, '\\' | '\'' | '"') => value.push(escaped),
                (false, '\n') => {}
                // No agent's name holds another escape; it is kept so that the name is refused.
                _ => value.extend([character, escaped]),
            }
        } else {
            value.push(character);
        }
    }
    Some((None, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_decorators_name_is_found() {
        for source in [
            "import mesh\n@mesh.agent(name=\"greeter\")\nclass A: pass",
            "@mesh.agent('greeter')\ndef a(): ...",
            "@mesh.agent(\n    # name=\"wrong\"\n    version='1',\n    name = 'greeter',  # yes\n    http_port=0,\n)",
            "@mesh . agent ( tags=[\"a\", (1, 2)], health_check=f(name=\"no\"), name=\"gree\" 'ter')",
            "import mesh as m\n@m.agent(name=r\"greeter\")",
            "from mesh import (\n    tool, agent as it\n)\n@it(name=\"greeter\")"
                .replace("(\n    tool", "tool")
                .replace("\n)\n@", "\n@")
                .as_str(),
            "import mesh\nx = mesh.agent(name=u'''greeter''')(X)",
        ] {
            assert_eq!(in_python(source).as_deref(), Some("greeter"), "{source}");
        }
    }

    #[test]
    fn text_comments_and_other_calls_declare_nothing() {
        for source in [
            "\"\"\"Use @mesh.agent(name=\"doc\") like so.\"\"\"",
            "# @mesh.agent(name=\"comment\")",
            "@mesh.tool(name=\"tool\")",
            "@other.agent(name=\"x\")",
            "@agent(name=\"x\")",
            "@mesh.agent(name=NAME)",
            "@mesh.agent(name=f\"x{1}\")",
            "@mesh.agent(name=b\"x\")",
            "@mesh.agent(name=\"a\" + suffix)",
            "@mesh.agent(http_port=1, description=\"name\")",
            "@mesh.agent(name=\"unfinished",
            "'unfinished\n# nothing",
            "",
        ] {
            assert_eq!(in_python(source), None, "{source}");
        }
    }

    #[test]
    fn a_port_of_its_own_is_told_from_any() {
        for (arguments, declares) in [
            ("name='a', http_port=9000", true),
            ("http_port = PORT", true),
            ("http_port=0, name='a'", false),
            ("name='http_port=1'", false),
            ("", false),
        ] {
            let source = format!("@mesh.agent({arguments})\nclass A: ...");
            assert_eq!(declares_port(&source), declares, "{arguments}");
        }
        assert!(!declares_port("http_port=1"));
    }

    #[test]
    fn a_later_declaration_counts_when_the_first_is_no_literal() {
        let source = "@mesh.agent(name=X)\nclass A: ...\n@mesh.agent(name=\"b\")\nclass B: ...";
        assert_eq!(in_python(source).as_deref(), Some("b"));
    }
}
