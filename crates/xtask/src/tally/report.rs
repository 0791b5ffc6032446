//! The end of a test run: a table, what went wrong, what was skipped, one line to read.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::Context;

use super::leftovers;
use super::stage::Record;
use super::verdict::Verdict;
use super::{folder, run_id};

/// Fails without a word of its own: the sum is the last line.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    let mut records = records()?;
    records.push(leftovers_as_record(&run_id()?));
    let (text, failed) = render(&records);
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// All stages, in the order in which they ran.
fn records() -> anyhow::Result<Vec<Record>> {
    let folder = folder();
    let mut files: Vec<_> = fs::read_dir(&folder)
        .with_context(|| format!("failed to list `{}`", folder.display()))?
        .collect::<io::Result<Vec<_>>>()?
        .into_iter()
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    files.sort();
    files
        .iter()
        .map(|file| {
            let text =
                fs::read(file).with_context(|| format!("failed to read `{}`", file.display()))?;
            serde_json::from_slice(&text)
                .with_context(|| format!("failed to understand `{}`", file.display()))
        })
        .collect()
}

fn leftovers_as_record(id: &str) -> Record {
    let mut verdict = Verdict::default();
    for leftover in leftovers::end_all(id).into_iter().flatten() {
        verdict.add_problem(format!(
            "left running: {} (process {})",
            leftover.command, leftover.pid
        ));
    }
    Record {
        stage: "leftovers".to_owned(),
        seconds: 0,
        verdict,
    }
}

/// The text, and how many failures it tells of.
fn render(records: &[Record]) -> (String, u64) {
    let mut text = String::from("\nstage             passed  failed  skipped  seconds\n");
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for Record {
        stage,
        seconds,
        verdict,
    } in records
    {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(
            text,
            "{stage:<16} {:>7} {:>7} {:>8} {seconds:>8}",
            verdict.passed,
            verdict.failed,
            verdict.skipped.len()
        );
        passed += verdict.passed;
        failed += verdict.failed;
        skipped += verdict.skipped.len();
    }
    text.push('\n');
    for Record { stage, verdict, .. } in records {
        for problem in &verdict.problems {
            let _ = writeln!(text, "{stage}: {problem}");
        }
        for test in &verdict.skipped {
            let _ = writeln!(text, "{stage}: skipped {}: {}", test.test, test.reason);
        }
    }
    let _ = writeln!(text, "{passed} passed, {failed} failed, {skipped} skipped");
    (text, failed)
}

#[cfg(test)]
mod tests {
    use super::super::verdict::Skipped;
    use super::*;

    #[test]
    fn the_last_line_is_the_sum_and_every_skip_has_its_reason() {
        let rust = Verdict {
            passed: 40,
            skipped: vec![Skipped {
                test: "needs::postgres".into(),
                reason: "no server".into(),
            }],
            ..Verdict::default()
        };
        let mut lint = Verdict::default();
        lint.add_problem("the command failed");
        let records =
            [("lint", 3, lint), ("rust", 61, rust)].map(|(stage, seconds, verdict)| Record {
                stage: stage.to_owned(),
                seconds,
                verdict,
            });
        let (text, failed) = render(&records);
        assert_eq!(failed, 1);
        assert_eq!(
            text,
            "
stage             passed  failed  skipped  seconds
lint                   0       1        0        3
rust                  40       0        1       61

lint: the command failed
rust: skipped needs::postgres: no server
40 passed, 1 failed, 1 skipped
"
        );
    }
}
