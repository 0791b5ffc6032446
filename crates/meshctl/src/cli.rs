//! From the arguments of the process to its exit code.

use std::ffi::OsString;
use std::num::{IntErrorKind, ParseIntError};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser};
use mesh_core::Clock;
use mesh_core::env::Environment;

use crate::commands::{Command, Context};
use crate::completion;
use crate::error::{CliError, ExitCodes, Kind};
use crate::help;
use crate::printer::Printer;

/// Start agents, see how they are wired, and call their tools
#[derive(Debug, Parser)]
#[command(
    name = "meshctl",
    // Otherwise usage shows the name of the file, with the ending that Windows gives it.
    bin_name = "meshctl",
    version = concat!("version ", env!("CARGO_PKG_VERSION")),
    disable_version_flag = true,
    max_term_width = 100
)]
struct Cli {
    /// Print the version
    #[arg(short = 'v', long, action = clap::ArgAction::Version)]
    version: Option<bool>,
    /// Tell failures apart by the exit code; `meshctl --help` lists the codes
    #[arg(long, global = true, help_heading = "Global options")]
    exit_code: bool,
    #[command(subcommand)]
    command: Command,
}

/// The whole command line, for completions and the generated reference.
#[must_use]
pub fn command() -> clap::Command {
    help::grouped(Cli::command())
}

/// What `--json` prints, as JSON schemas: each with the name of its file in `schemas/meshctl/`.
#[must_use]
pub fn json_schemas() -> Vec<(&'static str, String)> {
    crate::commands::json_schemas()
}

/// Runs meshctl with the arguments of the process, the program's name first.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let mut context = Context {
        program: arguments.first().map(Into::into),
        environment: Environment::of_process(),
        clock: Clock::System,
        printer: Printer::new(),
        verdict: None,
        warned_unverified: false,
    };
    if let Some(candidates) = completion::answer(&arguments, &context.environment) {
        // Whoever pressed TAB and closed the pipe has seen enough.
        let _ = context.printer.raw(candidates.as_bytes());
        return ExitCode::SUCCESS;
    }
    let parsed = command()
        .try_get_matches_from(&arguments)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return usage(&error, &arguments),
    };
    let codes = exit_codes(cli.exit_code);
    match run(cli.command, &mut context) {
        Ok(()) => match context.verdict {
            Some(kind) if codes == ExitCodes::Fine => kind.exit_code(codes),
            _ => ExitCode::SUCCESS,
        },
        Err(error) => {
            if error.kind() != Kind::ClosedPipe {
                context.printer.failure(&error);
            }
            error.kind().exit_code(codes)
        }
    }
}

fn exit_codes(fine: bool) -> ExitCodes {
    if fine {
        ExitCodes::Fine
    } else {
        ExitCodes::Plain
    }
}

fn run(command: Command, context: &mut Context) -> Result<(), CliError> {
    // One thread is enough for a program that waits most of its time, and starts fastest.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::new("cannot start the runtime").because(error))?;
    let outcome = runtime.block_on(command.run(context));
    // What still goes on is the system's search for a host that nobody waits for any more.
    runtime.shutdown_background();
    outcome
}

/// What is wrong with a number, in words for people: the parser's are for programmers.
fn in_plain_words(text: &str, error: &clap::Error) -> String {
    use std::error::Error as _;

    let Some(source) = error.source() else {
        return text.to_owned();
    };
    let said = source.to_string();
    let open_end = format!("..{}", u64::MAX);
    let plain = match source.downcast_ref().map(ParseIntError::kind) {
        Some(IntErrorKind::PosOverflow) => "that is too large".to_owned(),
        Some(IntErrorKind::NegOverflow) => "that is too small".to_owned(),
        Some(_) => "write a whole number".to_owned(),
        None => match said.strip_suffix(&open_end) {
            Some(range) => range.replace(" is not in ", " is less than "),
            None => return text.to_owned(),
        },
    };
    text.replace(&said, &plain)
}

/// Help and version are answers; everything else that clap reports is an error like any other.
/// Whoever types the bare name asks what there is.
fn usage(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    let text = error.render();
    let asks = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if asks || !error.use_stderr() {
        // A reader that closed the pipe has seen enough.
        let _ = Printer::new().raw(text.ansi().to_string().as_bytes());
        return ExitCode::SUCCESS;
    }
    let text = text.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let text = in_plain_words(text, error);
    Printer::new().error(text.trim_end(), None);
    // What could not be parsed can still be searched.
    let fine = arguments
        .iter()
        .take_while(|argument| *argument != "--")
        .any(|argument| argument == "--exit-code");
    Kind::Usage.exit_code(exit_codes(fine))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }
}
