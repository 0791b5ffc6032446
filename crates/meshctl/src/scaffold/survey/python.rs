//! Agents in Python: `@mesh.agent(…)`, or an application with `@mesh.route` or `mesh.a2a`.

use super::{Declared, last_port};
use crate::agent_name::{self, Token};

/// What `source` declares, if it is an agent's.
pub(super) fn read(source: &str) -> Option<Declared> {
    let tokens = agent_name::tokens(source);
    let name = agent_name::in_python(source);
    let calls = |function: &str| {
        tokens.windows(3).any(|window| {
            matches!(window, [Token::Symbol('.' | '@'), Token::Word(word), Token::Symbol('(' | '.')]
                if word == function)
        })
    };
    let uses_mesh = tokens
        .iter()
        .any(|token| matches!(token, Token::Word(word) if word == "mesh"));
    let is_agent = name.is_some() || calls("agent");
    if !uses_mesh || !(is_agent || calls("route") || calls("a2a")) {
        return None;
    }
    let port = if is_agent {
        argument(&tokens, "http_port")
    } else {
        let run = tokens
            .iter()
            .position(|token| matches!(token, Token::Word(word) if word == "uvicorn"));
        run.and_then(|run| argument(&tokens[run..], "port"))
    };
    Some(Declared {
        name,
        port: port.and_then(|value| number(value, &tokens)),
    })
}

/// The tokens of the value of the first `name=`.
fn argument<'t>(tokens: &'t [Token], name: &str) -> Option<&'t [Token]> {
    let start = tokens
        .windows(2)
        .position(|pair| matches!(pair, [Token::Word(word), Token::Symbol('=')] if word == name))?;
    let value = &tokens[start + 2..];
    let mut depth = 0_usize;
    let end = value.iter().position(|token| match token {
        Token::Symbol('(' | '[' | '{') => {
            depth += 1;
            false
        }
        Token::Symbol(')' | ']' | '}') if depth == 0 => true,
        Token::Symbol(')' | ']' | '}') => {
            depth -= 1;
            false
        }
        Token::Symbol(',') => depth == 0,
        _ => false,
    });
    Some(&value[..end.unwrap_or(value.len())])
}

/// The number that a value is, or that the constant is which it names.
fn number(value: &[Token], tokens: &[Token]) -> Option<u16> {
    if let Some(port) = literal(value) {
        return Some(port);
    }
    value.iter().find_map(|token| {
        let Token::Word(constant) = token else {
            return None;
        };
        let mut lines = tokens.split(|token| *token == Token::NewLine);
        lines.find_map(|line| match line {
            [Token::Word(name), Token::Symbol('='), value @ ..] if name == constant => {
                literal(value)
            }
            [Token::Word(name), Token::Symbol(':'), rest @ ..] if name == constant => {
                let equals = rest.iter().position(|token| *token == Token::Symbol('='))?;
                literal(&rest[equals..])
            }
            _ => None,
        })
    })
}

fn literal(value: &[Token]) -> Option<u16> {
    last_port(value.iter().filter_map(|token| match token {
        Token::Word(text) | Token::Text(text) => Some(text.as_str()),
        _ => None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(source: &str) -> Option<u16> {
        read(&format!("import mesh\n{source}")).unwrap().port
    }

    #[test]
    fn ports_are_literals_constants_and_defaults() {
        assert_eq!(port("@mesh.agent(name='a', http_port=8_081)"), Some(8081));
        assert_eq!(
            port("P = 8082\n@mesh.agent(name='a', http_port=P)"),
            Some(8082)
        );
        assert_eq!(
            port("P: int = 8082\n@mesh.agent(name='a', http_port=P)"),
            Some(8082)
        );
        let read = "P = int(os.environ.setdefault('MCP_MESH_HTTP_PORT', '8083'))";
        assert_eq!(
            port(&format!("{read}\n@mesh.agent(name='a', http_port=P)")),
            Some(8083)
        );
        assert_eq!(
            port("@mesh.agent(name='a', http_port=int(get('x', 8084)), z=9)"),
            Some(8084)
        );
        assert_eq!(port("@mesh.agent(name='a', http_port=0)"), None);
        assert_eq!(port("@mesh.agent(name='a')\nclass A: port = 1"), None);
    }

    #[test]
    fn applications_listen_where_their_server_does() {
        let source = "@app.get('/')\n@mesh.route(dependencies=['x'])\ndef f(): ...\n\
                      uvicorn.run(app, host='h', port=8090)";
        assert_eq!(port(source), Some(8090));
        assert_eq!(read("import flask\n@app.route('/')\ndef f(): ..."), None);
    }
}
