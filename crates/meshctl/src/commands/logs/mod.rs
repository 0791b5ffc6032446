//! `meshctl logs`.

mod listing;
mod reading;

use jiff::tz::TimeZone;
use mesh_core::Timestamp;

use super::Context;
use crate::error::{CliError, Kind};
use crate::home::Home;
use crate::log_file::{GENERATIONS, Window};
use crate::moment;
use crate::suggestion::did_you_mean;
use reading::Reading;

/// Show what an agent or the registry wrote
///
/// `--since` and `--until` take a span before now (`90s`, `10m`, `1.5h`, `2d`), a time today or, if it
/// has not come yet, yesterday (`14:05`, `14:05:30`), a date (`2026-11-23`), or both
/// (`"2026-11-23 14:05"`), in local time unless an offset says otherwise. A line counts as written
/// when it says so at its start; other lines belong to the line before them. Where `--since` reaches
/// back beyond the last start, the logs of earlier starts come first.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl logs planner               the last 100 lines
  meshctl logs planner -f            and what follows
  meshctl logs planner --since 10m   what it wrote in the last ten minutes, over restarts too
  meshctl logs planner --since 14:00 --until 14:05
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
    /// How many of the last lines to show; 0 is all, or none with `--follow` [default: 100, or all
    /// with `--since` or `--until`]
    #[arg(short = 'n', long, value_name = "LINES")]
    tail: Option<usize>,
    /// Show what was written since then
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Show what was written until then
    #[arg(long, value_name = "WHEN", conflicts_with = "follow")]
    until: Option<String>,
    /// Put the time before every line that does not start with one
    #[arg(long)]
    timestamps: bool,
    /// Show the log of an earlier start, from 1 (the last one) to 4
    #[arg(short, long, value_name = "N", num_args = 0..=1, default_missing_value = "1")]
    previous: Option<String>,
    /// List the logs that there are
    #[arg(long, conflicts_with_all = ["agent", "follow", "previous", "since", "until", "timestamps"])]
    list: bool,
}

/// How many of the last lines are shown if nobody says.
const TAIL: usize = 100;

pub(crate) async fn run(args: LogsArgs, context: &mut Context) -> Result<(), CliError> {
    let LogsArgs {
        agent,
        follow,
        tail,
        since,
        until,
        timestamps,
        previous,
        list,
    } = args;
    let home = Home::resolve(&context.environment)?;
    if list {
        return listing::print(&home, context);
    }
    let (agent, generation) = which(agent, previous)?;
    let agent = known(agent, &home)?;
    let path = match generation {
        0 => home.log(&agent),
        _ => home.previous_log(&agent, generation),
    };
    if !path.is_file() {
        return Err(missing(&agent).hint(instead(&agent, &home)));
    }
    let zone = TimeZone::system();
    let now = context.clock.now();
    let window = window(since, until, |text| moment::parse(text, &zone, now))?;
    let bounded = window.since.is_some() || window.until.is_some();
    let tail = match (tail, follow) {
        (Some(0), true) => Some(0),
        (Some(0), false) => None,
        (None, _) if bounded => None,
        (None, _) => Some(TAIL),
        (some, _) => some,
    };
    let reading = Reading {
        path: &path,
        is_current: generation == 0,
        zone: &zone,
        window,
        tail,
        timestamps,
    };
    let (file, lines) = if bounded || timestamps {
        reading.selected(context)?
    } else {
        reading.end(context)?
    };
    if follow {
        return reading.follow(file, context).await;
    }
    if lines == 0 && bounded {
        context.printer.note(format_args!(
            "no line in the logs of `{agent}` is from that time"
        ))?;
    }
    Ok(())
}

/// What the flags say about the time, read by `parse`.
fn window(
    since: Option<String>,
    until: Option<String>,
    parse: impl Fn(&str) -> Result<Timestamp, String>,
) -> Result<Window, CliError> {
    let read = |flag: &str, text: Option<String>| {
        text.map(|text| {
            parse(&text).map_err(|hint| {
                CliError::new(format!("`{flag} {text}` is not a point in time"))
                    .of_kind(Kind::Usage)
                    .hint(hint)
            })
        })
        .transpose()
    };
    let window = Window {
        since: read("--since", since)?,
        until: read("--until", until)?,
    };
    match (window.since, window.until) {
        (Some(since), Some(until)) if since > until => Err(CliError::new(
            "`--since` lies after `--until`: nothing can be in between",
        )
        .of_kind(Kind::Usage)
        .hint("spans count back from now: `--since 2h --until 1h` is the hour before the last")),
        _ => Ok(window),
    }
}

/// The name of the log that `wanted` means: an agent's name, a script's, or the id of an instance.
fn known(wanted: String, home: &Home) -> Result<String, CliError> {
    let logs = listing::found(&home.logs());
    let path = home.log(&wanted);
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    if stem.is_some_and(|stem| logs.contains_key(stem)) {
        return Ok(wanted);
    }
    // An id is a name with a random end.
    let name = wanted.rsplit_once('-').filter(|(name, end)| {
        end.len() == 8 && end.bytes().all(|b| b.is_ascii_hexdigit()) && logs.contains_key(*name)
    });
    if let Some((name, _)) = name {
        return Ok(name.to_owned());
    }
    Err(missing(&wanted).hint(
        did_you_mean(&wanted, logs.keys().map(String::as_str))
            .unwrap_or_else(|| "`meshctl logs --list` shows the logs that there are".to_owned()),
    ))
}

fn missing(agent: &str) -> CliError {
    CliError::new(format!("log file not found for agent '{agent}'")).of_kind(Kind::NotFound)
}

/// Which logs of `agent` there are instead of the one that is not.
fn instead(agent: &str, home: &Home) -> String {
    let stem = home.log(agent);
    let stem = stem.file_stem().and_then(|stem| stem.to_str());
    let logs = listing::found(&home.logs());
    let earlier: Vec<String> = stem
        .and_then(|stem| logs.get(stem))
        .map(|found| found.earlier.iter().map(u8::to_string).collect())
        .unwrap_or_default();
    let there = match earlier.as_slice() {
        [] => "there is none of an earlier start".to_owned(),
        [one] => format!("one earlier start has a log, `-p {one}`"),
        [first, .., last] => format!(
            "{} earlier starts have logs, `-p {first}` to `-p {last}`",
            earlier.len()
        ),
    };
    format!("{there}; `meshctl logs --list` shows the logs that there are")
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
}
