//! Property names in camel case, so that `user_name`, `user-name` and `userName` are one.

/// Joins the words of `name` in camel case; the first word is lower case.
///
/// Words end at `_`, `-` and a space, before an upper-case letter that follows a lower-case one, and
/// before the last upper-case letter of a run that goes on in lower case (`HTTPServer` is `HTTP` and
/// `Server`). A digit ends no word.
pub(super) fn camel_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for part in name.split(['_', '-', ' ']) {
        let mut start = 0;
        let mut before: Option<char> = None;
        let mut letters = part.char_indices().peekable();
        while let Some((at, letter)) = letters.next() {
            let next_is_lower = letters.peek().is_some_and(|(_, next)| next.is_lowercase());
            let starts_word = letter.is_uppercase()
                && before.is_some_and(|before| {
                    before.is_lowercase() || (before.is_uppercase() && next_is_lower)
                });
            if starts_word {
                push_word(&mut out, &part[start..at]);
                start = at;
            }
            before = Some(letter);
        }
        push_word(&mut out, &part[start..]);
    }
    out
}

fn push_word(out: &mut String, word: &str) {
    // The whole word first: `İ` has two letters in lower case, of which one is raised again.
    let lower = word.to_lowercase();
    let mut letters = lower.chars();
    if out.is_empty() {
        out.push_str(&lower);
    } else if let Some(first) = letters.next() {
        out.extend(first.to_uppercase());
        out.push_str(letters.as_str());
    }
}

#[cfg(test)]
mod tests {
    use super::camel_case;

    #[test]
    fn names_of_every_habit_become_one() {
        for (name, camel) in [
            ("user_name", "userName"),
            ("HTTPServer_url", "httpServerUrl"),
            ("_private", "private"),
            ("a_1b", "a1b"),
            ("kebab-case", "kebabCase"),
            ("a b", "aB"),
            ("a__b", "aB"),
            ("-_a", "a"),
            ("_", ""),
            ("", ""),
            ("A", "a"),
            ("ABC", "abc"),
            ("ABc", "aBc"),
            ("aBC", "aBc"),
            ("aBCd", "aBCd"),
            ("parseHTTPResponse", "parseHttpResponse"),
            ("userIDs", "userIDs"),
            ("theURLs", "theUrLs"),
            ("user2Name", "user2name"),
            ("user_2_name", "user2Name"),
            ("2_fa", "2Fa"),
            ("HTTP2Server", "http2server"),
            ("a.b_c", "a.bC"),
            ("a\tb", "a\tb"),
            ("aÉ", "aÉ"),
            ("HTTPÉa", "httpÉa"),
            ("A中B", "a中b"),
            ("x_ﬁ", "xFI"),
            ("x_ΣΑΣ", "xΣας"),
            ("ΑΣ", "ας"),
            ("İ_x", "i\u{307}X"),
            ("x_İ", "xI\u{307}"),
            ("x_AΣ", "xAς"),
        ] {
            assert_eq!(camel_case(name), camel, "{name}");
        }
    }
}
