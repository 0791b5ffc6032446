//! `meshctl call`.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use mesh_client::Headers;
use mesh_client::mcp::{CallError, Reply, ToolCall};
use mesh_core::wire::{ErrorBody, TRACE_ID_HEADER};
use serde_json::value::RawValue;

use super::Context;
use crate::error::{CliError, Kind, one_line, root_cause};
use crate::json_text::indented;
use crate::mesh_view::{Among, host_and_port};
use crate::settings::ConnectionArgs;
use crate::tool_target::{self, Target};
use crate::trace_id::TraceId;

/// Call a tool and print its result
///
/// A result that says `"isError": true` is a result: it is printed, and the exit code is 0.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl call plan '{\"city\": \"Oslo\"}'
  meshctl call planner:plan --file trip.json     if several agents have that tool
  meshctl call plan --timeout 300 -H 'X-Tenant: acme'
  meshctl call plan --agent-url http://localhost:9000     without a registry
  meshctl call plan --trace     with an id, for `meshctl trace` to show who called whom")]
pub(crate) struct CallArgs {
    /// The tool, as `tool` or `agent:tool`
    #[arg(value_name = "[AGENT:]TOOL")]
    tool: String,
    /// Its arguments, a JSON object
    #[arg(value_name = "JSON", conflicts_with = "file")]
    arguments: Option<String>,
    /// Print the result as it was received, on one line if it came so
    #[arg(long)]
    raw: bool,
    /// The opposite of `--raw`, and what happens anyway; kept for scripts
    #[arg(long, hide = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pretty: Option<bool>,
    /// Read the arguments from this file
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Call the agent at this URL, without asking a registry
    #[arg(long, value_name = "URL")]
    agent_url: Option<String>,
    /// Let the registry pass the call on; `false` calls the agent directly
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_value_t = true,
        default_missing_value = "true",
        action = clap::ArgAction::Set
    )]
    use_proxy: bool,
    /// Begin a trace and print its id, for `meshctl trace`
    #[arg(long)]
    trace: bool,
    /// Send a header with the call, as `Name: value`; may be repeated
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    headers: Vec<String>,
    /// Seconds that the call may take
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
    #[command(flatten)]
    connection: ConnectionArgs,
}

pub(crate) async fn run(args: CallArgs, context: &mut Context) -> Result<(), CliError> {
    let CallArgs {
        tool,
        arguments,
        raw,
        pretty: _,
        file,
        agent_url,
        use_proxy,
        trace,
        headers,
        timeout,
        connection,
    } = args;
    // Everything that can be wrong without a network is found before it is used.
    let mut headers = parse_headers(&headers)?;
    let mut arguments = parse_arguments(arguments, file)?;
    let trace = if trace {
        Some(begin_trace(&mut headers, &mut arguments)?)
    } else {
        None
    };
    let timeout = Duration::from_secs(timeout);
    let verification = connection.verification();
    let (endpoint, tool) = if let Some(url) = agent_url {
        let tool = tool.split_once(':').map_or(tool.as_str(), |(_, tool)| tool);
        (url, tool.to_owned())
    } else {
        let client = context.client(connection, timeout)?;
        let list = client.agents().await?;
        let Target { agent, tool } = tool_target::find(&list.agents, &tool, Among::Healthy)?;
        let endpoint = if use_proxy {
            client.proxy_endpoint(host_and_port(&agent.endpoint))
        } else {
            agent.endpoint.clone()
        };
        (endpoint, tool.function_name.clone())
    };
    let call = ToolCall {
        endpoint,
        tool,
        arguments,
        timeout,
        headers,
    };
    let caller = context.caller(&call.endpoint, verification)?;
    if let Some(id) = trace {
        // Before the call: how one that hangs came so far is worth a look, too.
        context.printer.note(format_args!(
            "Trace ID: {id}\nSee who called whom with `meshctl trace {id}`"
        ))?;
    }
    let what = format!("{} works", call.tool);
    let reply = context
        .printer
        .during(&what, caller.call_tool(&call))
        .await?;
    print(&reply, raw, context)
}

fn print(reply: &Reply, raw: bool, context: &mut Context) -> Result<(), CliError> {
    if let Reply::Result(result) = reply
        && says_error(result)
    {
        context.conclude(Kind::Refused);
    }
    match reply {
        Reply::Result(result) if raw => context.printer.result(result.get())?,
        Reply::Result(result) => context.printer.result(indented(result.get()))?,
        Reply::Accepted => context.printer.note("accepted, without a result")?,
        Reply::Other(bytes) => context.printer.raw(bytes)?,
    }
    Ok(())
}

/// Whether the tool itself reports that it failed.
fn says_error(result: &RawValue) -> bool {
    #[derive(serde::Deserialize)]
    struct Verdict {
        #[serde(default, rename = "isError")]
        is_error: bool,
    }
    serde_json::from_str(result.get()).is_ok_and(|Verdict { is_error }| is_error)
}

fn parse_headers(texts: &[String]) -> Result<Headers, CliError> {
    let mut headers = Headers::new();
    for text in texts {
        let (name, value) = text.split_once(':').ok_or_else(|| {
            CliError::new(format!("the header `{text}` has no colon"))
                .of_kind(Kind::Usage)
                .hint("write it as `-H 'Name: value'`")
        })?;
        headers.push(name.trim(), value.trim()).map_err(|error| {
            CliError::new(format!("bad header `{text}`"))
                .of_kind(Kind::Usage)
                .because(error)
        })?;
    }
    Ok(headers)
}

/// Makes the call the first of a trace. Agents read the header, and the argument where the header got lost.
fn begin_trace(headers: &mut Headers, arguments: &mut Box<RawValue>) -> Result<TraceId, CliError> {
    if headers.contains(TRACE_ID_HEADER) {
        let message =
            format!("`--trace` makes an id of its own beside `-H '{TRACE_ID_HEADER}: …'`");
        return Err(CliError::new(message)
            .of_kind(Kind::Usage)
            .hint("leave one of the two out"));
    }
    let id = TraceId::random();
    let text = arguments.get();
    let rest = text.trim_start_matches('{').trim_start();
    let comma = if rest.starts_with('}') { "" } else { "," };
    let text = format!(r#"{{"_trace_id":"{id}"{comma}{rest}"#);
    *arguments = RawValue::from_string(text)
        .map_err(|error| CliError::new("the arguments must be JSON").because(error))?;
    headers
        .push(TRACE_ID_HEADER, id.as_str())
        .map_err(|error| CliError::new("cannot send the trace's id").because(error))?;
    Ok(id)
}

/// What arguments look like.
const AN_OBJECT: &str = r#"such as '{"name": "value"}'"#;

fn parse_arguments(text: Option<String>, file: Option<PathBuf>) -> Result<Box<RawValue>, CliError> {
    let (text, origin) = match (text, file) {
        (_, Some(file)) => {
            let name = format!("`{}`", file.display());
            let text = fs::read_to_string(&file).map_err(|error| {
                CliError::new(format!("cannot read {name}"))
                    .of_kind(Kind::Usage)
                    .because(error)
            })?;
            (text, name)
        }
        (Some(text), None) => (text, "the arguments".to_owned()),
        (None, None) => ("{}".to_owned(), "the arguments".to_owned()),
    };
    let value: Box<RawValue> = serde_json::from_str(text.trim()).map_err(|error| {
        CliError::new(format!("{origin} must be JSON"))
            .of_kind(Kind::Usage)
            .because(error)
            .hint(AN_OBJECT)
    })?;
    if value.get().starts_with('{') {
        Ok(value)
    } else {
        Err(CliError::new(format!("{origin} must be a JSON object"))
            .of_kind(Kind::Usage)
            .hint(AN_OBJECT))
    }
}

/// The server's own words come first; where they came from is known.
impl From<CallError> for CliError {
    fn from(error: CallError) -> Self {
        use mesh_core::Hint as _;

        let hint = error.hint().map(std::borrow::Cow::into_owned);
        let kind = match &error {
            CallError::InvalidEndpoint { .. } => Kind::Usage,
            CallError::Unreachable { .. } => Kind::Unreachable,
            CallError::Timeout { .. } => Kind::TimedOut,
            CallError::Http { .. } | CallError::Rpc(_) => Kind::Refused,
            _ => Kind::Failed,
        };
        let text = match &error {
            CallError::Rpc(refusal) => {
                let data = refusal.data.as_ref();
                let data = data.map_or_else(String::new, |data| format!(": {data}"));
                format!("MCP call failed: {}{data}", refusal.message)
            }
            CallError::Http { status, body, .. } => {
                // The registry's own refusals say more in words than as JSON.
                let reason = serde_json::from_str::<ErrorBody>(body).map(|body| body.error);
                let reason = reason.unwrap_or_else(|_| body.clone());
                format!("MCP call failed: HTTP {status}: {}", one_line(&reason))
            }
            other => format!("MCP call failed: {}", one_line(&other.to_string())),
        };
        let mut error = match root_cause(&error) {
            Some(cause) => Self::new(text).because(cause),
            None => Self::new(text),
        }
        .of_kind(kind);
        if let Some(hint) = hint {
            error = error.hint(hint);
        }
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_an_object_and_keep_their_spelling() {
        let parse = |text: &str| parse_arguments(Some(text.to_owned()), None);
        assert_eq!(
            parse(r#" {"b":1.0,"a":1e2} "#).unwrap().get(),
            r#"{"b":1.0,"a":1e2}"#
        );
        assert_eq!(parse_arguments(None, None).unwrap().get(), "{}");
        insta::assert_snapshot!(parse("[1]").unwrap_err().to_string(), @"the arguments must be a JSON object");
        insta::assert_snapshot!(parse("{").unwrap_err().to_string(), @"the arguments must be JSON: EOF while parsing an object at line 1 column 1");
    }

    #[test]
    fn a_trace_is_told_in_header_and_arguments() {
        let begun = |text: &str| {
            let mut arguments = parse_arguments(Some(text.to_owned()), None).unwrap();
            let mut headers = Headers::new();
            let id = begin_trace(&mut headers, &mut arguments).unwrap();
            assert!(headers.contains("x-trace-id"));
            assert!(begin_trace(&mut headers, &mut arguments).is_err());
            arguments.get().replace(id.as_str(), "ID")
        };
        assert_eq!(begun("{ }"), r#"{"_trace_id":"ID"}"#);
        assert_eq!(
            begun(r#"{ "b": {"c":1} }"#),
            r#"{"_trace_id":"ID","b": {"c":1} }"#
        );
    }

    #[test]
    fn a_header_splits_at_its_first_colon() {
        assert!(parse_headers(&["X-When: 12:30".to_owned()]).is_ok());
        let error = parse_headers(&["nonsense".to_owned()]).unwrap_err();
        insta::assert_snapshot!(error.to_string(), @"the header `nonsense` has no colon");
    }
}
