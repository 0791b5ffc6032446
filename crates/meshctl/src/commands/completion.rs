//! `meshctl completion`.

use clap_complete::Shell;

use super::Context;
use crate::completion::completion_script;
use crate::error::CliError;

/// Print a completion script for a shell
///
/// For bash and zsh: `source <(meshctl completion bash)`. Beside commands and flags, the agents and tools
/// of the mesh are offered.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  source <(meshctl completion bash)                           in ~/.bashrc
  source <(meshctl completion zsh)                            in ~/.zshrc, after compinit
  meshctl completion fish > ~/.config/fish/completions/meshctl.fish
  eval (meshctl completion elvish | slurp)                    in ~/.config/elvish/rc.elv
  meshctl completion powershell | Out-String | Invoke-Expression     in $PROFILE")]
pub(crate) struct CompletionArgs {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(args: &CompletionArgs, context: &mut Context) -> Result<(), CliError> {
    let script = completion_script(args.shell);
    Ok(context.printer.raw(&script)?)
}
