//! `meshctl config`.

pub(super) mod effective;

use self::effective::Effective;
use super::Context;
use crate::error::CliError;
use crate::settings::{ConfigFile, ConfigKey};

/// Show and change what all commands assume
///
/// A flag counts more than a variable, a variable more than the file, the file more than the default.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl config show --origin
  meshctl config set registry_url http://mesh.example:8000
  meshctl config unset registry_url")]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, clap::Subcommand)]
enum ConfigCommand {
    /// Show the settings that are in effect
    Show(ShowArgs),
    /// Print where the configuration file is, whether it exists or not
    #[command(after_help = "Examples:
  meshctl config path")]
    Path,
    /// Print one setting that is in effect
    #[command(after_help = "Examples:
  meshctl config get registry_url")]
    Get {
        /// Its name, as `config show` prints it
        key: String,
    },
    /// Write a setting to the configuration file
    #[command(after_help = "Examples:
  meshctl config set registry_url http://mesh.example:8000
  meshctl config set log_level DEBUG")]
    Set {
        /// Its name, as `config show` prints it
        key: String,
        /// What it shall be
        value: String,
    },
    /// Remove a setting from the configuration file
    #[command(after_help = "Examples:
  meshctl config unset registry_url")]
    Unset {
        /// Its name
        key: String,
    },
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl config show
  meshctl config show --origin     and what each comes from")]
struct ShowArgs {
    /// How to print them
    #[arg(long, value_enum, default_value_t = Format::Yaml)]
    format: Format,
    /// Print JSON, as with `--format json`
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Say where each comes from
    #[arg(long)]
    origin: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Yaml,
    Json,
}

pub(crate) fn run(args: ConfigArgs, context: &mut Context) -> Result<(), CliError> {
    let file = ConfigFile::locate(&context.environment)?;
    match args.command {
        ConfigCommand::Show(ShowArgs {
            format,
            json,
            origin,
        }) => {
            mention_ignored(&file, context)?;
            let effective = Effective::of(&file, context)?;
            let json = json || format == Format::Json;
            match (json, origin) {
                (true, true) => context.printer.json(&effective.with_origins()),
                (true, false) => context.printer.json(&effective.values()),
                (false, _) => Ok(context.printer.result(effective.yaml(origin))?),
            }
        }
        ConfigCommand::Path => {
            mention_ignored(&file, context)?;
            Ok(context.printer.result(file.path().display())?)
        }
        ConfigCommand::Get { key } => {
            let effective = Effective::of(&file, context)?;
            let value = effective.value(&key)?;
            Ok(context.printer.result(value)?)
        }
        ConfigCommand::Set { key, value } => set(&file, &key, &value, context),
        ConfigCommand::Unset { key } => {
            let path = file.path().display().to_string();
            // Whatever it is called: a key that nobody knows is what has to go.
            if file.unset(&key)? {
                Ok(context
                    .printer
                    .say(format_args!("Removed `{key}` from {path}"))?)
            } else {
                Ok(context
                    .printer
                    .note(format_args!("`{key}` is not set in {path}"))?)
            }
        }
    }
}

fn set(file: &ConfigFile, key: &str, value: &str, context: &mut Context) -> Result<(), CliError> {
    let key = ConfigKey::named(key)?;
    file.set(key, value)?;
    let path = file.path().display();
    context
        .printer
        .say(format_args!("Set `{}` in {path}", key.name))?;
    if context.environment.get(key.variable).is_some() {
        context.printer.warn(format_args!(
            "`{}` is set, and counts more than the file",
            key.variable
        ))?;
    }
    Ok(())
}

fn mention_ignored(file: &ConfigFile, context: &mut Context) -> Result<(), CliError> {
    if let Some(ignored) = file.ignored() {
        context.printer.note(format_args!(
            "Note: `{}` is not read, as ever; `meshctl config set` writes `{}`",
            ignored.display(),
            file.path().display()
        ))?;
    }
    Ok(())
}
