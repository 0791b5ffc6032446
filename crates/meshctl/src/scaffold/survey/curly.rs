//! The arguments of calls and annotations in TypeScript and Java.

pub(super) use crate::agent_name::braces::{Token, tokens};

/// The text of `name: "…"` or `name = "…"`, whichever `sign` says, directly inside the first
/// brackets of `tokens`.
pub(super) fn text(tokens: &[Token], name: &str, sign: char) -> Option<String> {
    match value(tokens, name, sign)? {
        [Token::Text(text)] => Some(text.clone()),
        _ => None,
    }
}

/// The tokens of that value.
pub(super) fn value<'t>(tokens: &'t [Token], name: &str, sign: char) -> Option<&'t [Token]> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Symbol('(' | '[' | '{') => depth += 1,
            Token::Symbol(')' | ']' | '}') => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return None;
                }
            }
            Token::Word(word)
                if depth == 1
                    && word == name
                    && tokens.get(at + 1) == Some(&Token::Symbol(sign)) =>
            {
                let value = &tokens[at + 2..];
                return Some(&value[..end_of_value(value)]);
            }
            _ => {}
        }
    }
    None
}

fn end_of_value(value: &[Token]) -> usize {
    let mut depth = 0_usize;
    for (at, token) in value.iter().enumerate() {
        match token {
            Token::Symbol('(' | '[' | '{') => depth += 1,
            Token::Symbol(')' | ']' | '}' | ',' | ';') if depth == 0 => return at,
            Token::Symbol(')' | ']' | '}') => depth -= 1,
            _ => {}
        }
    }
    value.len()
}

/// The words and texts of `tokens`.
pub(super) fn words(tokens: &[Token]) -> impl Iterator<Item = &str> {
    tokens.iter().filter_map(|token| match token {
        Token::Word(text) | Token::Text(text) => Some(text.as_str()),
        Token::Symbol(_) => None,
    })
}
