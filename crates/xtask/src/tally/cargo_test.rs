//! Reads what `cargo test` prints: one summary for each test binary.

use super::verdict::{Skipped, Verdict};

/// Sums all summaries; a test binary that was started but gave none has died.
pub(super) fn read(lines: &[String]) -> Verdict {
    let mut verdict = Verdict::default();
    let mut running: Option<&str> = None;
    for line in lines {
        if let Some(binary) = started(line) {
            report_death(&mut verdict, running.replace(binary));
        } else if let Some((passed, failed)) = summary(line) {
            verdict.passed += passed;
            verdict.failed += failed;
            running = None;
        } else if let Some(skipped) = ignored(line) {
            verdict.skipped.push(skipped);
        }
    }
    report_death(&mut verdict, running);
    verdict
}

fn report_death(verdict: &mut Verdict, binary: Option<&str>) {
    if let Some(binary) = binary {
        verdict.add_problem(format!("`{binary}` died without a summary"));
    }
}

/// The binary that cargo says it starts.
fn started(line: &str) -> Option<&str> {
    let line = line.strip_prefix(' ')?.trim_start();
    line.strip_prefix("Running ")
        .or_else(|| line.starts_with("Doc-tests ").then_some(line))
}

/// `test result: ok. 12 passed; 0 failed; 1 ignored; …`
fn summary(line: &str) -> Option<(u64, u64)> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let count = |word: &str| {
        counts
            .split("; ")
            .find_map(|part| part.strip_suffix(word)?.trim_end().parse().ok())
    };
    Some((count("passed")?, count("failed")?))
}

/// `test NAME ... ignored, REASON`
fn ignored(line: &str) -> Option<Skipped> {
    let (test, outcome) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    let reason = outcome.strip_prefix("ignored")?;
    Some(Skipped {
        test: test.to_owned(),
        reason: reason.trim_start_matches(", ").trim().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(log: &str) -> Vec<String> {
        log.lines().map(str::to_owned).collect()
    }

    #[test]
    fn summaries_of_several_binaries_are_added() {
        let verdict = read(&lines(
            "
     Running unittests src/lib.rs (target/debug/deps/a-1)

running 3 tests
test one ... ok
test needs::postgres ... ignored, run by `make test-postgres`
test two ... FAILED

test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s

   Doc-tests a

running 2 tests
test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.20s
",
        ));
        assert_eq!((verdict.passed, verdict.failed), (3, 1));
        assert_eq!(
            verdict.skipped,
            [Skipped {
                test: "needs::postgres".into(),
                reason: "run by `make test-postgres`".into(),
            }]
        );
        assert!(verdict.problems.is_empty());
    }

    #[test]
    fn a_binary_that_dies_is_a_failure_wherever_it_stands() {
        let verdict = read(&lines(
            "
     Running tests/it/main.rs (target/debug/deps/it-1)
test one ... ok
error: test failed, to rerun pass `--test it`
     Running tests/other.rs (target/debug/deps/other-1)
test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s
     Running tests/last.rs (target/debug/deps/last-1)
",
        ));
        assert_eq!((verdict.passed, verdict.failed), (4, 2));
        assert_eq!(
            verdict.problems,
            [
                "`tests/it/main.rs (target/debug/deps/it-1)` died without a summary",
                "`tests/last.rs (target/debug/deps/last-1)` died without a summary",
            ]
        );
    }
}
