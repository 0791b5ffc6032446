//! Reads what pytest prints when it is given `-rs --no-fold-skipped`.

use super::verdict::{Skipped, Verdict};

/// Reads the one closing line; without it the runner has died.
pub(super) fn read(lines: &[String]) -> Verdict {
    let mut verdict = Verdict::default();
    match lines.iter().rev().find_map(|line| summary(line)) {
        Some(counts) => {
            for (count, word) in counts {
                match word {
                    "passed" | "xpassed" => verdict.passed += count,
                    "failed" | "error" | "errors" => verdict.failed += count,
                    // Skipped ones are counted by their own lines; the rest is no test.
                    _ => {}
                }
            }
        }
        None => verdict.add_problem("pytest died without a summary"),
    }
    verdict.skipped = lines.iter().filter_map(|line| skipped(line)).collect();
    verdict
}

/// `=== 12 passed, 1 skipped, 2 warnings in 1.20s ===`; `-q` leaves the frame out.
fn summary(line: &str) -> Option<Vec<(u64, &str)>> {
    let (counts, took) = line.trim_matches(['=', ' ']).split_once(" in ")?;
    if !took.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    counts
        .split(", ")
        .map(|part| {
            let (count, word) = part.split_once(' ')?;
            Some((count.parse().ok()?, word))
        })
        .collect()
}

/// `SKIPPED path::test - Skipped: reason`
fn skipped(line: &str) -> Option<Skipped> {
    let rest = line.strip_prefix("SKIPPED ")?;
    let (test, reason) = rest.split_once(" - ").unwrap_or((rest, ""));
    Some(Skipped {
        test: test.to_owned(),
        reason: reason.trim_start_matches("Skipped: ").trim().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(log: &str) -> Vec<String> {
        log.lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_closing_line_is_read_and_skips_are_named() {
        let verdict = read(&lines(
            "\
python/tests/test_a.py ..s.                                            [100%]
=========================== short test summary info ============================
SKIPPED python/tests/test_a.py::test_uv - Skipped: uv is not on PATH
============== 3 passed, 1 failed, 1 skipped, 2 warnings in 1.20s ==============
",
        ));
        assert_eq!((verdict.passed, verdict.failed), (3, 1));
        assert_eq!(
            verdict.skipped,
            [Skipped {
                test: "python/tests/test_a.py::test_uv".into(),
                reason: "uv is not on PATH".into(),
            }]
        );
    }

    #[test]
    fn errors_outside_of_tests_are_failures() {
        let verdict = read(&lines("=== 2 passed, 1 error in 0.1s ==="));
        assert_eq!((verdict.passed, verdict.failed), (2, 1));
    }

    #[test]
    fn a_runner_without_a_closing_line_has_died() {
        let verdict = read(&lines("python/tests/test_a.py ..\nSegmentation fault"));
        assert_eq!(verdict.failed, 1);
        assert_eq!(verdict.problems, ["pytest died without a summary"]);
    }

    #[test]
    fn prose_that_looks_alike_is_no_summary() {
        assert_eq!(summary("registered 3 agents in 4 groups"), None);
        assert_eq!(summary("2 agents in all"), None);
    }
}
