//! `meshctl logs`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use tokio::time::sleep;

use super::Context;
use crate::error::{CliError, Kind};
use crate::home::Home;
use crate::log_file::{self, Follower, GENERATIONS};

/// How often a followed log is looked at.
const POLL: Duration = Duration::from_millis(50);

/// Show what an agent or the registry wrote
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl logs planner               the last 100 lines
  meshctl logs planner -f            and what follows
  meshctl logs planner -n 0          all of it
  meshctl logs planner -p            what it wrote when it ran the last time
  meshctl logs registry
  meshctl logs --list")]
pub(crate) struct LogsArgs {
    /// The agent, or `registry`
    #[arg(required_unless_present_any = ["list", "previous"])]
    agent: Option<String>,
    /// Go on with what is written from now on
    #[arg(short, long, conflicts_with = "previous")]
    follow: bool,
    /// How many of the last lines to show; 0 is all, or none with `--follow`
    #[arg(short = 'n', long, value_name = "LINES", default_value_t = 100)]
    tail: usize,
    /// Show the log of an earlier start, from 1 (the last one) to 4
    #[arg(short, long, value_name = "N", num_args = 0..=1, default_missing_value = "1")]
    previous: Option<String>,
    /// List the logs that there are
    #[arg(long, conflicts_with_all = ["agent", "follow", "previous"])]
    list: bool,
}

pub(crate) async fn run(args: LogsArgs, context: &mut Context) -> Result<(), CliError> {
    let LogsArgs {
        agent,
        follow,
        tail,
        previous,
        list,
    } = args;
    let home = Home::resolve(&context.environment)?;
    if list {
        return list_logs(&home, context);
    }
    let (agent, generation) = which(agent, previous)?;
    let path = match generation {
        0 => home.log(&agent),
        _ => home.previous_log(&agent, generation),
    };
    if !path.is_file() {
        return Err(
            CliError::new(format!("log file not found for agent '{agent}'"))
                .of_kind(Kind::NotFound)
                .hint("`meshctl logs --list` shows the logs that there are"),
        );
    }
    let unreadable =
        |error| CliError::new(format!("cannot read `{}`", path.display())).because(error);
    let follower = follow
        .then(|| Follower::from_end(&path))
        .transpose()
        .map_err(unreadable)?;
    let count = match (tail, follow) {
        (0, true) => Some(0),
        (0, false) => None,
        _ => Some(tail),
    };
    let lines = log_file::last_lines(&path, count).map_err(unreadable)?;
    context.printer.raw(&lines)?;
    if let Some(mut follower) = follower {
        loop {
            let new = follower.read().map_err(unreadable)?;
            context.printer.raw(&new)?;
            sleep(POLL).await;
        }
    }
    Ok(())
}

/// The agent and the generation. `-p` takes its number or leaves it out, so what follows it may
/// be the agent.
fn which(agent: Option<String>, previous: Option<String>) -> Result<(String, u8), CliError> {
    let generation = |text: &str| {
        text.parse()
            .ok()
            .filter(|number| (1..=GENERATIONS).contains(number))
    };
    match (agent, previous) {
        (Some(agent), None) => Ok((agent, 0)),
        (Some(agent), Some(previous)) => generation(&previous)
            .map(|generation| (agent, generation))
            .ok_or_else(|| {
                CliError::new(format!(
                    "`--previous {previous}` is not a number from 1 to {GENERATIONS}"
                ))
                .of_kind(Kind::Usage)
            }),
        (None, Some(agent)) if generation(&agent).is_none() => Ok((agent, 1)),
        (None, _) => Err(CliError::new("no agent was named")
            .of_kind(Kind::Usage)
            .hint("`meshctl logs --list` shows the logs that there are")),
    }
}

fn list_logs(home: &Home, context: &mut Context) -> Result<(), CliError> {
    let logs = found(&home.logs());
    if logs.is_empty() {
        context.printer.say("No logs yet")?;
    }
    for (name, log) in logs {
        let current = log.current.map_or("none".to_owned(), size);
        context.printer.result(format_args!(
            "{name} (current: {current}), {} previous",
            log.previous
        ))?;
    }
    Ok(())
}

#[derive(Debug, Default)]
struct Found {
    current: Option<u64>,
    previous: usize,
}

fn found(folder: &Path) -> BTreeMap<String, Found> {
    let mut logs: BTreeMap<String, Found> = BTreeMap::new();
    // A directory that is not there holds no logs.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let file_name = entry.file_name();
        let Some(stem) = file_name
            .to_str()
            .and_then(|name| name.strip_suffix(".log"))
        else {
            continue;
        };
        let earlier = stem.rsplit_once('.').filter(|(_, generation)| {
            generation
                .parse()
                .is_ok_and(|generation| (1..=GENERATIONS).contains(&generation))
        });
        if let Some((name, _)) = earlier {
            logs.entry(name.to_owned()).or_default().previous += 1;
        } else {
            let length = entry.metadata().map_or(0, |metadata| metadata.len());
            logs.entry(stem.to_owned()).or_default().current = Some(length);
        }
    }
    logs
}

/// A size for people: `812 B`, `1.2 KB`.
#[expect(
    clippy::cast_precision_loss,
    reason = "one digit after the point is shown"
)]
fn size(bytes: u64) -> String {
    const STEP: f64 = 1024.0;
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / STEP;
    for unit in ["KB", "MB", "GB"] {
        if value < STEP {
            return format!("{value:.1} {unit}");
        }
        value /= STEP;
    }
    format!("{value:.1} TB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_after_previous_may_be_left_out() {
        let which = |agent: Option<&str>, previous: Option<&str>| {
            which(agent.map(str::to_owned), previous.map(str::to_owned)).ok()
        };
        let a = |generation| Some(("a".to_owned(), generation));
        assert_eq!(which(Some("a"), None), a(0));
        assert_eq!(which(Some("a"), Some("3")), a(3));
        assert_eq!(which(None, Some("a")), a(1));
        assert_eq!(which(Some("a"), Some("5")), None);
        assert_eq!(which(None, Some("1")), None);
    }

    #[test]
    fn sizes_are_short() {
        assert_eq!(size(812), "812 B");
        assert_eq!(size(1229), "1.2 KB");
        assert_eq!(size(5 * 1024 * 1024), "5.0 MB");
    }
}
