//! The table that people read and the JSON that stays.

use std::fmt;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use mesh_core::{Clock, Timestamp};
use serde::Serialize;
use serde_json::Value;

/// One figure.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// Whose: `ours` or `upstream`.
    pub(crate) subject: &'static str,
    /// What was measured.
    pub(crate) figure: String,
    /// The value, with its unit.
    pub(crate) measured: String,
    /// What it is compared with, with its unit.
    pub(crate) yardstick: Option<String>,
    /// The value divided by the yardstick.
    pub(crate) ratio: Option<f64>,
    /// What it should be; nothing when the figure is there for scale.
    pub(crate) target: Option<String>,
    /// Whether it is.
    pub(crate) met: Option<bool>,
    /// What belongs beside it: throughput, latencies, bytes.
    pub(crate) beside: String,
    /// The numbers it was made from.
    pub(crate) raw: Value,
}

/// All figures of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    time: Timestamp,
    version: &'static str,
    cores: usize,
    rows: Vec<Row>,
}

impl Report {
    /// An empty report of now.
    pub(crate) fn new(clock: &Clock) -> Self {
        Self {
            time: clock.now(),
            version: mesh_core::VERSION,
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            rows: Vec::new(),
        }
    }

    /// Adds a figure.
    pub(crate) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// The run's time, as a file is called after it.
    pub(crate) fn file_stem(&self) -> String {
        let text = self.time.to_string();
        text.split('.')
            .next()
            .unwrap_or(&text)
            .trim_end_matches('Z')
            .replace(':', "-")
    }

    /// Writes the figures as JSON.
    pub(crate) fn keep(&self, path: &Path) -> anyhow::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)
                .with_context(|| format!("failed to create `{}`", folder.display()))?;
        }
        fs::write(path, serde_json::to_vec_pretty(self)?)
            .with_context(|| format!("failed to write `{}`", path.display()))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines =
            vec![["figure", "measured", "yardstick", "ratio", "target", ""].map(str::to_owned)];
        for row in &self.rows {
            lines.push([
                match row.subject {
                    "ours" => row.figure.clone(),
                    other => format!("({other}) {}", row.figure),
                },
                row.measured.clone(),
                row.yardstick.clone().unwrap_or_default(),
                row.ratio
                    .map(|ratio| format!("{ratio:.2}"))
                    .unwrap_or_default(),
                row.target.clone().unwrap_or_default(),
                match row.met {
                    Some(true) => "met",
                    Some(false) => "MISSED",
                    None => "",
                }
                .to_owned(),
            ]);
        }
        let mut widths = [0; 6];
        for line in &lines {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for (index, line) in lines.iter().enumerate() {
            for (width, cell) in widths.iter().zip(line) {
                write!(f, "{cell:width$}  ")?;
            }
            writeln!(
                f,
                "{}",
                index
                    .checked_sub(1)
                    .map_or("", |row| &self.rows[row].beside)
            )?;
        }
        Ok(())
    }
}

/// A duration in the unit that suits it.
pub(crate) fn show(duration: Duration) -> String {
    let micros = duration.as_secs_f64() * 1e6;
    match micros {
        m if m < 1_000.0 => format!("{m:.1} µs"),
        m if m < 1_000_000.0 => format!("{:.1} ms", m / 1e3),
        m => format!("{:.2} s", m / 1e6),
    }
}

/// A number of bytes in the unit that suits it.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(crate) fn show_bytes(bytes: u64) -> String {
    match bytes as f64 {
        b if b < 1e6 => format!("{:.1} kB", b / 1e3),
        b => format!("{:.1} MB", b / 1e6),
    }
}

/// The one in the middle; of an even number, the lower of the two.
pub(crate) fn median(durations: &[Duration]) -> Duration {
    percentile(durations, 50)
}

/// The shortest that `percent` of them do not exceed.
pub(crate) fn percentile(durations: &[Duration], percent: usize) -> Duration {
    let mut sorted = durations.to_vec();
    sorted.sort_unstable();
    let index = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(index).copied().unwrap_or_default()
}

/// How many times `yardstick` fits into `measured`.
pub(crate) fn ratio(measured: Duration, yardstick: Duration) -> f64 {
    measured.as_secs_f64() / yardstick.as_secs_f64().max(1e-9)
}

/// In microseconds, for the JSON.
pub(crate) fn micros(durations: &[Duration]) -> Vec<f64> {
    durations
        .iter()
        .map(|duration| duration.as_secs_f64() * 1e6)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_shown_in_their_unit() {
        assert_eq!(show(Duration::from_nanos(6_240)), "6.2 µs");
        assert_eq!(show(Duration::from_micros(15_300)), "15.3 ms");
        assert_eq!(show(Duration::from_millis(2_346)), "2.35 s");
        assert_eq!(
            median(&[3, 1, 2].map(Duration::from_secs)),
            Duration::from_secs(2)
        );
    }

    #[test]
    fn a_percentile_is_one_of_those_measured() {
        let seconds: Vec<_> = (1..=200).rev().map(Duration::from_secs).collect();
        assert_eq!(percentile(&seconds, 99), Duration::from_secs(198));
        assert_eq!(percentile(&seconds, 50), Duration::from_secs(100));
        assert_eq!(percentile(&seconds[..1], 99), Duration::from_secs(200));
        assert_eq!(percentile(&[], 99), Duration::ZERO);
    }
}
