//! `meshctl trace`.

mod forest;
mod tree;

use std::time::Duration;

use mesh_client::{ClientError, FoundTrace, RegistryClient};
use mesh_core::env::EnvVars;
use mesh_core::wire::TraceInfo;

use self::forest::{Forest, Internal};
use super::Context;
use crate::error::{CliError, Kind, one_line};
use crate::json_text::indented;
use crate::printer::{Printer, Tone};
use crate::settings::QueryArgs;
use crate::trace_id::TraceId;

/// Show who called whom in one call, and what it took
///
/// `meshctl call --trace` prints the id of the trace that it begins. Agents and registry know of traces when
/// they were started with `MCP_MESH_DISTRIBUTED_TRACING_ENABLED=true`, or by `meshctl start --dte`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl trace 0af7651916cd43dd8448eb211c80319c                  the tree of its calls
  meshctl trace 0af7651916cd43dd8448eb211c80319c --show-internal  with what the SDKs do between them
  meshctl trace 0af7651916cd43dd8448eb211c80319c --json           everything that is known, for scripts")]
pub(crate) struct TraceArgs {
    /// Id of the trace, 32 hexadecimal digits
    id: String,
    /// Show the wrappers that SDKs put around calls, too
    #[arg(long)]
    show_internal: bool,
    /// How often to ask again while the trace is not there
    #[arg(long, value_name = "NUMBER", default_value_t = 3, value_parser = clap::value_parser!(u32).range(..=1000))]
    retries: u32,
    /// Seconds to wait before asking again
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(..=3600))]
    retry_delay: u64,
    #[command(flatten)]
    query: QueryArgs,
}

/// How long a trace may be in coming: a span is published when it has ended.
struct Patience {
    retries: u32,
    delay: Duration,
}

pub(crate) async fn run(args: TraceArgs, context: &mut Context) -> Result<(), CliError> {
    let TraceArgs {
        id,
        show_internal,
        retries,
        retry_delay,
        query,
    } = args;
    let id = TraceId::parse(&id)?;
    let (client, json) = context.query(query)?;
    let patience = Patience {
        retries,
        delay: Duration::from_secs(retry_delay),
    };
    let printer = &mut context.printer;
    let FoundTrace { trace, raw } = fetch(&client, &id, &patience, printer).await?;
    if json {
        return Ok(printer.result(indented(raw.get()))?);
    }
    let internal = if show_internal {
        Internal::Shown
    } else {
        Internal::Collapsed
    };
    print(&trace, &id, internal, printer)
}

async fn fetch(
    client: &RegistryClient,
    id: &TraceId,
    patience: &Patience,
    printer: &mut Printer,
) -> Result<FoundTrace, CliError> {
    let mut attempt = 0;
    loop {
        let asked = printer.during("asking the registry", client.trace(id.as_str()));
        let error = match asked.await {
            Ok(found) => return Ok(found),
            Err(error) => error,
        };
        let news = if is_absent(&error) {
            "the trace is not there yet".to_owned()
        } else if error.is_transient() {
            one_line(&error.to_string())
        } else {
            return Err(explained(error, id, client));
        };
        if attempt == patience.retries {
            return Err(explained(error, id, client));
        }
        attempt += 1;
        let Patience { retries, delay } = patience;
        let seconds = delay.as_secs();
        printer.note(format_args!(
            "Asking again in {seconds}s ({attempt} of {retries}): {news}"
        ))?;
        let pause = tokio::time::sleep(*delay);
        printer.during("waiting for the trace", pause).await;
    }
}

/// Whether the registry knows of traces, though not of this one.
fn is_absent(error: &ClientError) -> bool {
    error.is_not_found() && !error.is_tracing_disabled()
}

fn explained(error: ClientError, id: &TraceId, client: &RegistryClient) -> CliError {
    let switch = EnvVars::MCP_MESH_DISTRIBUTED_TRACING_ENABLED;
    let redis = EnvVars::REDIS_URL;
    if error.is_tracing_disabled() {
        let message = format!("the registry at `{}` reads no traces", client.base());
        return CliError::new(message).of_kind(Kind::Prerequisite).hint(format!(
            "start registry and agents with `{switch}=true` (`meshctl start --dte` does) and, in `{redis}`, the \
             Redis that they share"
        ));
    }
    if is_absent(&error) {
        let message = format!("trace '{id}' not found");
        return CliError::new(message).of_kind(Kind::NotFound).hint(format!(
            "agents publish spans if `{switch}=true`; their `{redis}` must be the registry's, and it drops old \
             spans: see `meshctl man observability`"
        ));
    }
    error.into()
}

fn print(
    trace: &TraceInfo,
    id: &TraceId,
    internal: Internal,
    printer: &mut Printer,
) -> Result<(), CliError> {
    printer.result(format_args!("Call tree of trace {id}\n"))?;
    let forest = Forest::grow(&trace.spans, internal);
    for line in tree::lines(&forest) {
        printer.result(line)?;
    }
    printer.result(format_args!("\n{}", summary(trace, &forest)))?;
    if trace.truncated {
        printer.warn("there are older spans, which the registry did not read")?;
    }
    if !trace.agents.is_empty() {
        printer.result(format_args!("Agents: {}", trace.agents.join(", ")))?;
    }
    Ok(())
}

fn summary(trace: &TraceInfo, forest: &Forest<'_>) -> String {
    let hidden = match forest.hidden() {
        0 => String::new(),
        hidden => format!(" ({hidden} internal not shown)"),
    };
    let verdict = match forest.failed() {
        0 if trace.spans.iter().all(|span| span.success) => Tone::Good.paint("✓"),
        0 => Tone::Bad.paint("✗"),
        failed => Tone::Bad.paint(format_args!("✗ {failed} failed")),
    };
    format!(
        "Summary: {}{hidden}, {}, {} {verdict}",
        counted(trace.spans.len(), "span"),
        counted(trace.agents.len().max(trace.agent_count), "agent"),
        tree::took(trace.duration),
    )
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}
