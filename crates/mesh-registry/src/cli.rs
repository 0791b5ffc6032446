//! The command `mcp-mesh-registry`.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use mesh_core::env::Environment;
use mesh_core::{Hint, VERSION};

use crate::readiness::Readiness;
use crate::settings::ready_descriptor;
use crate::{LogFormat, Settings, backup, healthcheck, logging, serve};

/// Run the registry of an MCP mesh
///
/// Agents register here and are told where their dependencies are. Everything else is set by
/// environment variables; see the reference.
#[derive(Debug, Default, Parser)]
#[command(
    name = "mcp-mesh-registry",
    bin_name = "mcp-mesh-registry",
    disable_version_flag = true,
    disable_help_subcommand = true,
    args_conflicts_with_subcommands = true
)]
pub struct Args {
    /// Host name or address to bind [default: localhost, or $HOST]
    #[arg(short = 'H', long)]
    pub host: Option<String>,
    /// Port to bind; 0 lets the system choose [default: 8000, or $PORT]
    #[arg(short, long)]
    pub port: Option<u16>,
    /// How log lines look
    #[arg(long, value_enum, default_value_t)]
    pub log_format: LogFormat,
    /// Ask the registry that runs with the same host and port whether it is healthy, and run none
    ///
    /// Exits with 0 if it answers `GET /health` within two seconds, else with 1 and one line that says
    /// why. An address such as 0.0.0.0 is asked at the loopback address.
    #[arg(long)]
    pub healthcheck: bool,
    /// Print the version
    #[arg(short, long)]
    pub version: bool,
    /// What to do instead of running
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What is done about the database instead of running a registry on it.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Copy the database, also while a registry runs on it
    ///
    /// The copy is the database of `DATABASE_URL` as it is at one moment. It appears whole or not at all,
    /// readable for this user only.
    Backup {
        /// Where the copy goes; nothing may be there
        file: PathBuf,
    },
    /// Put a copy in the place of the database
    ///
    /// No registry may run on the database of `DATABASE_URL`. What was there before is kept beside it under
    /// a name that ends with the time. A damaged file, one of a later release or of another program is
    /// refused and nothing is touched.
    Restore {
        /// A file that `backup` wrote
        file: PathBuf,
    },
}

/// The whole command line, for its man page and completions.
#[must_use]
pub fn command() -> clap::Command {
    Args::command()
}

/// Runs the command with `args`, the program's name first, until it is told to stop.
pub fn run(args: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> ExitCode {
    let mut args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => {
            // Nothing is left to do for a reader who closed the pipe.
            let _ = error.print();
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    if args.version {
        let text = format!("MCP Mesh Registry {VERSION}\nWires the agents of an MCP mesh\n");
        let _ = std::io::stdout().write_all(text.as_bytes());
        return ExitCode::SUCCESS;
    }
    let environment = Environment::of_process();
    let folder = std::env::current_dir().unwrap_or_default();
    if args.healthcheck {
        return check_health(args, &environment, &folder);
    }
    if let Some(command) = args.command.take() {
        return keep(&command, args, &environment, &folder);
    }
    let descriptor = ready_descriptor(&environment);
    let readiness = Readiness::new(*descriptor.as_ref().unwrap_or(&None));
    let settings = descriptor.and_then(|_| Settings::resolve(args, &environment, &folder));
    let outcome = match settings {
        Ok(settings) => {
            logging::start(settings.log_level, settings.log_format);
            serve::serve(settings, &readiness)
                .map_err(|error| (chain(&error), error.hint().map(Cow::into_owned)))
        }
        Err(error) => Err((error.to_string(), error.hint().map(Cow::into_owned))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err((message, hint)) => {
            readiness.failed(&message, hint.as_deref());
            fail(&message, hint.as_deref())
        }
    }
}

/// Copies the database or puts a copy in its place.
fn keep(command: &Command, args: Args, environment: &Environment, folder: &Path) -> ExitCode {
    let settings = match Settings::resolve(args, environment, folder) {
        Ok(settings) => settings,
        Err(error) => return fail(&error.to_string(), error.hint().as_deref()),
    };
    let done = match command {
        Command::Backup { file } => backup::back_up(&settings, &folder.join(file)),
        Command::Restore { file } => backup::restore(&settings, &folder.join(file)),
    };
    match done {
        Ok(report) => {
            let _ = std::io::stdout().write_all(report.as_bytes());
            ExitCode::SUCCESS
        }
        Err(error) => fail(&chain(&error), error.hint().as_deref()),
    }
}

fn fail(message: &str, hint: Option<&str>) -> ExitCode {
    let hint = hint
        .map(|hint| format!("Hint: {hint}\n"))
        .unwrap_or_default();
    // The exit code speaks for itself if nobody reads.
    let _ = write!(std::io::stderr(), "Error: {message}\n{hint}");
    ExitCode::FAILURE
}

/// Whoever runs this keeps what is printed as the reason, so it is one line.
fn check_health(args: Args, environment: &Environment, folder: &Path) -> ExitCode {
    let settings = Settings::resolve(args, environment, folder);
    let outcome = match &settings {
        Ok(settings) => healthcheck::run(settings).map_err(|error| {
            (
                mesh_client::describe(&error),
                error.hint().map(Cow::into_owned),
            )
        }),
        Err(error) => Err((error.to_string(), error.hint().map(Cow::into_owned))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err((message, hint)) => {
            let hint = hint
                .map(|hint| format!(". Hint: {hint}"))
                .unwrap_or_default();
            let _ = writeln!(std::io::stderr(), "Error: {message}{hint}");
            ExitCode::FAILURE
        }
    }
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(error.source(), |cause| cause.source())
        .fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
