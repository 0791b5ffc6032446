//! What a result means to code that called a function.

use std::collections::BTreeMap;

use mesh_core::wire::CLAIM_SUPERSEDED;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::caller::Reply;

/// The value that a called function returned, or its failure.
#[derive(Debug, Clone)]
pub enum ToolOutcome {
    /// A value, as JSON text.
    Json(Box<RawValue>),
    /// A text that is not JSON: the value is the text itself.
    Text(String),
    /// No value.
    Null,
    /// The tool ran and failed.
    Failed {
        /// What it said.
        text: String,
        /// It says that another worker holds the claim of this job.
        claim_superseded: bool,
    },
}

#[derive(Deserialize)]
struct CallToolResult<'a> {
    #[serde(borrow, default)]
    content: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default, rename = "structuredContent")]
    structured: Option<&'a RawValue>,
    #[serde(default, rename = "isError")]
    is_error: Option<bool>,
    #[serde(default, rename = "_meta")]
    meta: Option<Meta>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(default)]
    fastmcp: Option<FastMcpMeta>,
}

#[derive(Deserialize)]
struct FastMcpMeta {
    #[serde(default)]
    wrap_result: Option<bool>,
}

#[derive(Deserialize)]
struct Block {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    text: Option<String>,
}

impl ToolOutcome {
    /// Reads a reply.
    ///
    /// `structuredContent` wins because it keeps types: a tool that returns the text `42` sends the
    /// same text block as one that returns the number. Without it a single text is read as JSON if
    /// it is JSON, which is what the callers of older agents rely on.
    pub fn of(reply: &Reply) -> Result<Self, String> {
        match reply {
            Reply::Result(result) => Self::of_result(result),
            Reply::Accepted => Ok(Self::Null),
            Reply::Other(_) => Err("it is neither JSON nor an event stream".to_owned()),
        }
    }

    fn of_result(result: &RawValue) -> Result<Self, String> {
        if result.get() == "null" {
            return Ok(Self::Null);
        }
        let result: CallToolResult<'_> = serde_json::from_str(result.get())
            .map_err(|error| format!("its result is not a tool's: {error}"))?;
        let blocks = result.content.unwrap_or_default();
        if result.is_error == Some(true) {
            return Ok(Self::failed(&blocks));
        }
        if let Some(structured) = result.structured {
            let is_wrapped = result
                .meta
                .and_then(|meta| meta.fastmcp?.wrap_result)
                .unwrap_or(false);
            return Ok(Self::of_structured(structured, is_wrapped, &blocks));
        }
        Ok(Self::of_blocks(&blocks))
    }

    fn of_structured(structured: &RawValue, is_wrapped: bool, blocks: &[&RawValue]) -> Self {
        let wrapped = sole_result(structured);
        match wrapped {
            Some(value) if is_wrapped || is_spelled_by(value, blocks) => json(value),
            _ => json(structured),
        }
    }

    fn of_blocks(blocks: &[&RawValue]) -> Self {
        match blocks {
            [] => Self::Null,
            [block] => match text_of(block) {
                Some(text) => match RawValue::from_string(text.clone()) {
                    Ok(value) => json(&value),
                    Err(_) => Self::Text(text),
                },
                None => json(block),
            },
            _ => {
                let texts: Vec<&str> = blocks.iter().map(|block| block.get()).collect();
                let text = format!(
                    r#"{{"content":[{}],"type":"multi_content"}}"#,
                    texts.join(",")
                );
                RawValue::from_string(text).map_or(Self::Null, Self::Json)
            }
        }
    }

    fn failed(blocks: &[&RawValue]) -> Self {
        #[derive(Deserialize)]
        struct ErrorText {
            error: String,
        }

        let texts: Vec<String> = blocks.iter().filter_map(|block| text_of(block)).collect();
        let text = texts.join("\n");
        let claim_superseded = serde_json::from_str::<ErrorText>(&text)
            .is_ok_and(|body| body.error == CLAIM_SUPERSEDED);
        Self::Failed {
            text: if text.is_empty() {
                "the tool failed without saying why".to_owned()
            } else {
                text
            },
            claim_superseded,
        }
    }
}

/// A value that is `null` is no value, wherever it stands.
fn json(value: &RawValue) -> ToolOutcome {
    match value.get() {
        "null" => ToolOutcome::Null,
        _ => ToolOutcome::Json(value.to_owned()),
    }
}

fn text_of(block: &RawValue) -> Option<String> {
    let block: Block = serde_json::from_str(block.get()).ok()?;
    if block.kind == "text" {
        block.text
    } else {
        None
    }
}

/// `x` of `{"result": x}` with no other key.
fn sole_result(structured: &RawValue) -> Option<&RawValue> {
    let object: BTreeMap<&str, &RawValue> = serde_json::from_str(structured.get()).ok()?;
    if object.len() == 1 {
        object.get("result").copied()
    } else {
        None
    }
}

/// Whether the only text block spells `value` alone. Servers that wrap without saying so send the
/// bare value there; a tool that really returned an object with the key `result` sends the object.
fn is_spelled_by(value: &RawValue, blocks: &[&RawValue]) -> bool {
    let [block] = blocks else {
        return false;
    };
    let Some(text) = text_of(block) else {
        return false;
    };
    if let Ok(value) = serde_json::from_str::<String>(value.get()) {
        return value == text;
    }
    let value = serde_json::from_str::<serde_json::Value>(value.get()).ok();
    value.is_some() && value == serde_json::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(result: &str) -> String {
        let result = RawValue::from_string(result.to_owned()).unwrap();
        match ToolOutcome::of(&Reply::Result(result)).unwrap() {
            ToolOutcome::Json(value) => format!("json {value}"),
            ToolOutcome::Text(text) => format!("text {text}"),
            ToolOutcome::Null => "null".to_owned(),
            ToolOutcome::Failed {
                text,
                claim_superseded,
            } => format!("failed {claim_superseded} {text}"),
        }
    }

    #[test]
    fn structured_content_keeps_the_type_of_a_text_that_looks_like_json() {
        for (value, text) in [(r#""42""#, "42"), (r#""null""#, "null"), ("42", "42")] {
            let result = format!(
                r#"{{"_meta":{{"fastmcp":{{"wrap_result":true}}}},"content":[{{"type":"text","text":"{text}"}}],"structuredContent":{{"result":{value}}},"isError":false}}"#
            );
            assert_eq!(outcome(&result), format!("json {value}"));
        }
    }

    #[test]
    fn what_a_result_means() {
        let table = [
            ("null", "null"),
            ("{}", "null"),
            (r#"{"content":[]}"#, "null"),
            (r#"{"content":null,"structuredContent":null}"#, "null"),
            // Without structured content a text is read as JSON if it is JSON.
            (r#"{"content":[{"type":"text","text":"42"}]}"#, "json 42"),
            (r#"{"content":[{"type":"text","text":"null"}]}"#, "null"),
            (
                r#"{"content":[{"type":"text","text":" {\"a\": 1} "}]}"#,
                r#"json {"a": 1}"#,
            ),
            (
                r#"{"content":[{"type":"text","text":"hi \"z\""}]}"#,
                r#"text hi "z""#,
            ),
            (r#"{"content":[{"type":"text","text":""}]}"#, "text "),
            // Blocks that are no text are their own value.
            (
                r#"{"content":[{"type":"image","data":"AA==","mimeType":"image/png"}]}"#,
                r#"json {"type":"image","data":"AA==","mimeType":"image/png"}"#,
            ),
            (
                r#"{"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}"#,
                r#"json {"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}],"type":"multi_content"}"#,
            ),
            // An object stays an object, even one that looks like a wrapper.
            (
                r#"{"content":[{"type":"text","text":"{\"result\":1}"}],"structuredContent":{"result":1}}"#,
                r#"json {"result":1}"#,
            ),
            (
                r#"{"content":[],"structuredContent":{"result":1,"more":2},"_meta":{"fastmcp":{"wrap_result":true}}}"#,
                r#"json {"result":1,"more":2}"#,
            ),
            // Wrapped: it is said, or the text spells the bare value.
            (
                r#"{"content":[],"structuredContent":{"result":[]},"_meta":{"fastmcp":{"wrap_result":true}}}"#,
                "json []",
            ),
            (
                r#"{"content":[{"type":"text","text":"42"}],"structuredContent":{"result":"42"}}"#,
                r#"json "42""#,
            ),
            (
                r#"{"content":[{"type":"text","text":"[1, 2.0]"}],"structuredContent":{"result":[1,2.0]}}"#,
                "json [1,2.0]",
            ),
            (
                r#"{"content":[],"structuredContent":{"result":null},"_meta":{"fastmcp":{"wrap_result":true}}}"#,
                "null",
            ),
        ];
        for (result, expected) in table {
            assert_eq!(outcome(result), expected, "{result}");
        }
    }

    #[test]
    fn a_failure_keeps_its_text() {
        let table = [
            (
                r#"{"isError":true,"content":[{"type":"text","text":"no"},{"type":"text","text":"way"}],"structuredContent":{"result":1}}"#,
                "failed false no\nway",
            ),
            (
                r#"{"isError":true,"content":[{"type":"text","text":"{\"error\":\"claim_superseded\"}"}]}"#,
                r#"failed true {"error":"claim_superseded"}"#,
            ),
            (
                r#"{"isError":true,"content":[]}"#,
                "failed false the tool failed without saying why",
            ),
        ];
        for (result, expected) in table {
            assert_eq!(outcome(result), expected, "{result}");
        }
    }

    #[test]
    fn a_reply_that_is_no_result_is_null_or_an_error() {
        assert!(matches!(
            ToolOutcome::of(&Reply::Accepted),
            Ok(ToolOutcome::Null)
        ));
        assert!(ToolOutcome::of(&Reply::Other("<html>".into())).is_err());
        let odd = RawValue::from_string("[1]".into()).unwrap();
        assert!(ToolOutcome::of(&Reply::Result(odd)).is_err());
    }
}
