//! Agents in TypeScript: `mesh(server, { name, httpPort })`, or an application with `mesh.route`.

use super::curly::{self, Token};
use super::{Declared, last_port};

/// What `source` declares, if it is an agent's.
pub(super) fn read(source: &str) -> Option<Declared> {
    let tokens = curly::tokens(source);
    let mut declared = None;
    for at in 0..tokens.len() {
        match &tokens[at..] {
            [
                Token::Word(function),
                Token::Symbol('('),
                Token::Word(_),
                Token::Symbol(','),
                options @ ..,
            ] if function == "mesh" && options.first() == Some(&Token::Symbol('{')) => {
                let shorthand = [Token::Word("httpPort".to_owned())];
                let port = curly::value(options, "httpPort", ':').unwrap_or(&shorthand);
                return Some(Declared {
                    name: curly::text(options, "name", ':'),
                    port: number(port, &tokens),
                });
            }
            [
                Token::Word(mesh),
                Token::Symbol('.'),
                Token::Word(route),
                ..,
            ] if mesh == "mesh" && route == "route" => {
                declared.get_or_insert_with(Declared::default);
            }
            [
                Token::Symbol('.'),
                Token::Word(listen),
                Token::Symbol('('),
                port,
                ..,
            ] if listen == "listen" => {
                if let Some(declared) = &mut declared {
                    declared.port = number(std::slice::from_ref(port), &tokens);
                }
            }
            _ => {}
        }
    }
    declared
}

/// The number that a value is, or that the constant is which it names.
fn number(value: &[Token], tokens: &[Token]) -> Option<u16> {
    last_port(curly::words(value)).or_else(|| {
        let [Token::Word(constant)] = value else {
            return None;
        };
        let at = tokens.windows(3).position(|window| {
            matches!(window, [Token::Word(keyword), Token::Word(name), Token::Symbol('=' | ':')]
                if matches!(keyword.as_str(), "const" | "let" | "var") && name == constant)
        })?;
        let line = &tokens[at + 2..];
        let end = line.iter().position(|token| *token == Token::Symbol(';'));
        last_port(curly::words(&line[..end?]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(source: &str) -> Option<(Option<String>, Option<u16>)> {
        read(source).map(|declared| (declared.name, declared.port))
    }

    #[test]
    fn names_and_ports_are_read() {
        let name = |name: &str| Some(name.to_owned());
        assert_eq!(
            told(
                "// mesh(x, { name: 'no' })\nmesh(server, { name: 'a', httpPort: 8081, tags: [{name: 'b'}] })"
            ),
            Some((name("a"), Some(8081)))
        );
        assert_eq!(
            told(
                "const P = Number(process.env.PORT ?? \"8082\");\nmesh(s, {name: \"a\", httpPort: P})"
            ),
            Some((name("a"), Some(8082)))
        );
        assert_eq!(
            told(
                "app.get('/', mesh.route([], f));\nconst PORT = process.env.PORT || 8086;\napp.listen(PORT, () => 1);"
            ),
            Some((None, Some(8086)))
        );
        assert_eq!(
            told("mesh(server, { tags: [{ name: 'x' }] })"),
            Some((None, None))
        );
        assert_eq!(
            told("const s = \"mesh(a, {name: 'no'})\"; app.listen(80)"),
            None
        );
    }
}
