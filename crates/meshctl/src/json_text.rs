//! JSON laid out as text: white space changes, everything else stays as it was written.
//!
//! Parsing and printing would reorder keys and respell numbers and escapes; what a tool answered
//! is shown as it answered.

const STEP: &str = "  ";

/// `json` with two spaces of indentation. The text must be valid JSON; other text comes out
/// with its white space moved, but with nothing lost.
pub(crate) fn indented(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let mut depth = 0_usize;
    let mut rest = json.char_indices().peekable();
    while let Some((start, character)) = rest.next() {
        match character {
            '"' => {
                let mut end = json.len();
                while let Some((at, inside)) = rest.next() {
                    match inside {
                        // Whatever is escaped, a quote above all, does not end the string.
                        '\\' => {
                            rest.next();
                        }
                        '"' => {
                            end = at + 1;
                            break;
                        }
                        _ => {}
                    }
                }
                out.push_str(&json[start..end]);
            }
            '{' | '[' => {
                out.push(character);
                while rest
                    .next_if(|(_, next)| next.is_ascii_whitespace())
                    .is_some()
                {}
                let close = if character == '{' { '}' } else { ']' };
                if rest.next_if(|(_, next)| *next == close).is_some() {
                    out.push(close);
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(character);
            }
            ',' => {
                out.push(',');
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            white if white.is_ascii_whitespace() => {}
            other => out.push(other),
        }
    }
    out
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    for _ in 0..depth {
        out.push_str(STEP);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_changes_and_nothing_else() {
        let json = r#"{"b":1.0,"a":[1e3, {"x" : null}],"s":"a: {\"q\"} \u00e9, \\","n":12345678901234567890}"#;
        insta::assert_snapshot!(indented(json), @r#"
        {
          "b": 1.0,
          "a": [
            1e3,
            {
              "x": null
            }
          ],
          "s": "a: {\"q\"} \u00e9, \\",
          "n": 12345678901234567890
        }
        "#);
    }

    #[test]
    fn empty_containers_and_scalars_stay_on_one_line() {
        assert_eq!(indented("{ }"), "{}");
        assert_eq!(indented("[\n]"), "[]");
        assert_eq!(indented(" true "), "true");
        assert_eq!(indented(r"[[],{}]"), "[\n  [],\n  {}\n]");
    }

    #[test]
    fn text_that_is_no_json_loses_nothing() {
        assert_eq!(indented(r#"{"open": "str"#), "{\n  \"open\": \"str");
        assert_eq!(indented("]"), "\n]");
    }
}
