//! The same order in every part, so that a change of one line is a change of one line.

use super::document::Document;
use super::policy::POLICIES;

const ROOT: [&str; 5] = ["name", "on", "permissions", "concurrency", "jobs"];

const JOB: [&str; 13] = [
    "name",
    "needs",
    "if",
    "runs-on",
    "timeout-minutes",
    "environment",
    "permissions",
    "outputs",
    "env",
    "uses",
    "with",
    "secrets",
    "steps",
];

const STEP: [&str; 8] = ["name", "id", "if", "uses", "with", "shell", "env", "run"];

/// Arranges jobs as they follow each other, and keys as people expect them.
pub(super) fn arrange(document: &mut Document) -> anyhow::Result<()> {
    document.root().arrange(&ROOT)?;
    document
        .jobs()?
        .arrange(&POLICIES.map(|policy| policy.job))?;
    document.each_job(|_, job| job.arrange(&JOB))?;
    document.each_step(|_, step| step.arrange(&STEP))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_stand_as_they_follow_each_other() {
        let mut document = Document::parse(
            "{jobs: {sign: {steps: [{run: b, id: a}]}, plan: {if: c, name: d}}, name: e}",
        )
        .unwrap();
        arrange(&mut document).unwrap();
        assert_eq!(
            document.to_yaml("").unwrap(),
            "\nname: e\n\njobs:\n  plan:\n    name: d\n    if: c\n\n  sign:\n    steps:\n      - id: a\n        run: b\n"
        );
    }

    #[test]
    fn a_key_without_a_place_is_refused() {
        let mut document = Document::parse("{jobs: {plan: {strategy: {}}}}").unwrap();
        let error = format!("{:#}", arrange(&mut document).unwrap_err());
        assert!(
            error.contains("`plan`") && error.contains("`strategy`"),
            "{error}"
        );
    }
}
