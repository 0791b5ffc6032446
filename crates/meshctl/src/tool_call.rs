//! How a tool is called from a command line: what it needs, as an example that can be typed.

use std::time::Duration;

use mesh_client::mcp::Reply;
use mesh_client::{Headers, RegistryClient};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::error::CliError;
use crate::mesh_view::host_and_port;

/// How deep an example goes into what refers to itself.
const DEPTH: usize = 4;

/// One entry of MCP's `tools/list`.
#[derive(Debug, Deserialize)]
struct ListedTool {
    name: String,
    #[serde(rename = "inputSchema")]
    input_schema: Option<Box<RawValue>>,
}

#[derive(Debug, Deserialize)]
struct ToolList {
    tools: Vec<ListedTool>,
}

/// What the tool `function` of the agent at `endpoint` takes. Asks the agent, through the registry, for it
/// may be reachable from there only.
pub(crate) async fn input_schema(
    client: &RegistryClient,
    (endpoint, function): (&str, &str),
    timeout: Duration,
) -> Result<Option<Box<RawValue>>, CliError> {
    let endpoint = client.proxy_endpoint(host_and_port(endpoint));
    let reply = client
        .caller()
        .list_tools(&endpoint, timeout, &Headers::new())
        .await?;
    let Reply::Result(result) = reply else {
        return Err(CliError::new("the agent did not list its tools"));
    };
    let list: ToolList = serde_json::from_str(result.get()).map_err(|error| {
        CliError::new("the agent's list of tools is not understood").because(error)
    })?;
    Ok(list
        .tools
        .into_iter()
        .find(|tool| tool.name == function)
        .and_then(|tool| tool.input_schema))
}

/// The arguments that must be given, as JSON for people to fill in; nothing if none must.
pub(crate) fn needed_arguments(schema: Option<&RawValue>) -> Option<String> {
    let schema: Value = serde_json::from_str(schema?.get()).ok()?;
    let text = object(&schema, &schema, DEPTH);
    (text != "{}").then_some(text)
}

/// The fields of an object that are required.
fn object(schema: &Value, root: &Value, depth: usize) -> String {
    let properties = schema["properties"].as_object();
    let fields = schema["required"].as_array().into_iter().flatten();
    let fields: Vec<String> = fields
        .filter_map(Value::as_str)
        .map(|name| {
            let property = properties.and_then(|properties| properties.get(name));
            let value = property.map_or("null".to_owned(), |schema| value(schema, root, depth));
            format!("{}: {value}", Value::from(name))
        })
        .collect();
    format!("{{{}}}", fields.join(", "))
}

/// A value that `schema` allows, as far as its types say.
fn value(schema: &Value, root: &Value, depth: usize) -> String {
    let Some(deeper) = depth.checked_sub(1) else {
        return "null".to_owned();
    };
    if let Some(given) = suggested(schema) {
        return given.to_string();
    }
    if let Some(target) = schema["$ref"].as_str().and_then(|path| {
        let path = path.strip_prefix('#')?;
        root.pointer(path)
    }) {
        return value(target, root, deeper);
    }
    for choice in ["anyOf", "oneOf", "allOf"] {
        if let Some(first) = schema[choice].get(0) {
            return value(first, root, deeper);
        }
    }
    let kind = schema["type"]
        .as_str()
        .or_else(|| schema["type"][0].as_str());
    match kind {
        Some("integer" | "number") => number(schema),
        Some("boolean") => "true".to_owned(),
        Some("array") => match schema["minItems"].as_u64() {
            None | Some(0) => "[]".to_owned(),
            Some(_) => format!("[{}]", value(&schema["items"], root, deeper)),
        },
        Some("object") => object(schema, root, deeper),
        None if schema["properties"].is_object() => object(schema, root, deeper),
        Some("string") | None => r#""...""#.to_owned(),
        Some(_) => "null".to_owned(),
    }
}

/// What the schema itself offers.
fn suggested(schema: &Value) -> Option<&Value> {
    let schema: &Map<String, Value> = schema.as_object()?;
    let first = |name: &str| schema.get(name).and_then(|list| list.get(0));
    schema
        .get("const")
        .or_else(|| schema.get("default"))
        .or_else(|| first("examples"))
        .or_else(|| first("enum"))
}

/// The number nearest to one.
fn number(schema: &Value) -> String {
    let most = schema["maximum"].as_i64().unwrap_or(i64::MAX);
    let least = schema["minimum"].as_i64().unwrap_or(i64::MIN);
    let above = schema["exclusiveMinimum"].as_i64();
    let least = least.max(above.map_or(i64::MIN, |above| above.saturating_add(1)));
    1_i64.min(most).max(least).to_string()
}

/// The command that calls the tool that `target` means.
pub(crate) fn command(target: &str, arguments: Option<&str>) -> String {
    let is_plain = |character: char| character.is_alphanumeric() || "._:-".contains(character);
    let target = if target.chars().all(is_plain) {
        target.to_owned()
    } else {
        // Tools are named by whoever registers them, and this is pasted into shells.
        quoted(target)
    };
    match arguments {
        None => format!("meshctl call {target}"),
        Some(json) => format!("meshctl call {target} {}", quoted(json)),
    }
}

/// `text` as shells take it literally, which an apostrophe ends.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needed(schema: &str) -> Option<String> {
        let schema = RawValue::from_string(schema.to_owned()).expect("JSON");
        needed_arguments(Some(&schema))
    }

    #[test]
    fn what_must_be_given_is_shown_and_nothing_else() {
        assert_eq!(needed_arguments(None), None);
        assert_eq!(
            needed(r#"{"type": "object", "properties": {"who": {"type": "string"}}}"#),
            None
        );
        let arguments = needed(
            r##"{"type": "object", "required": ["city", "days", "unit", "trip", "tags", "when", "any"],
                "properties": {
                    "city": {"type": "string"}, "more": {"type": "string"},
                    "days": {"type": "integer", "minimum": 2},
                    "unit": {"enum": ["C", "F"]},
                    "trip": {"$ref": "#/$defs/Trip"},
                    "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1},
                    "when": {"anyOf": [{"type": "number"}, {"type": "null"}]},
                    "any": {}
                },
                "$defs": {"Trip": {
                    "type": "object", "required": ["by", "next"],
                    "properties": {"by": {"const": "rail"}, "next": {"$ref": "#/$defs/Trip"}}
                }}}"##,
        );
        insta::assert_snapshot!(arguments.expect("some are required"), @r#"{"city": "...", "days": 2, "unit": "C", "trip": {"by": "rail", "next": {"by": null, "next": null}}, "tags": ["..."], "when": 1, "any": "..."}"#);
    }

    #[test]
    fn a_command_can_be_typed() {
        assert_eq!(command("greet", None), "meshctl call greet");
        assert_eq!(
            command("a:greet", Some(r#"{"who": "..."}"#)),
            r#"meshctl call a:greet '{"who": "..."}'"#
        );
        assert_eq!(
            command("a:$(reboot)", Some(r#"{"what": "it's"}"#)),
            r#"meshctl call 'a:$(reboot)' '{"what": "it'\''s"}'"#
        );
    }
}
