//! What a rehearsal proved: a line per step while it runs, a table at the end.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use serde::Serialize;

use crate::release::say;

/// How much of a row really happened.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "lowercase", tag = "kind", content = "why")]
pub(super) enum Reality {
    /// With the real thing, from one end to the other.
    Real,
    /// Something stood in for the real thing, named here.
    Faked(String),
    /// Not tried here, for the reason given.
    Left(String),
    /// It was tried and failed.
    Failed(String),
}

/// A row of the table.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    channel: String,
    proven: String,
    how: String,
    reality: Reality,
}

impl Row {
    pub(super) fn real(channel: &str, proven: impl Into<String>, how: impl Into<String>) -> Self {
        Self {
            channel: channel.to_owned(),
            proven: proven.into(),
            how: how.into(),
            reality: Reality::Real,
        }
    }

    /// The same, but for the part of reality that `stand_in` names.
    pub(super) fn but_for(self, stand_in: impl Into<String>) -> Self {
        Self {
            reality: Reality::Faked(stand_in.into()),
            ..self
        }
    }

    pub(super) fn left(channel: &str, why: impl Into<String>) -> Self {
        Self {
            reality: Reality::Left(why.into()),
            ..Self::real(channel, "", "")
        }
    }

    fn failed(channel: &str, why: impl Into<String>) -> Self {
        Self {
            reality: Reality::Failed(why.into()),
            ..Self::real(channel, "", "")
        }
    }
}

/// Collects rows; a step that fails is a row too.
#[derive(Debug, Default)]
pub(super) struct Report {
    rows: Vec<Row>,
}

impl Report {
    /// Runs a step and shows how it went. A failure does not stop the steps that do not need it.
    pub(super) fn step(
        &mut self,
        name: &str,
        step: impl FnOnce() -> anyhow::Result<Vec<Row>>,
    ) -> bool {
        let before = Instant::now();
        say(format_args!("==> {name}"));
        let outcome = step();
        let seconds = before.elapsed().as_secs_f64();
        match outcome {
            Ok(rows) => {
                say(format_args!("    ok, {seconds:.1} s"));
                self.rows.extend(rows);
                true
            }
            Err(error) => {
                say(format_args!("    FAILED, {seconds:.1} s: {error:#}"));
                let summary = format!("{error:#}");
                let line = summary.lines().next().unwrap_or_default().to_owned();
                self.rows.push(Row::failed(name, line));
                false
            }
        }
    }

    /// Adds a row that no step brings.
    pub(super) fn note(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// The channels that failed.
    pub(super) fn failures(&self) -> Vec<&str> {
        self.rows
            .iter()
            .filter(|row| matches!(row.reality, Reality::Failed(_)))
            .map(|row| row.channel.as_str())
            .collect()
    }

    /// The whole as a Markdown table.
    pub(super) fn table(&self) -> String {
        let mut table =
            "| channel | what was proven | how | real or faked |\n|---|---|---|---|\n".to_owned();
        for row in &self.rows {
            let reality = match &row.reality {
                Reality::Real => "real".to_owned(),
                Reality::Faked(stand_in) => format!("faked: {stand_in}"),
                Reality::Left(why) => format!("not here: {why}"),
                Reality::Failed(why) => format!("FAILED: {why}"),
            };
            // Writing to a string cannot fail.
            let _ = writeln!(
                table,
                "| {} | {} | {} | {} |",
                row.channel,
                row.proven.replace('|', "\\|"),
                row.how.replace('|', "\\|"),
                reality.replace('|', "\\|")
            );
        }
        table
    }

    /// Leaves the table, and the same as JSON, in `folder` under `name`.
    pub(super) fn save(&self, folder: &Path, name: &str) -> anyhow::Result<()> {
        for (ending, text) in [
            ("md", self.table()),
            ("json", serde_json::to_string_pretty(&self.rows)?),
        ] {
            let path = folder.join(format!("{name}.{ending}"));
            std::fs::write(&path, text)
                .with_context(|| format!("failed to write `{}`", path.display()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_is_a_row_and_the_next_ones_run() {
        let mut report = Report::default();
        assert!(!report.step("wheel", || anyhow::bail!("no wheel\nfound")));
        assert!(report.step("formula", || Ok(vec![
            Row::real("formula", "evaluated", "by ruby"),
            Row::real("brew", "installed", "by hand").but_for("a harness"),
            Row::left("images", "later"),
        ])));
        assert_eq!(report.failures(), ["wheel"]);
        assert_eq!(
            report.table(),
            "\
| channel | what was proven | how | real or faked |
|---|---|---|---|
| wheel |  |  | FAILED: no wheel |
| formula | evaluated | by ruby | real |
| brew | installed | by hand | faked: a harness |
| images |  |  | not here: later |
"
        );
    }
}
