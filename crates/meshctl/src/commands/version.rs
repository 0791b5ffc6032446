//! `meshctl version`.

use super::Context;
use crate::error::CliError;

/// Print the version
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl version")]
pub(crate) struct VersionArgs {}

pub(crate) fn run(_args: &VersionArgs, context: &mut Context) -> Result<(), CliError> {
    context
        .printer
        .result(format_args!("meshctl version {}", mesh_core::VERSION))?;
    Ok(())
}
