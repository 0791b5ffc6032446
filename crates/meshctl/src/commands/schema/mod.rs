//! `meshctl schema`.

pub(super) mod difference;

use mesh_client::RegistryClient;
use mesh_core::wire::SchemaInfo;
use schemars::JsonSchema;
use serde::Serialize;

use self::difference::Difference;
use super::Context;
use crate::error::{CliError, Kind};
use crate::printer::Tone;
use crate::settings::QueryArgs;

/// Compare schemas that agents published
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl list --schemas            the hashes
  meshctl schema diff HASH1 HASH2   what differs between two")]
pub(crate) struct SchemaArgs {
    #[command(subcommand)]
    command: SchemaCommand,
}

#[derive(Debug, clap::Subcommand)]
enum SchemaCommand {
    Diff(DiffArgs),
}

/// Show what differs between two schemas
///
/// Names and types of the fields, and which are required.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl schema diff sha256:4be2 sha256:9f01
  meshctl schema diff sha256:4be2 sha256:9f01 --json")]
struct DiffArgs {
    /// Hash of the one
    #[arg(value_name = "HASH-A")]
    a: String,
    /// Hash of the other
    #[arg(value_name = "HASH-B")]
    b: String,
    #[command(flatten)]
    query: QueryArgs,
}

/// What `--json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DiffReport {
    a: SchemaInfo,
    b: SchemaInfo,
    diff: Difference,
}

pub(crate) async fn run(args: SchemaArgs, context: &mut Context) -> Result<(), CliError> {
    match args.command {
        SchemaCommand::Diff(args) => diff(args, context).await,
    }
}

async fn diff(args: DiffArgs, context: &mut Context) -> Result<(), CliError> {
    let DiffArgs { a, b, query } = args;
    let (client, json) = context.query(query)?;
    let a = schema(&client, &a, context).await?;
    let b = schema(&client, &b, context).await?;
    let diff = Difference::between(&a, &b)?;
    if json {
        return context.printer.json(&DiffReport { a, b, diff });
    }
    let printer = &mut context.printer;
    printer.result(format_args!("A: {} ({})", a.hash, a.runtime_origin))?;
    printer.result(format_args!("B: {} ({})", b.hash, b.runtime_origin))?;
    printer.result("")?;
    if diff.is_empty() {
        printer.result(if diff.hash_equal {
            "The same schema."
        } else {
            "The same fields; the schemas differ in something else."
        })?;
    }
    for field in &diff.only_in_a {
        let line = format!("- {}: {}", field.name, field.kind);
        printer.result(Tone::Bad.paint(line))?;
    }
    for field in &diff.only_in_b {
        let line = format!("+ {}: {}", field.name, field.kind);
        printer.result(Tone::Good.paint(line))?;
    }
    for field in &diff.type_changed {
        let line = format!("~ {}: {} → {}", field.name, field.type_a, field.type_b);
        printer.result(Tone::Doubtful.paint(line))?;
    }
    if diff.required_a != diff.required_b {
        let (a, b) = (diff.required_a.join(", "), diff.required_b.join(", "));
        printer.result(Tone::Doubtful.paint(format!("~ required: [{a}] → [{b}]")))?;
    }
    Ok(())
}

async fn schema(
    client: &RegistryClient,
    hash: &str,
    context: &mut Context,
) -> Result<SchemaInfo, CliError> {
    let asked = context
        .printer
        .during("asking the registry", client.schema(hash));
    asked.await.map_err(|error| match error {
        missing if missing.is_not_found() => CliError::new(format!("schema not found: {hash}"))
            .of_kind(Kind::NotFound)
            .hint("`meshctl list --schemas` shows those that agents published"),
        other => other.into(),
    })
}
