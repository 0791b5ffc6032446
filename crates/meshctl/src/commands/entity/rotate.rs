//! `meshctl entity rotate`.

use crate::commands::{Context, administration};
use crate::error::CliError;
use crate::settings::QueryArgs;

/// Have agents register again, by which they are verified anew
///
/// They do at their next heartbeat. Where `MCP_MESH_ADMIN_PORT` is set for the registry, it is asked at
/// that port only: pass it with `--registry-url`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl entity rotate
  meshctl entity rotate partner-corp
  meshctl entity rotate --registry-url http://mesh.example:9000  # its MCP_MESH_ADMIN_PORT")]
pub(crate) struct RotateArgs {
    /// Only the agents of this entity
    name: Option<String>,
    #[command(flatten)]
    query: QueryArgs,
}

pub(super) async fn run(args: RotateArgs, context: &mut Context) -> Result<(), CliError> {
    let RotateArgs { name, query } = args;
    let (client, json) = context.query(query)?;
    let rotation = client.rotate(name.as_deref());
    let report = context
        .printer
        .during("asking the registry", rotation)
        .await
        .map_err(administration::refused)?;
    if json {
        return context.printer.json(&report);
    }
    let printer = &mut context.printer;
    match &name {
        Some(name) => printer.result(format_args!("Rotation triggered for entity '{name}'"))?,
        None => printer.result("Rotation triggered for all agents")?,
    }
    let count = report.affected_agents;
    printer.result(format_args!(
        "{count} agent(s) will re-register on next heartbeat"
    ))?;
    if let (0, Some(name)) = (count, &name) {
        printer.note(format_args!(
            "Note: no healthy agent is known by a certificate of '{name}'"
        ))?;
    }
    Ok(())
}
