//! Which job may do what, after whom, and for how long: one table.
//!
//! The order is build all → assemble → rehearse → images → approve → sign → publish on GitHub → the
//! other channels → verify. A re-run of a published release fetches its bytes instead of building, so jobs
//! are skipped before others that must run: GitHub skips whatever stands behind a skipped job, unless its
//! condition calls `cancelled()` and looks at the results itself.

use anyhow::{Context, bail};

use super::document::Document;
use super::tree::{Map, Node};

/// What holds for one job.
pub(super) struct Policy {
    pub(super) job: &'static str,
    needs: &'static [&'static str],
    condition: Option<&'static str>,
    /// Until it is stopped; none for a called workflow, whose own jobs say.
    minutes: Option<i64>,
    /// Where its secrets are kept, and who must approve.
    environment: Option<&'static str>,
    /// Scope, level and why it is needed.
    permissions: &'static [(&'static str, &'static str, &'static str)],
}

const READ: (&str, &str, &str) = ("contents", "read", "check out");

/// Whether the release is on GitHub now, by this run or by an earlier one.
const PUBLISHED: &str = "${{ !cancelled() && needs.publish-github.result == 'success' }}";

/// Every job, in the order of the file. Images are built, scanned and tried from the files that will be
/// signed, and are published once those are; in a re-run they are no reason to hold back other channels.
pub(super) const POLICIES: [Policy; 13] = [
    Policy {
        job: "plan",
        needs: &[],
        condition: None,
        minutes: Some(20),
        environment: None,
        permissions: &[("contents", "read", "check out, look for the release")],
    },
    Policy {
        job: "fetch",
        needs: &["plan"],
        condition: Some("${{ needs.plan.outputs.source == 'release' }}"),
        minutes: Some(20),
        environment: None,
        permissions: &[("contents", "read", "check out, read the release")],
    },
    Policy {
        job: "build-binaries",
        needs: &["plan"],
        condition: Some("${{ needs.plan.outputs.source == 'build' }}"),
        minutes: None,
        environment: None,
        permissions: &[READ],
    },
    Policy {
        job: "build-wheels",
        needs: &["plan"],
        condition: Some("${{ needs.plan.outputs.source == 'build' }}"),
        minutes: None,
        environment: None,
        permissions: &[READ],
    },
    Policy {
        job: "assemble",
        needs: &["plan", "build-binaries", "build-wheels"],
        condition: None,
        minutes: Some(60),
        environment: None,
        permissions: &[READ],
    },
    Policy {
        job: "build-images",
        needs: &["plan", "fetch", "assemble"],
        condition: Some(
            "${{ !cancelled() && !fromJson(needs.plan.outputs.plan).lies && (needs.fetch.result == 'success' || needs.assemble.result == 'success') }}",
        ),
        minutes: None,
        environment: None,
        permissions: &[READ],
    },
    Policy {
        job: "release-gate",
        needs: &["plan", "fetch", "assemble", "build-images"],
        condition: Some(
            "${{ !cancelled() && needs.plan.outputs.publish == 'true' && (needs.fetch.result == 'success' || (needs.assemble.result == 'success' && needs.build-images.result == 'success')) }}",
        ),
        minutes: Some(5),
        environment: Some("release-gate"),
        permissions: &[],
    },
    Policy {
        job: "sign",
        needs: &["plan", "assemble", "release-gate"],
        condition: Some(
            "${{ !cancelled() && needs.release-gate.result == 'success' && needs.assemble.result == 'success' }}",
        ),
        minutes: Some(20),
        environment: Some("release"),
        permissions: &[
            READ,
            ("id-token", "write", "the identity that attests"),
            ("attestations", "write", "store the attestation"),
            ("artifact-metadata", "write", "record what was attested"),
        ],
    },
    Policy {
        job: "publish-github",
        needs: &["plan", "fetch", "release-gate", "sign"],
        condition: Some(
            "${{ !cancelled() && needs.release-gate.result == 'success' && (needs.fetch.result == 'success' || needs.sign.result == 'success') }}",
        ),
        minutes: Some(30),
        environment: Some("release"),
        permissions: &[("contents", "write", "create the release and its tag")],
    },
    Policy {
        job: "publish-pypi",
        needs: &["plan", "publish-github"],
        condition: Some(PUBLISHED),
        minutes: None,
        environment: None,
        permissions: &[("id-token", "write", "trusted publishing")],
    },
    Policy {
        job: "publish-images",
        needs: &["plan", "build-images", "publish-github"],
        condition: Some(
            "${{ !cancelled() && needs.publish-github.result == 'success' && needs.build-images.result == 'success' }}",
        ),
        minutes: None,
        environment: None,
        permissions: &[
            READ,
            ("packages", "write", "push to GitHub's registry"),
            ("id-token", "write", "the identity that attests"),
            ("attestations", "write", "store the attestation"),
            ("artifact-metadata", "write", "record what was attested"),
        ],
    },
    Policy {
        job: "publish-packages",
        needs: &["plan", "publish-github"],
        condition: Some(
            "${{ !cancelled() && needs.publish-github.result == 'success' && needs.plan.outputs.stable == 'true' }}",
        ),
        minutes: None,
        environment: None,
        permissions: &[READ],
    },
    Policy {
        job: "verify-release",
        needs: &[
            "plan",
            "publish-github",
            "publish-pypi",
            "publish-images",
            "publish-packages",
        ],
        condition: Some(PUBLISHED),
        minutes: None,
        environment: None,
        permissions: &[READ],
    },
];

/// Says who waits for whom, and under which condition a job runs.
pub(super) fn order(document: &mut Document) -> anyhow::Result<()> {
    each(document, |policy, job| {
        if !policy.needs.is_empty() {
            job.set("needs", Node::texts(policy.needs.iter().copied()));
        }
        match policy.condition {
            Some(condition) => job.set("if", condition),
            None => drop(job.remove("if")),
        }
    })
}

/// Nothing by default, and for each job what it needs.
pub(super) fn permit(document: &mut Document) -> anyhow::Result<()> {
    document.root().set("permissions", Map::default());
    each(document, |policy, job| {
        let permissions: Map = policy
            .permissions
            .iter()
            .map(|(scope, level, why)| {
                let level = Node::Remarked((*level).to_owned(), (*why).to_owned());
                ((*scope).to_owned(), level)
            })
            .collect();
        job.set("permissions", permissions);
    })
}

/// Jobs that hold a secret or may write run in an environment with rules of its own.
pub(super) fn protect(document: &mut Document) -> anyhow::Result<()> {
    each(document, |policy, job| match policy.environment {
        Some(environment) => job.set("environment", environment),
        None => drop(job.remove("environment")),
    })
}

/// Every job says where it runs and when it has hung.
pub(super) fn limit(document: &mut Document) -> anyhow::Result<()> {
    each(document, |policy, job| {
        if let Some(minutes) = policy.minutes {
            job.set("runs-on", "ubuntu-24.04");
            job.set("timeout-minutes", Node::Number(minutes));
        }
    })
}

/// Calls `change` with each job's policy. A job without policy and a policy without job are errors.
fn each(document: &mut Document, change: impl Fn(&Policy, &mut Map)) -> anyhow::Result<()> {
    document.each_job(|name, job| {
        let policy = POLICIES
            .iter()
            .find(|policy| policy.job == name)
            .context("nobody said what it may do; add it to `POLICIES`")?;
        if policy.minutes.is_none() && job.get("uses").is_none() {
            bail!("it has steps of its own, and no limit of minutes in `POLICIES`");
        }
        change(policy, job);
        Ok(())
    })?;
    for policy in &POLICIES {
        document.job(policy.job)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::named;
    use super::super::{guarded, plan};
    use super::*;

    /// All jobs, before any policy.
    fn complete() -> Document {
        let mut document = named();
        plan::plan_with_xtask(&mut document).unwrap();
        guarded::fetch_what_is_published(&mut document).unwrap();
        guarded::wait_for_approval(&mut document).unwrap();
        guarded::sign_and_attest(&mut document).unwrap();
        document
    }

    #[test]
    fn whoever_stands_behind_a_skipped_job_looks_at_results_itself() {
        // Skipped in a re-run or in a first run, themselves or because of what they wait for.
        let mut skipped = vec!["fetch", "build-binaries", "build-wheels", "assemble"];
        for policy in &POLICIES {
            let condition = policy.condition.unwrap_or_default();
            let behind = policy.needs.iter().any(|job| skipped.contains(job));
            if behind && policy.job != "assemble" {
                assert!(
                    condition.contains("!cancelled()"),
                    "{}: {condition}",
                    policy.job
                );
                skipped.push(policy.job);
            }
        }
        assert!(skipped.contains(&"verify-release"), "{skipped:?}");
    }

    #[test]
    fn what_failed_its_rehearsal_is_never_signed() {
        let sign = POLICIES.iter().find(|policy| policy.job == "sign").unwrap();
        let condition = sign.condition.unwrap();
        assert!(
            condition.contains("needs.assemble.result == 'success'"),
            "{condition}"
        );
    }

    #[test]
    fn images_that_fail_hold_back_what_is_not_published_yet() {
        let condition = |job: &str| {
            let policy = POLICIES.iter().find(|policy| policy.job == job).unwrap();
            policy.condition.unwrap()
        };
        let gate = condition("release-gate");
        assert!(
            gate.contains(
                "needs.assemble.result == 'success' && needs.build-images.result == 'success'"
            ),
            "{gate}"
        );
        let images = condition("publish-images");
        for job in ["build-images", "publish-github"] {
            assert!(
                images.contains(&format!("needs.{job}.result == 'success'")),
                "{images}"
            );
        }
    }

    #[test]
    fn a_condition_reads_only_jobs_that_are_waited_for() {
        for policy in &POLICIES {
            let condition = policy.condition.unwrap_or_default();
            for (at, _) in condition.match_indices("needs.") {
                let job = condition[at + "needs.".len()..].split('.').next().unwrap();
                assert!(policy.needs.contains(&job), "{} reads {job}", policy.job);
            }
        }
    }

    #[test]
    fn jobs_wait_for_jobs_that_stand_above_them() {
        for (number, policy) in POLICIES.iter().enumerate() {
            for job in policy.needs {
                let above = POLICIES[..number].iter().any(|other| other.job == *job);
                assert!(above, "{} waits for {job}", policy.job);
            }
        }
    }

    #[test]
    fn order_replaces_the_conditions_of_dist() {
        let mut document = complete();
        order(&mut document).unwrap();
        assert_eq!(document.job("assemble").unwrap().get("if"), None);
        let packages = document.job("publish-packages").unwrap();
        assert!(packages.text("if").unwrap().contains("outputs.stable"));
        assert_eq!(
            packages.get("needs"),
            Some(&Node::texts(["plan", "publish-github"]))
        );
    }

    #[test]
    fn nothing_is_permitted_unless_a_job_says_so() {
        let mut document = complete();
        permit(&mut document).unwrap();
        let top = document.root().get("permissions");
        assert_eq!(top, Some(&Node::Map(Map::default())));
        let gate = document.job("release-gate").unwrap().get("permissions");
        assert_eq!(gate, Some(&Node::Map(Map::default())));
        let Some(Node::Map(host)) = document.job("publish-github").unwrap().get("permissions")
        else {
            panic!("a job has permissions");
        };
        assert_eq!(host.text("contents"), Some("write"));
    }

    #[test]
    fn who_may_write_or_sign_is_in_an_environment() {
        let mut document = complete();
        protect(&mut document).unwrap();
        for policy in &POLICIES {
            let writes = policy
                .permissions
                .iter()
                .any(|(_, level, _)| *level == "write");
            if writes && policy.minutes.is_some() {
                let job = document.job(policy.job).unwrap();
                assert_eq!(job.text("environment"), Some("release"), "{}", policy.job);
            }
        }
        assert_eq!(
            document.job("release-gate").unwrap().text("environment"),
            Some("release-gate")
        );
    }

    #[test]
    fn every_job_with_steps_has_a_limit() {
        let mut document = complete();
        limit(&mut document).unwrap();
        document
            .each_job(|name, job| {
                let limited = job.get("timeout-minutes").is_some();
                assert_eq!(limited, job.get("uses").is_none(), "{name}");
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn a_job_that_nobody_thought_of_is_refused() {
        let mut document = complete();
        let jobs = document.jobs().unwrap();
        jobs.set("mine-coins", Node::literal("{steps: []}"));
        let error = format!("{:#}", permit(&mut document).unwrap_err());
        assert!(
            error.contains("`mine-coins`") && error.contains("POLICIES"),
            "{error}"
        );
    }
}
