//! What one stage came to.

use serde::{Deserialize, Serialize};

use super::{cargo_test, pytest};

/// Which runner's closing lines a stage must show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Expect {
    /// Only the exit code counts
    ExitCode,
    /// One or more summaries of `cargo test`
    CargoTest,
    /// One summary of pytest
    Pytest,
}

/// A test that did not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Skipped {
    pub(super) test: String,
    /// Empty when the runner gave none, which is a failure of its own.
    pub(super) reason: String,
}

/// Numbers of one stage, and everything that is wrong with it.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Verdict {
    pub(super) passed: u64,
    pub(super) failed: u64,
    pub(super) skipped: Vec<Skipped>,
    pub(super) problems: Vec<String>,
}

impl Verdict {
    /// Counts something that went wrong outside of any test.
    pub(super) fn add_problem(&mut self, problem: impl Into<String>) {
        self.failed += 1;
        self.problems.push(problem.into());
    }
}

/// Judges a stage by its output and whether its command succeeded.
pub(super) fn judge(expect: Expect, succeeded: bool, output: &str) -> Verdict {
    let lines: Vec<String> = output.lines().map(without_colours).collect();
    let mut verdict = match expect {
        Expect::ExitCode => Verdict::default(),
        Expect::CargoTest => cargo_test::read(&lines),
        Expect::Pytest => pytest::read(&lines),
    };
    if expect != Expect::ExitCode && verdict.passed + verdict.failed == 0 {
        verdict.add_problem("no test ran");
    }
    let reasonless: Vec<_> = verdict
        .skipped
        .iter()
        .filter(|skipped| skipped.reason.is_empty())
        .map(|skipped| format!("`{}` is skipped without a reason", skipped.test))
        .collect();
    for problem in reasonless {
        verdict.add_problem(problem);
    }
    if !succeeded && verdict.failed == 0 {
        verdict.add_problem("the command failed");
    }
    verdict
}

/// Drops terminal escapes, which cargo writes when it is told to colour a pipe.
fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            // `ESC [ … letter`
            for escaped in characters.by_ref() {
                if escaped.is_ascii_alphabetic() {
                    break;
                }
            }
        } else {
            plain.push(character);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_command_without_a_failing_test_counts_as_one_failure() {
        let verdict = judge(Expect::ExitCode, false, "warning: something");
        assert_eq!(verdict.failed, 1);
        assert_eq!(verdict.problems, ["the command failed"]);
    }

    #[test]
    fn a_succeeding_command_counts_as_nothing() {
        assert_eq!(judge(Expect::ExitCode, true, ""), Verdict::default());
    }

    #[test]
    fn a_runner_that_ran_no_test_has_failed() {
        let log = "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out";
        let verdict = judge(Expect::CargoTest, true, log);
        assert_eq!(verdict.problems, ["no test ran"]);
    }

    #[test]
    fn colours_do_not_hide_a_summary() {
        let log = "test result: \u{1b}[32mok\u{1b}[0m. 2 passed; 0 failed; 0 ignored; 0 measured";
        assert_eq!(judge(Expect::CargoTest, true, log).passed, 2);
    }

    #[test]
    fn a_test_skipped_without_a_reason_is_a_failure() {
        let log = "test slow ... ignored\n\
                   test result: ok. 1 passed; 0 failed; 1 ignored; 0 measured";
        let verdict = judge(Expect::CargoTest, true, log);
        assert_eq!(verdict.failed, 1);
        assert_eq!(verdict.problems, ["`slow` is skipped without a reason"]);
    }
}
