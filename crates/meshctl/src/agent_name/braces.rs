//! Names in TypeScript, JavaScript and Java: languages with the same comments, strings and brackets.

/// One token, as far as a declaration needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    Word(String),
    Text(String),
    Symbol(char),
}

use Token::{Symbol, Text, Word};

/// The name in the first `mesh(server, { name: "…" })`.
pub(crate) fn in_typescript(source: &str) -> Option<String> {
    let tokens = tokens(source);
    tokens.windows(5).enumerate().find_map(|(at, start)| {
        let is_call = matches!(
            start,
            [Word(mesh), Symbol('('), Word(_), Symbol(','), Symbol('{')] if mesh == "mesh"
        );
        if !is_call {
            return None;
        }
        value_of_name(&tokens[at + 5..], ':')
    })
}

/// The name in the first `@MeshAgent(name = "…")`.
pub(crate) fn in_java(source: &str) -> Option<String> {
    let tokens = tokens(source);
    tokens.windows(3).enumerate().find_map(|(at, start)| {
        let is_annotation = matches!(
            start,
            [Symbol('@'), Word(name), Symbol('(')] if name == "MeshAgent"
        );
        if !is_annotation {
            return None;
        }
        value_of_name(&tokens[at + 3..], '=')
    })
}

/// The text behind `name` and `sign`, before the bracket that is open closes.
fn value_of_name(tokens: &[Token], sign: char) -> Option<String> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Symbol('(' | '[' | '{') => depth += 1,
            Symbol(')' | ']' | '}') => depth = depth.checked_sub(1)?,
            Word(key) | Text(key) if depth == 0 && key == "name" => {
                let Some([Symbol(between), Text(value), after]) = tokens.get(at + 1..at + 4) else {
                    continue;
                };
                // `"a" + suffix` is no literal.
                let ends = matches!(after, Symbol(',' | '}' | ')') | Word(_));
                if *between == sign && ends && !value.is_empty() {
                    return Some(value.clone());
                }
            }
            _ => {}
        }
    }
    None
}

/// What `source` is made of, without its comments.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = rest.find('\n').map_or("", |end| &rest[end..]);
        } else if rest.starts_with("/*") {
            rest = rest.find("*/").map_or("", |end| &rest[end + 2..]);
        } else if matches!(first, '"' | '\'' | '`') {
            let (token, after) = string(rest, first);
            tokens.push(token);
            rest = after;
        } else if is_word(first) {
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            tokens.push(Word(rest[..end].to_owned()));
            rest = &rest[end..];
        } else {
            if !first.is_whitespace() {
                tokens.push(Symbol(first));
            }
            rest = &rest[first.len_utf8()..];
        }
    }
    tokens
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '$')
}

/// A string at the start of `source`, and what follows it. One that holds an expression comes back
/// as a symbol, because it is no name.
fn string(source: &str, quote: char) -> (Token, &str) {
    let mut value = String::new();
    let mut characters = source.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        if character == quote {
            let is_plain = quote != '`' || !value.contains("${");
            let token = if is_plain { Text(value) } else { Symbol(quote) };
            return (token, &source[at + quote.len_utf8()..]);
        }
        if character == '\n' && quote != '`' {
            // Unfinished; the line's end ends it, as an editor would see it.
            return (Symbol(quote), &source[at..]);
        }
        value.push(character);
        if character == '\\'
            && let Some((_, escaped)) = characters.next()
        {
            // No agent's name holds an escape; it is kept so that the name is refused.
            value.push(escaped);
        }
    }
    (Symbol(quote), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_typescript_agent_is_found() {
        for source in [
            "import { mesh } from '@mcpmesh/sdk';\nconst agent = mesh(server, { name: \"greeter\", httpPort: 0 });",
            "mesh(server,{\n  // name: 'wrong'\n  'name' : 'greeter'\n})",
            "mesh(server, { tags: [{ name: 'no' }], name: `greeter`, })",
            "/* mesh(a, { name: 'doc' }) */ mesh ( mcp , { version: '1', name: \"greeter\" } )",
        ] {
            assert_eq!(
                in_typescript(source).as_deref(),
                Some("greeter"),
                "{source}"
            );
        }
        for source in [
            "const text = \"mesh(server, { name: 'text' })\";",
            "other(server, { name: 'x' })",
            "mesh(server, { name: NAME })",
            "mesh(server, { name: `x-${id}` })",
            "mesh(server, { name: 'a' + b })",
            "mesh(server, { port: 1 }); const o = { name: 'later' }",
            "mesh(server, { name: 'unfinished",
            "",
        ] {
            assert_eq!(in_typescript(source), None, "{source}");
        }
    }

    #[test]
    fn the_name_of_a_java_agent_is_found() {
        for source in [
            "@MeshAgent(name = \"greeter\", port = 9000)\npublic class A {}",
            "@MeshAgent(\n  version = \"1\",\n  name=\"greeter\"\n)",
            "// @MeshAgent(name = \"no\")\n@SpringBootApplication @MeshAgent(tags = {\"a\", \"b\"}, name = \"greeter\")",
        ] {
            assert_eq!(in_java(source).as_deref(), Some("greeter"), "{source}");
        }
        for source in [
            "@MeshTool(name = \"tool\")",
            "@MeshAgent(name = NAME)",
            "String s = \"@MeshAgent(name = \\\"x\\\")\";",
            "@MeshAgent",
        ] {
            assert_eq!(in_java(source), None, "{source}");
        }
    }
}
