//! `meshctl completion`.

use clap_complete::Shell;

use super::Context;
use crate::error::CliError;

/// Print a completion script for a shell
///
/// For bash: `source <(meshctl completion bash)`.
#[derive(Debug, clap::Args)]
pub(crate) struct CompletionArgs {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(args: &CompletionArgs, context: &mut Context) -> Result<(), CliError> {
    let CompletionArgs { shell } = args;
    let mut script = Vec::new();
    clap_complete::generate(*shell, &mut crate::command(), "meshctl", &mut script);
    context.printer.raw(&script)?;
    Ok(())
}
