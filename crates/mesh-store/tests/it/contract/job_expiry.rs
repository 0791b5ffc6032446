//! What happens to jobs without anybody asking.

use std::time::Duration;

use mesh_core::Timestamp;
use mesh_core::wire::JobStatus;
use mesh_store::Store;
use mesh_store::job::{BATCH, EventRead, Expired, Expiry, NewJob};

use super::jobs::{claim, claimed, create, job};
use crate::fixture::{new_job, now};

fn in_seconds(seconds: i64) -> Timestamp {
    Timestamp::from_nanos(now().as_nanos() + seconds * 1_000_000_000)
}

async fn expire(store: &Store, stale: Option<Duration>, at: Timestamp) -> Vec<Expired> {
    let expired = store.expire_jobs(stale, at).await;
    expired.expect("jobs expire")
}

async fn next(store: &Store, stale: Option<Duration>) -> Option<Timestamp> {
    let next = store.next_job_expiry(stale).await;
    next.expect("the next expiry is found")
}

pub(super) async fn a_job_of_a_lost_owner_waits_again_until_it_is_exhausted(store: &Store) {
    create(store, &new_job("a"), now()).await;
    claimed(store, "lost").await;
    create(store, &new_job("b"), now()).await;
    claimed(store, "alive").await;
    let mut owners = store.live_job_owners().await.expect("the store answers");
    owners.sort();
    assert_eq!(owners, ["alive", "lost"]);

    let lost = ["lost".to_owned(), "never seen".to_owned()];
    let orphans = store
        .orphan_jobs(&lost, in_seconds(1))
        .await
        .expect("the store answers");
    let a = job(store, "a").await.row;
    assert_eq!(
        orphans,
        [Expired {
            job: a.clone(),
            why: Expiry::Orphaned,
            previous_owner: Some("lost".to_owned())
        }]
    );
    assert_eq!(a.status, JobStatus::Working);
    assert_eq!((a.claim_epoch, a.attempt_count), (1, 1));
    assert_eq!((a.owner, a.lease_expires_at), (None, None));
    assert_eq!(a.last_heartbeat_at, None);
    assert_eq!(
        store
            .orphan_jobs(&lost, in_seconds(1))
            .await
            .expect("the store answers"),
        []
    );
    assert_eq!(
        store
            .orphan_jobs(&[], in_seconds(1))
            .await
            .expect("the store answers"),
        []
    );

    claimed(store, "lost").await;
    let orphans = store
        .orphan_jobs(&lost, in_seconds(2))
        .await
        .expect("the store answers");
    assert_eq!(orphans.len(), 1);
    let a = job(store, "a").await.row;
    assert_eq!(a.status, JobStatus::Failed);
    assert_eq!(a.error.as_deref(), Some("orphaned: max retries exceeded"));
    assert_eq!(a.finished_at, Some(in_seconds(2)));
    assert_eq!(
        store.live_job_owners().await.expect("the store answers"),
        ["alive"]
    );
}

pub(super) async fn a_lease_that_ends_frees_the_job(store: &Store) {
    assert_eq!(next(store, None).await, None);
    let short = NewJob {
        max_duration: Some(5),
        ..new_job("a")
    };
    create(store, &short, now()).await;
    assert_eq!(next(store, None).await, None, "a waiting job has no lease");
    claimed(store, "worker-1").await;
    assert_eq!(next(store, None).await, Some(in_seconds(5)));
    assert_eq!(expire(store, None, in_seconds(4)).await, []);
    let expired = expire(store, None, in_seconds(5)).await;
    assert_eq!(expired.len(), 1);
    assert_eq!(expired[0].why, Expiry::Lease);
    assert_eq!(expired[0].previous_owner.as_deref(), Some("worker-1"));
    assert_eq!(next(store, None).await, None);

    let again = claimed(store, "worker-2").await;
    assert_eq!((again.claim_epoch, again.attempt_count), (2, 2));
    let expired = expire(store, None, in_seconds(9)).await;
    assert_eq!(expired[0].job, job(store, "a").await.row);
    assert_eq!(
        expired[0].job.error.as_deref(),
        Some("lease expired: no completion within lease window")
    );
    assert!(claim(store, "worker-3").await.job.is_none());
}

pub(super) async fn a_job_fails_at_its_deadline_claimed_or_not(store: &Store) {
    let deadline = now().as_seconds() + 100;
    for id in ["claimed", "waiting"] {
        let new = NewJob {
            total_deadline: Some(deadline),
            ..new_job(id)
        };
        create(store, &new, now()).await;
    }
    let endless = NewJob {
        total_deadline: Some(i64::MAX),
        ..new_job("endless")
    };
    create(store, &endless, now()).await;
    claimed(store, "worker-1").await;
    let due = Timestamp::from_seconds(deadline);
    assert_eq!(next(store, None).await, Some(due));
    assert_eq!(
        expire(store, None, due.before(Duration::from_nanos(1))).await,
        []
    );
    let expired = expire(store, None, due).await;
    assert_eq!(expired.len(), 2);
    for expired in expired {
        assert_eq!(expired.why, Expiry::Deadline);
        assert_eq!(expired.job.status, JobStatus::Failed);
        assert_eq!(expired.job.error.as_deref(), Some("deadline_exceeded"));
        assert_eq!(job(store, &expired.job.id).await.row, expired.job);
    }
}

pub(super) async fn a_job_without_a_deadline_goes_stale_where_that_is_asked_for(store: &Store) {
    let hour = Some(Duration::from_hours(1));
    create(store, &new_job("a"), now()).await;
    let patient = NewJob {
        max_duration: Some(5400),
        ..new_job("patient")
    };
    create(store, &patient, now()).await;
    let dated = NewJob {
        total_deadline: Some(in_seconds(90_000).as_seconds()),
        ..new_job("dated")
    };
    create(store, &dated, now()).await;

    assert_eq!(expire(store, None, in_seconds(80_000)).await, []);
    assert_eq!(next(store, hour).await, Some(in_seconds(3600)));
    assert_eq!(expire(store, hour, in_seconds(3599)).await, []);
    let expired = expire(store, hour, in_seconds(3600)).await;
    assert_eq!(expired.len(), 1);
    assert_eq!(
        (expired[0].job.id.as_str(), expired[0].why),
        ("a", Expiry::Stale)
    );
    assert_eq!(
        expired[0].job.error.as_deref(),
        Some("stale: no total_deadline set and exceeded MCP_MESH_JOB_STALE_TIMEOUT (1h0m0s)")
    );
    assert_eq!(next(store, hour).await, Some(in_seconds(5400)));
    let expired = expire(store, hour, in_seconds(5400)).await;
    assert_eq!(
        expired[0].job.error.as_deref(),
        Some("stale: no total_deadline set and exceeded max_duration (1h30m0s)")
    );
    let read = EventRead {
        limit: 10,
        ..EventRead::default()
    };
    let events = store.read_job_events("a", &read, now()).await;
    let events = events.expect("there is one").expect("there is one");
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].seq, events[0].kind.as_str()), (1, "stale"));
    assert_eq!(
        events[0].payload.as_ref().expect("there is one").get(),
        r#"{"detail":"no total_deadline set and exceeded MCP_MESH_JOB_STALE_TIMEOUT (1h0m0s)","reason":"stale"}"#
    );
}

pub(super) async fn many_jobs_expire_in_bounded_steps(store: &Store) {
    let many = i64::from(BATCH) + 3;
    for n in 0..many {
        let pushed = NewJob {
            total_deadline: Some(now().as_seconds()),
            owner: Some("lost".to_owned()),
            ..new_job(&format!("job-{n}"))
        };
        create(store, &pushed, now()).await;
    }
    let mut sizes = Vec::new();
    loop {
        let expired = expire(store, None, in_seconds(1)).await;
        if expired.is_empty() {
            break;
        }
        sizes.push(expired.len());
    }
    assert_eq!(sizes, [BATCH as usize, 3]);
    assert_eq!(next(store, None).await, None);
}
