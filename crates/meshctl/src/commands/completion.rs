//! `meshctl completion`.

use clap_complete::Shell;

use super::Context;
use crate::completion;
use crate::error::CliError;

/// Print a completion script for a shell
///
/// For bash and zsh: `source <(meshctl completion bash)`. Beside commands and flags, the agents and tools
/// of the mesh are offered.
#[derive(Debug, clap::Args)]
pub(crate) struct CompletionArgs {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(args: &CompletionArgs, context: &mut Context) -> Result<(), CliError> {
    let CompletionArgs { shell } = args;
    if let Some(script) = completion::script(*shell) {
        return Ok(context.printer.raw(script.as_bytes())?);
    }
    // Without the names of agents and tools.
    let mut script = Vec::new();
    clap_complete::generate(*shell, &mut crate::command(), "meshctl", &mut script);
    context.printer.raw(&script)?;
    Ok(())
}
