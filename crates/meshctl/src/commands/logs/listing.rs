//! `meshctl logs --list`, and which logs there are.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::commands::Context;
use crate::error::CliError;
use crate::home::Home;
use crate::log_file::GENERATIONS;

pub(super) fn print(home: &Home, context: &mut Context) -> Result<(), CliError> {
    let logs = found(&home.logs());
    if logs.is_empty() {
        context.printer.say("No logs yet")?;
    }
    for (name, log) in logs {
        let current = log.current.map_or("none".to_owned(), size);
        context.printer.result(format_args!(
            "{name} (current: {current}), {} previous",
            log.earlier.len()
        ))?;
    }
    Ok(())
}

/// The logs of one process.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) current: Option<u64>,
    /// The numbers of those of earlier starts.
    pub(super) earlier: BTreeSet<u8>,
}

/// The logs in `folder`, by the name of the process.
pub(super) fn found(folder: &Path) -> BTreeMap<String, Found> {
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
        let earlier = stem.rsplit_once('.').and_then(|(name, generation)| {
            let generation = generation.parse().ok()?;
            (1..=GENERATIONS)
                .contains(&generation)
                .then_some((name, generation))
        });
        if let Some((name, generation)) = earlier {
            let log = logs.entry(name.to_owned()).or_default();
            log.earlier.insert(generation);
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
    fn sizes_are_short() {
        assert_eq!(size(812), "812 B");
        assert_eq!(size(1229), "1.2 KB");
        assert_eq!(size(5 * 1024 * 1024), "5.0 MB");
    }
}
