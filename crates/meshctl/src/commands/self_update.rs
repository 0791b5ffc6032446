//! `meshctl self update`.

use std::time::{Duration, Instant};

use mesh_client::releases::{Progress, VersionRequest};
use mesh_core::Hint as _;
use serde::Serialize;

use super::Context;
use crate::error::{CliError, one_line, root_cause};
use crate::home::Home;
use crate::printer::Printer;
use crate::self_update::{Check, Event, Outcome, Program, ReleaseKey, UpdateError, Updater};

/// Held while an installation is replaced.
const LOCK: &str = "self-update.lock";
/// How often the progress of a download is shown anew.
const REFRESH: Duration = Duration::from_millis(100);

/// Look after this program itself
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl self update --check     is there a newer release?
  meshctl self update             install it")]
pub(crate) struct SelfArgs {
    #[command(subcommand)]
    command: SelfCommand,
}

#[derive(Debug, clap::Subcommand)]
enum SelfCommand {
    Update(UpdateArgs),
}

/// Replace this installation by the newest release
///
/// The release is verified before anything of it runs: its signature by the key that this program
/// was built with, and every file by its signed checksum. If it fails, the old version is kept. What
/// was installed by a package manager is upgraded by that; the command is named.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl self update --check             is there a newer release?
  meshctl self update                     install it
  meshctl self update --version 4.1.0     another one, older ones too")]
struct UpdateArgs {
    /// Only say whether there is a newer release, and what brings it
    #[arg(long, conflicts_with = "release")]
    check: bool,
    /// Install this version instead, older ones too: `4.1.0`, or the newest of `4.1` or `4`
    #[arg(long = "version", value_name = "VERSION")]
    release: Option<VersionRequest>,
    /// Print the result of `--check` as JSON
    #[arg(long, requires = "check")]
    json: bool,
    /// Print errors only
    #[arg(short, long)]
    quiet: bool,
}

/// What `--check --json` prints.
#[derive(Serialize, schemars::JsonSchema)]
pub(super) struct Report<'a> {
    current: String,
    latest: String,
    update_available: bool,
    installed_by: &'static str,
    /// Nothing where that is not a command for this machine, as in a container.
    upgrade_command: Option<&'a str>,
}

pub(crate) async fn run(args: SelfArgs, context: &mut Context) -> Result<(), CliError> {
    let SelfArgs {
        command: SelfCommand::Update(args),
    } = args;
    let UpdateArgs {
        check,
        release,
        json,
        quiet,
    } = args;
    context.quiet(quiet);
    let program = Program::of_process(context.program.as_deref())?;
    let updater = Updater {
        // Who has no home, as some users of containers, may look for a release all the same.
        lock_file: Home::resolve(&context.environment).map_or_else(
            |_| program.path.with_file_name(LOCK),
            |home| home.root().join(LOCK),
        ),
        program,
        environment: context.environment.clone(),
        key: ReleaseKey::compiled_in()?,
    };
    if check {
        let check = updater.check().await?;
        return print_check(&check, json, &mut context.printer);
    }
    let request = release.unwrap_or(VersionRequest::Latest);
    let asks_for_newest = request == VersionRequest::Latest;
    let mut reporter = Reporter::new(&mut context.printer);
    let outcome = updater
        .update(&request, &mut |event| reporter.report(event))
        .await;
    reporter.finish()?;
    match outcome? {
        Outcome::Current { current, found } if asks_for_newest => {
            context.printer.say(newest(&current, &found))?;
        }
        Outcome::Current { current, .. } => {
            context
                .printer
                .say(format_args!("meshctl {current} is installed already"))?;
        }
        Outcome::Updated { from, to, folder } => {
            let folder = folder.display();
            let change = if to < from { "Downgraded" } else { "Updated" };
            context.printer.say(format_args!(
                "{change} meshctl {from} to {to} in `{folder}`"
            ))?;
            context
                .printer
                .note("A registry that runs stays at its version until it is restarted")?;
        }
    }
    Ok(())
}

fn print_check(check: &Check, json: bool, printer: &mut Printer) -> Result<(), CliError> {
    let available = check.update_available();
    let Check {
        current,
        latest,
        origin,
        upgrade_command,
    } = check;
    if json {
        let report = Report {
            current: current.to_string(),
            latest: latest.to_string(),
            update_available: available,
            installed_by: origin.name(),
            upgrade_command: upgrade_command.as_deref(),
        };
        let text = serde_json::to_string_pretty(&report)
            .map_err(|error| CliError::new("cannot write JSON").because(error))?;
        printer.result(text)?;
        return Ok(());
    }
    if !available {
        printer.result(newest(current, latest))?;
        return Ok(());
    }
    printer.result(format_args!(
        "meshctl {latest} is available; this is {current}"
    ))?;
    match upgrade_command {
        Some(command) => printer.note(format_args!("Upgrade with `{command}`"))?,
        None => printer.note("Pull the newer image and start the container again")?,
    }
    Ok(())
}

fn newest(current: &semver::Version, latest: &semver::Version) -> String {
    if current > latest {
        format!("meshctl {current} is newer than the newest release, {latest}")
    } else {
        format!("meshctl {current} is the newest")
    }
}

/// Shows what happens.
struct Reporter<'a> {
    printer: &'a mut Printer,
    shown: Option<Instant>,
    /// Output failed; the update goes on, and says so at its end.
    failure: Option<std::io::Error>,
}

impl<'a> Reporter<'a> {
    fn new(printer: &'a mut Printer) -> Self {
        Self {
            printer,
            shown: None,
            failure: None,
        }
    }

    fn report(&mut self, event: Event) {
        let result = match event {
            Event::Found { from, to } => self
                .printer
                .note(format_args!("Updating meshctl {from} to {to}")),
            Event::Downloading { name, progress } => self.download(&name, progress),
            Event::Installing => self.printer.progress(None),
        };
        if let Err(error) = result {
            self.failure.get_or_insert(error);
        }
    }

    fn download(&mut self, name: &str, progress: Progress) -> std::io::Result<()> {
        let complete = progress.expected == Some(progress.received);
        let recent = self.shown.is_some_and(|shown| shown.elapsed() < REFRESH);
        if recent && !complete {
            return Ok(());
        }
        self.shown = Some(Instant::now());
        self.printer.progress(Some(&line(name, progress)))
    }

    fn finish(self) -> Result<(), CliError> {
        self.printer.progress(None)?;
        self.failure.map_or(Ok(()), |error| Err(error.into()))
    }
}

/// `mcp-mesh-….tar.gz  3.1 of 9.8 MB  31 %`
fn line(name: &str, Progress { received, expected }: Progress) -> String {
    // Tenths of a megabyte.
    let tenths = |bytes: u64| {
        let tenths = bytes / 100_000;
        format!("{}.{}", tenths / 10, tenths % 10)
    };
    match expected {
        Some(expected) if expected > 0 => format!(
            "{name}  {} of {} MB  {} %",
            tenths(received),
            tenths(expected),
            received * 100 / expected
        ),
        _ => format!("{name}  {} MB", tenths(received)),
    }
}

/// The update names the operation, the place and the cure itself.
impl From<UpdateError> for CliError {
    fn from(error: UpdateError) -> Self {
        let hint = error.hint().map(std::borrow::Cow::into_owned);
        let mut failure = Self::new(one_line(&error.to_string())).details(error.details().to_vec());
        if let Some(cause) = root_cause(&error) {
            failure = failure.because(cause);
        }
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_one_line() {
        let at = |received, expected| line("a.tar.gz", Progress { received, expected });
        assert_eq!(
            at(3_140_000, Some(9_800_000)),
            "a.tar.gz  3.1 of 9.8 MB  32 %"
        );
        assert_eq!(at(3_140_000, None), "a.tar.gz  3.1 MB");
        assert_eq!(at(0, Some(0)), "a.tar.gz  0.0 MB");
    }
}
