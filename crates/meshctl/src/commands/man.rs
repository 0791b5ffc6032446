//! `meshctl man`.

use schemars::JsonSchema;
use serde::Serialize;

use super::Context;
use crate::error::{CliError, Kind};
use crate::manual::{self, TOPICS, Topic};
use crate::suggestion::did_you_mean;
use crate::table::Table;

/// Lines wider than this are hard to read.
const WIDEST: usize = 100;
/// How wide a page is that goes into a pipe.
const PIPED: usize = 80;
/// How many lines of a topic a search shows.
const MOST_LINES: usize = 3;

/// Read the manual
///
/// The pages are those of the documentation; they are part of this program, so they tell of this
/// release and need no network.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl man                       what a mesh is
  meshctl man jobs                  one topic
  meshctl man --list                all of them
  meshctl man --search 'required'   where something is told of
  meshctl man tags --raw            as Markdown")]
pub(crate) struct ManArgs {
    /// What to read about; the overview if absent
    #[arg(conflicts_with_all = ["list", "search"])]
    topic: Vec<String>,
    /// List all topics
    #[arg(short, long)]
    list: bool,
    /// Show the lines that hold all these words, up to three of each topic
    #[arg(short, long, value_name = "WORDS", conflicts_with = "list")]
    search: Option<String>,
    /// Print the page as Markdown
    #[arg(short, long, conflicts_with_all = ["list", "search"])]
    raw: bool,
    /// With `--list` or `--search`: as JSON
    #[arg(long, conflicts_with = "topic")]
    json: bool,
}

/// A topic as `--json` lists it.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Entry {
    topic: &'static str,
    aliases: &'static [&'static str],
    title: String,
    /// What was found, with `--search`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lines: Vec<String>,
}

impl Entry {
    fn new(topic: &'static Topic, lines: Vec<String>) -> Self {
        Self {
            topic: topic.name,
            aliases: topic.aliases,
            title: topic.title(),
            lines,
        }
    }
}

pub(crate) fn run(args: ManArgs, context: &mut Context) -> Result<(), CliError> {
    let ManArgs {
        topic,
        list,
        search,
        raw,
        json,
    } = args;
    if let Some(words) = search {
        return found(&words, json, context);
    }
    if list || json {
        return listed(json, context);
    }
    let wanted = topic.join("-");
    let wanted = if wanted.is_empty() {
        "overview"
    } else {
        &wanted
    };
    let Some(topic) = manual::find(wanted) else {
        let hint = did_you_mean(wanted, manual::names()).unwrap_or_else(|| {
            "`meshctl man --list` shows all topics, `--search WORDS` looks into them".to_owned()
        });
        let message = format!("the manual has no topic `{wanted}`");
        context.printer.error(&message, Some(&hint));
        // Scripts know it to end with 0.
        context.conclude(Kind::NotFound);
        return Ok(());
    };
    let markdown = topic.markdown();
    if raw {
        context.printer.result(markdown.trim_end())?;
        return Ok(());
    }
    let columns = context.printer.width().unwrap_or(PIPED).min(WIDEST);
    let page = manual::to_terminal(&markdown, columns);
    context.printer.result(page.trim_end())?;
    let related = manual::related(topic);
    if !related.is_empty() {
        let line = manual::to_terminal(&format!("See also: {}", related.join(", ")), columns);
        context
            .printer
            .result(format_args!("\n{}", line.trim_end()))?;
    }
    Ok(())
}

fn listed(json: bool, context: &mut Context) -> Result<(), CliError> {
    if json {
        let entries: Vec<Entry> = TOPICS
            .iter()
            .map(|topic| Entry::new(topic, Vec::new()))
            .collect();
        return context.printer.json(&entries);
    }
    let mut table = Table::new(&["TOPIC", "ABOUT", "ALSO"]).giving_way(&["ALSO", "ABOUT"]);
    for topic in &TOPICS {
        table.row(vec![
            topic.name.into(),
            topic.title().into(),
            topic.aliases.join(", ").into(),
        ]);
    }
    context.printer.table(&table)?;
    Ok(())
}

fn found(words: &str, json: bool, context: &mut Context) -> Result<(), CliError> {
    let mut entries = Vec::new();
    // A section's lines are those of its page.
    for topic in TOPICS.iter().filter(|topic| topic.section.is_none()) {
        let mut lines = manual::matching_lines(topic, words);
        lines.truncate(MOST_LINES);
        if !lines.is_empty() {
            entries.push(Entry::new(topic, lines));
        }
    }
    if entries.is_empty() {
        context.conclude(Kind::NotFound);
    }
    if json {
        return context.printer.json(&entries);
    }
    if entries.is_empty() {
        context
            .printer
            .result(format_args!("No page of the manual says `{words}`."))?;
    }
    for (index, entry) in entries.iter().enumerate() {
        if index > 0 {
            context.printer.result("")?;
        }
        context
            .printer
            .result(format_args!("{}: {}", entry.topic, entry.title))?;
        for line in &entry.lines {
            context.printer.result(format_args!("  {line}"))?;
        }
    }
    Ok(())
}
