//! Texts and values as the literals of a language: the filters of templates.

use std::borrow::Cow;

use minijinja::Value;

/// A text as a literal; the escapes of JSON are those of Python, TypeScript, Java and YAML too.
pub(super) fn string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A text between three quotation marks.
pub(super) fn docstring(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// A text in `/** … */`.
pub(super) fn comment(text: &str) -> String {
    // Java reads `\u` even here.
    text.replace("*/", "* /").replace('\\', "/")
}

/// A value as TypeScript writes it.
pub(super) fn json(value: &Value) -> Result<String, minijinja::Error> {
    Ok(serde_value(value)?.to_string())
}

/// A list of texts as an annotation of Java has it.
pub(super) fn java(value: &Value) -> Result<String, minijinja::Error> {
    let serde_json::Value::Array(list) = serde_value(value)? else {
        return Err(minijinja::ErrorKind::InvalidOperation.into());
    };
    let entries: Vec<_> = list.iter().map(ToString::to_string).collect();
    Ok(format!("{{{}}}", entries.join(", ")))
}

/// Selectors as annotations of Java; a tag with alternatives is its first.
pub(super) fn java_selectors(value: &Value) -> Result<String, minijinja::Error> {
    let selectors = serde_value(value)?;
    let selectors: Vec<_> = selectors.as_array().into_iter().flatten().collect();
    let written: Vec<String> = selectors
        .iter()
        .map(|selector| {
            let mut arguments = Vec::new();
            for key in ["capability", "version"] {
                if let Some(text) = selector.get(key).filter(|text| text.is_string()) {
                    arguments.push(format!("{key} = {text}"));
                }
            }
            if let Some(tags) = selector.get("tags").and_then(|tags| tags.as_array()) {
                let tags: Vec<_> = tags
                    .iter()
                    .map(|tag| tag.get(0).unwrap_or(tag).to_string())
                    .collect();
                arguments.push(format!("tags = {{{}}}", tags.join(", ")));
            }
            format!("@Selector({})", arguments.join(", "))
        })
        .collect();
    Ok(match written.as_slice() {
        [one] => one.clone(),
        several => format!("{{{}}}", several.join(", ")),
    })
}

fn serde_value(value: &Value) -> Result<serde_json::Value, minijinja::Error> {
    serde_json::to_value(value).map_err(|error| {
        minijinja::Error::new(minijinja::ErrorKind::BadSerialization, error.to_string())
    })
}

/// A name in YAML, without quotation marks where it reads as a text without them.
pub(super) fn plain(text: &str) -> String {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let first = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let is_word = WORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
    if first && text.chars().all(allowed) && !is_word {
        text.to_owned()
    } else {
        string(text)
    }
}

/// A text in XML.
pub(super) fn xml(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// A value as Python writes it.
pub(super) fn python(value: &Value) -> Result<String, minijinja::Error> {
    Ok(python_literal(&serde_value(value)?).into_owned())
}

fn python_literal(value: &serde_json::Value) -> Cow<'static, str> {
    use serde_json::Value;
    match value {
        Value::Null => "None".into(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Number(_) => value.to_string().into(),
        Value::String(text) => python_string(text).into(),
        Value::Array(list) => {
            let entries: Vec<_> = list.iter().map(python_literal).collect();
            format!("[{}]", entries.join(", ")).into()
        }
        Value::Object(object) => {
            let entries: Vec<_> = object
                .iter()
                .map(|(key, value)| format!("{}: {}", python_string(key), python_literal(value)))
                .collect();
            format!("{{{}}}", entries.join(", ")).into()
        }
    }
}

/// In the quotation marks that need fewer escapes, as formatters have it.
fn python_string(text: &str) -> String {
    let literal = string(text);
    if text.matches('"').count() <= text.matches('\'').count() {
        return literal;
    }
    let inner = literal[1..literal.len() - 1]
        .replace("\\\"", "\"")
        .replace('\'', "\\'");
    format!("'{inner}'")
}

#[cfg(test)]
mod tests {
    use minijinja::value::Serde;

    use super::*;

    #[test]
    fn every_text_is_a_literal_of_its_language() {
        assert_eq!(string("a \"b\" \\ é\n"), r#""a \"b\" \\ é\n""#);
        assert_eq!(python_string(r#"say "x" \"#), r#"'say "x" \\'"#);
        assert_eq!(python_string(r#"it's "x""#), r#"'it\'s "x"'"#);
        assert_eq!(docstring(r#"""" \"#), r#"\"\"\" \\"#);
        assert_eq!(comment(r"*/ \u002a"), "* / /u002a");
        assert_eq!(xml("a < b & c"), "a &lt; b &amp; c");
    }

    #[test]
    fn values_are_literals_of_their_language() {
        let value = serde_json::json!([{"capability": "a", "tags": ["b", ["c", "d"]]}, null, true]);
        let value = Value::from(Serde(value));
        let expected = r#"[{"capability": "a", "tags": ["b", ["c", "d"]]}, None, True]"#;
        assert_eq!(python(&value).unwrap(), expected);
        let value = Value::from(Serde(serde_json::json!([{"tags": ["b", ["c", "d"]]}])));
        assert_eq!(
            java_selectors(&value).unwrap(),
            r#"@Selector(tags = {"b", "c"})"#
        );
    }
}
