//! The rules as tables: each row is a job, what happens to it, and what becomes of it.

mod expiry;

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_nanos(1_790_000_000_250_000_000 + second * 1_000_000_000)
}

fn new() -> NewJob {
    NewJob {
        id: "job".to_owned(),
        capability: "render".to_owned(),
        submitted_payload: RawValue::from_string("{}".to_owned()).unwrap(),
        submitted_by: "cli".to_owned(),
        max_retries: 1,
        max_duration: None,
        total_deadline: None,
        owner: None,
    }
}

fn waiting() -> JobRow {
    create(&new(), at(0))
}

/// Claimed by `worker` at second 0, so under epoch 1 and leased until 300.
fn owned() -> JobRow {
    let mut job = waiting();
    assert!(claim(&mut job, "worker", at(0)));
    job
}

fn ended(status: JobStatus) -> JobRow {
    let mut job = owned();
    finish(&mut job, status, at(1));
    job
}

/// Claimed and lost, then claimed again: epoch 2, the last attempt.
fn owned_again() -> JobRow {
    let mut job = owned();
    reset(&mut job);
    assert!(claim(&mut job, "worker", at(0)));
    job
}

fn freed() -> JobRow {
    let mut job = owned();
    reset(&mut job);
    job
}

fn pushed() -> JobRow {
    let new = NewJob {
        owner: Some("worker".to_owned()),
        ..new()
    };
    create(&new, at(0))
}

fn delta(claim_epoch: Option<i64>, status: Option<&str>) -> JobDelta {
    JobDelta {
        id: "job".to_owned(),
        claim_epoch,
        status: status.map(str::to_owned),
        ..JobDelta::default()
    }
}

/// Sends `status` to `job` as `sender` under `epoch`: what is said, and that a refusal changes nothing.
fn sent(job: &JobRow, sender: &str, epoch: Option<i64>, status: Option<&str>) -> &'static str {
    let mut after = job.clone();
    match apply_delta(&mut after, sender, &delta(epoch, status), at(9)) {
        Ok(()) => {
            assert_eq!(after.last_heartbeat_at, Some(at(9)));
            "accepted"
        }
        Err(rejection) => {
            assert_eq!(&after, job);
            rejection.as_str()
        }
    }
}

#[test]
fn a_delta_is_refused_for_the_first_reason_that_holds() {
    let done = ended(JobStatus::Completed);
    let odd = Some("odd");
    for (job, sender, epoch, status, said) in [
        (&owned(), "worker", Some(1), None, "accepted"),
        (&owned(), "worker", None, None, "accepted"),
        (&owned_again(), "worker", Some(2), None, "accepted"),
        (&pushed(), "worker", Some(0), None, "accepted"),
        (&pushed(), "worker", None, None, "accepted"),
        (&owned_again(), "worker", Some(1), None, "claim_superseded"),
        (&owned(), "worker", Some(2), None, "claim_superseded"),
        (&owned(), "thief", Some(1), None, "claim_superseded"),
        (&owned(), "thief", None, None, "not_owner"),
        (&freed(), "worker", Some(1), None, "claim_superseded"),
        (&freed(), "worker", None, None, "not_owner"),
        (&done, "worker", Some(1), None, "already_terminal"),
        (&done, "worker", None, None, "already_terminal"),
        (&done, "worker", Some(7), None, "claim_superseded"),
        (&done, "thief", None, odd, "not_owner"),
        (&done, "worker", Some(1), odd, "already_terminal"),
        (&owned(), "thief", Some(1), odd, "claim_superseded"),
        (&owned(), "worker", Some(1), odd, "invalid_status"),
        (&owned(), "worker", None, Some("FAILED"), "invalid_status"),
    ] {
        let case = format!("{sender} sends {status:?} under {epoch:?} to {job:?}");
        assert_eq!(sent(job, sender, epoch, status), said, "{case}");
    }
}

#[test]
fn a_delta_writes_what_it_says_and_no_more() {
    let mut job = owned();
    let report = JobDelta {
        progress: Some(0.25),
        progress_message: Some("quarter".to_owned()),
        error: Some("not failed".to_owned()),
        ..delta(Some(1), None)
    };
    apply_delta(&mut job, "worker", &report, at(10)).unwrap();
    let expected = JobRow {
        progress: Some(0.25),
        progress_message: Some("quarter".to_owned()),
        lease_expires_at: Some(at(310)),
        last_heartbeat_at: Some(at(10)),
        ..owned()
    };
    assert_eq!(job, expected);

    apply_delta(
        &mut job,
        "worker",
        &delta(Some(1), Some("input_required")),
        at(20),
    )
    .unwrap();
    assert_eq!(job.status, JobStatus::InputRequired);
    assert_eq!(job.progress, Some(0.25));
    apply_delta(&mut job, "worker", &delta(Some(1), Some("working")), at(30)).unwrap();
    assert_eq!(
        (job.status, job.lease_expires_at),
        (JobStatus::Working, Some(at(330)))
    );
}

#[test]
fn a_last_delta_keeps_owner_and_lease() {
    for (status, error, kept) in [
        ("completed", Some("why"), None),
        ("failed", Some("why"), Some("why")),
        ("failed", None, None),
        ("cancelled", Some("why"), None),
    ] {
        let mut job = owned();
        let last = JobDelta {
            error: error.map(str::to_owned),
            ..delta(Some(1), Some(status))
        };
        apply_delta(&mut job, "worker", &last, at(10)).unwrap();
        let expected = JobRow {
            status: JobStatus::parse(status).unwrap(),
            error: kept.map(str::to_owned),
            finished_at: Some(at(10)),
            last_heartbeat_at: Some(at(10)),
            ..owned()
        };
        assert_eq!(job, expected, "{status}");
    }
}

#[test]
fn a_cursor_only_grows_also_with_the_last_delta() {
    let cursor = |entries: &[(&str, i64)]| -> BTreeMap<String, i64> {
        entries
            .iter()
            .map(|(kind, seq)| ((*kind).to_owned(), *seq))
            .collect()
    };
    let mut job = owned();
    for (received, status, expected) in [
        (cursor(&[("", 5)]), None, cursor(&[("", 5)])),
        (
            cursor(&[("go", 2), ("", 3)]),
            None,
            cursor(&[("", 5), ("go", 2)]),
        ),
        (cursor(&[]), None, cursor(&[("", 5), ("go", 2)])),
        (
            cursor(&[("go", 9)]),
            Some("completed"),
            cursor(&[("", 5), ("go", 9)]),
        ),
    ] {
        let report = JobDelta {
            recv_cursor: Some(received),
            ..delta(Some(1), status)
        };
        apply_delta(&mut job, "worker", &report, at(1)).unwrap();
        assert_eq!(job.recv_cursor, Some(expected));
    }
    let mut silent = owned();
    apply_delta(&mut silent, "worker", &delta(None, None), at(1)).unwrap();
    assert_eq!(silent.recv_cursor, None);
}

#[test]
fn a_claim_leases_for_the_jobs_own_duration_or_five_minutes() {
    for (max_duration, seconds) in [
        (None, 300),
        (Some(1), 1),
        (Some(7200), 7200),
        (Some(0), 300),
    ] {
        let mut job = JobRow {
            max_duration,
            ..waiting()
        };
        assert!(is_claimable(&job));
        assert!(claim(&mut job, "worker", at(5)));
        assert!(!is_claimable(&job));
        assert_eq!(job.lease_expires_at, Some(at(5 + seconds)));
        assert_eq!((job.claim_epoch, job.attempt_count), (1, 1));
        assert_eq!(job.owner.as_deref(), Some("worker"));
        assert_eq!(job.last_heartbeat_at, Some(at(5)));
    }
    let mut endless = JobRow {
        max_duration: Some(i64::MAX),
        ..waiting()
    };
    assert!(claim(&mut endless, "worker", at(5)));
    assert_eq!(
        endless.lease_expires_at,
        Some(Timestamp::from_nanos(i64::MAX))
    );
}

#[test]
fn retries_are_counted_beyond_the_first_attempt() {
    for max_retries in 0..3 {
        let mut job = JobRow {
            max_retries,
            ..waiting()
        };
        for attempt in 1..=max_retries + 1 {
            assert!(claim(&mut job, "worker", at(0)));
            assert_eq!((job.attempt_count, job.claim_epoch), (attempt, attempt));
            reset(&mut job);
        }
        assert!(!claim(&mut job, "worker", at(1)));
        assert_eq!(job.status, JobStatus::Failed);
        assert_eq!(job.error.as_deref(), Some("max retries exceeded"));
        assert_eq!((job.owner.as_deref(), job.finished_at), (None, Some(at(1))));
    }
}

#[test]
fn a_release_is_refused_for_the_first_reason_that_holds() {
    use JobRefusal::{NotOwner, Superseded, Terminal};
    let done = || ended(JobStatus::Completed);
    for (what, before, sender, claim_epoch, expected) in [
        ("its claim", owned(), "worker", Some(1), Ok(())),
        ("its name alone", owned(), "worker", None, Ok(())),
        ("pushed", pushed(), "worker", None, Ok(())),
        (
            "an earlier claim",
            owned_again(),
            "worker",
            Some(1),
            Err(Superseded),
        ),
        ("another's", owned(), "thief", Some(1), Err(NotOwner)),
        ("nobody's", freed(), "worker", Some(1), Err(NotOwner)),
        ("over", done(), "worker", Some(1), Err(Terminal)),
        ("over, another's", done(), "thief", None, Err(Terminal)),
    ] {
        let mut job = before.clone();
        let wish = JobRelease {
            instance_id: sender.to_owned(),
            claim_epoch,
            reason: None,
        };
        assert_eq!(release(&mut job, &wish, at(9)), expected, "{what}");
        if expected.is_err() {
            assert_eq!(job, before, "{what}");
        } else {
            assert!(is_claimable(&job), "{what}");
            assert_eq!(job.lease_expires_at, None, "{what}");
            assert_eq!(job.attempt_count, before.attempt_count, "{what}");
        }
    }
}

#[test]
fn a_released_job_that_waited_for_input_can_be_claimed() {
    let mut job = JobRow {
        status: JobStatus::InputRequired,
        ..owned()
    };
    let wish = JobRelease {
        instance_id: "worker".to_owned(),
        ..JobRelease::default()
    };
    release(&mut job, &wish, at(9)).unwrap();
    assert!(is_claimable(&job));
}

#[test]
fn the_release_of_a_last_attempt_fails_the_job() {
    for (reason, error) in [
        (Some("no GPU"), "exhausted (release): no GPU"),
        (Some("  "), "max retries exceeded"),
        (None, "max retries exceeded"),
    ] {
        let mut job = owned_again();
        let wish = JobRelease {
            instance_id: "worker".to_owned(),
            claim_epoch: Some(2),
            reason: reason.map(str::to_owned),
        };
        release(&mut job, &wish, at(9)).unwrap();
        assert_eq!(job.status, JobStatus::Failed);
        assert_eq!(job.error.as_deref(), Some(error));
        assert_eq!((job.owner, job.lease_expires_at), (None, None));
        assert_eq!((job.attempt_count, job.finished_at), (2, Some(at(9))));
    }
}

#[test]
fn what_is_over_is_neither_cancelled_nor_reclaimed_nor_expired() {
    for status in [
        JobStatus::Completed,
        JobStatus::Failed,
        JobStatus::Cancelled,
    ] {
        let before = JobRow {
            total_deadline: Some(1),
            ..ended(status)
        };
        let mut job = before.clone();
        assert_eq!(cancel(&mut job, None, at(9)), Err(JobRefusal::Terminal));
        assert_eq!(reclaim(&mut job), Err(JobRefusal::Terminal));
        assert_eq!(refuse_terminal(&job), Err(JobRefusal::Terminal));
        assert_eq!(orphan(&mut job, at(9)), None);
        assert_eq!(expire(&mut job, Some(Duration::ZERO), at(900)), None);
        assert_eq!(next_expiry(&job, Some(Duration::ZERO)), None);
        assert_eq!(job, before);
    }
}

#[test]
fn a_cancel_says_why_and_keeps_the_owner() {
    for (reason, error, payload) in [
        (
            Some("late"),
            Some("cancelled: late"),
            r#"{"reason":"late"}"#,
        ),
        (None, None, r#"{"reason":""}"#),
        (
            Some("\u{7} \""),
            Some("cancelled: \u{7} \""),
            r#"{"reason":"\u0007 \""}"#,
        ),
    ] {
        let mut job = owned();
        cancel(&mut job, reason, at(9)).unwrap();
        let expected = JobRow {
            status: JobStatus::Cancelled,
            error: error.map(ToOwned::to_owned),
            finished_at: Some(at(9)),
            ..owned()
        };
        assert_eq!(job, expected);
        assert_eq!(cancelled_event(reason).payload.unwrap().get(), payload);
    }
}

#[test]
fn a_reclaimed_job_waits_under_the_same_epoch() {
    for (before, owner) in [
        (owned(), Some("worker")),
        (pushed(), Some("worker")),
        (waiting(), None),
    ] {
        let mut job = JobRow {
            status: JobStatus::InputRequired,
            ..before.clone()
        };
        assert_eq!(reclaim(&mut job).unwrap().as_deref(), owner);
        let expected = JobRow {
            owner: None,
            lease_expires_at: None,
            last_heartbeat_at: None,
            ..before
        };
        assert_eq!(job, expected);
    }
}

#[test]
fn a_workers_read_is_fenced_and_extends_the_lease_up_to_the_jobs_end() {
    let executor = |claim_epoch| Executor {
        instance_id: "worker".to_owned(),
        claim_epoch,
    };
    let hour = Some(Duration::from_hours(1));
    let short = Some(Duration::from_secs(350));
    let until = |second: i64| Some(at(second).as_seconds());
    let whole = |second: i64| Timestamp::from_seconds(at(second).as_seconds());
    for (what, total_deadline, max_duration, stale, lease) in [
        ("uncapped", None, None, None, at(400)),
        ("far deadline", until(9000), None, None, at(400)),
        ("near deadline", until(350), None, None, whole(350)),
        ("deadline before the lease", until(200), None, None, at(300)),
        ("stale is far", None, None, hour, at(400)),
        ("stale is near", None, None, short, at(350)),
        (
            "a long duration beats stale",
            None,
            Some(380),
            short,
            at(380),
        ),
        (
            "a deadline beats stale",
            until(390),
            None,
            short,
            whole(390),
        ),
    ] {
        let mut job = JobRow {
            max_duration,
            total_deadline,
            ..owned()
        };
        executor_read(&mut job, &executor(1), stale, at(100)).unwrap();
        assert_eq!(job.lease_expires_at, Some(lease), "{what}");
        assert_eq!(job.last_heartbeat_at, Some(at(0)), "{what}");
    }

    for before in [owned_again(), freed(), waiting()] {
        let mut job = before.clone();
        let read = executor_read(&mut job, &executor(1), None, at(100));
        assert_eq!(read, Err(JobRefusal::Superseded));
        assert_eq!(job, before);
    }
    let mut over = ended(JobStatus::Failed);
    executor_read(&mut over, &executor(7), None, at(100)).unwrap();
    assert_eq!(over, ended(JobStatus::Failed));
}

#[test]
fn a_pushed_job_never_gets_a_lease() {
    let mut job = pushed();
    apply_delta(&mut job, "worker", &delta(None, None), at(5)).unwrap();
    let executor = Executor {
        instance_id: "worker".to_owned(),
        claim_epoch: 0,
    };
    executor_read(&mut job, &executor, None, at(5)).unwrap();
    assert_eq!(job.lease_expires_at, None);
    assert_eq!(next_expiry(&job, None), None);
    // Its owner's end frees it all the same.
    assert_eq!(orphan(&mut job, at(6)), Some(Expiry::Orphaned));
    assert!(is_claimable(&job));
}
