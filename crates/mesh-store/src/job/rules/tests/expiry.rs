//! What becomes of a job when its time is up, or its owner is gone.

use super::*;

/// What happens to which job under which ceiling, at which second, why, and what it is then.
type Due<'a> = (
    &'a str,
    JobRow,
    Option<Duration>,
    i64,
    Expiry,
    &'a dyn Fn(&JobRow) -> bool,
);

#[test]
fn what_is_due_happens_and_nothing_before() {
    let hour = Some(Duration::from_hours(1));
    let deadline = |second: i64, job: JobRow| JobRow {
        total_deadline: Some(at(second).as_seconds()),
        ..job
    };
    let freed = |job: &JobRow| is_claimable(job) && job.claim_epoch > 0;
    let failed = |error: &'static str| {
        move |job: &JobRow| job.status == JobStatus::Failed && job.error.as_deref() == Some(error)
    };
    let lease = failed("lease expired: no completion within lease window");
    let late = failed("deadline_exceeded");
    let old =
        failed("stale: no total_deadline set and exceeded MCP_MESH_JOB_STALE_TIMEOUT (1h0m0s)");
    let input = JobRow {
        status: JobStatus::InputRequired,
        ..owned()
    };
    let cases: [Due<'_>; 9] = [
        ("a lease", owned(), None, 300, Expiry::Lease, &freed),
        (
            "a lease while input is awaited",
            input,
            None,
            300,
            Expiry::Lease,
            &freed,
        ),
        (
            "a last lease",
            owned_again(),
            None,
            300,
            Expiry::Lease,
            &lease,
        ),
        (
            "a deadline",
            deadline(100, owned()),
            None,
            100,
            Expiry::Deadline,
            &late,
        ),
        (
            "a deadline of a waiting job",
            deadline(100, waiting()),
            None,
            100,
            Expiry::Deadline,
            &late,
        ),
        (
            "both at once",
            deadline(100, owned()),
            hour,
            4000,
            Expiry::Deadline,
            &late,
        ),
        ("an age", waiting(), hour, 3600, Expiry::Stale, &old),
        (
            "an age of a pushed job",
            pushed(),
            hour,
            3600,
            Expiry::Stale,
            &old,
        ),
        (
            "an age and a lease",
            owned(),
            hour,
            3600,
            Expiry::Stale,
            &old,
        ),
    ];
    for (what, before, stale, due, why, becomes) in cases {
        let next = next_expiry(&before, stale).expect(what);
        assert!(next <= at(due), "{what}: {next}");
        let mut early = before.clone();
        assert_eq!(
            expire(&mut early, stale, next.before(Duration::from_nanos(1))),
            None,
            "{what}"
        );
        assert_eq!(early, before, "{what}");
        let mut job = before.clone();
        assert_eq!(expire(&mut job, stale, at(due)), Some(why), "{what}");
        assert!(becomes(&job), "{what}: {job:?}");
        assert_eq!(job.claim_epoch, before.claim_epoch, "{what}");
    }
}

#[test]
fn a_job_with_a_deadline_is_never_stale() {
    let mut job = JobRow {
        total_deadline: Some(at(9000).as_seconds()),
        ..waiting()
    };
    let stale = Some(Duration::from_secs(1));
    assert_eq!(expire(&mut job, stale, at(8000)), None);
    assert_eq!(
        next_expiry(&job, stale),
        Some(Timestamp::from_seconds(at(9000).as_seconds()))
    );
}

#[test]
fn the_limit_that_made_a_job_stale_is_named() {
    for (max_duration, stale, detail) in [
        (None, 90, "MCP_MESH_JOB_STALE_TIMEOUT (1m30s)"),
        (Some(45), 90, "MCP_MESH_JOB_STALE_TIMEOUT (1m30s)"),
        (Some(5400), 90, "max_duration (1h30m0s)"),
        (Some(7), 3, "max_duration (7s)"),
    ] {
        let mut job = JobRow {
            max_duration,
            ..waiting()
        };
        let expiry = expire(&mut job, Some(Duration::from_secs(stale)), at(99_999));
        assert_eq!(expiry, Some(Expiry::Stale));
        let detail = format!("no total_deadline set and exceeded {detail}");
        assert_eq!(job.error, Some(format!("stale: {detail}")));
        let payload: Value =
            serde_json::from_str(stale_event(&job).payload.unwrap().get()).unwrap();
        assert_eq!(payload, json!({"reason": "stale", "detail": detail}));
    }
}

#[test]
fn an_orphan_waits_again_or_fails_after_its_last_attempt() {
    let mut job = owned();
    assert_eq!(orphan(&mut job, at(9)), Some(Expiry::Orphaned));
    assert_eq!(job, freed());
    let mut last = owned_again();
    assert_eq!(orphan(&mut last, at(9)), Some(Expiry::Orphaned));
    assert_eq!(
        last.error.as_deref(),
        Some("orphaned: max retries exceeded")
    );
    assert_eq!(
        (last.status, last.finished_at),
        (JobStatus::Failed, Some(at(9)))
    );
    assert_eq!(orphan(&mut waiting(), at(9)), None);
}
