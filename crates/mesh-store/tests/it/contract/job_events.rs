//! The log of a job, and the lease of a worker that reads it.

use std::time::Duration;

use mesh_core::Timestamp;
use mesh_store::Store;
use mesh_store::job::{EventRead, Executor, JobEventRow, JobRefusal, NewJob, NewJobEvent};

use super::jobs::{claimed, create, job};
use crate::fixture::{json, new_job, now};

fn of_kind(kind: &str) -> NewJobEvent {
    NewJobEvent {
        kind: kind.to_owned(),
        ..NewJobEvent::default()
    }
}

async fn append(store: &Store, id: &str, event: &NewJobEvent) -> JobEventRow {
    let outcome = store.append_job_event(id, event, now()).await;
    outcome
        .expect("the event is answered")
        .expect("the job takes it")
}

async fn read(
    store: &Store,
    wanted: &EventRead,
    at: Timestamp,
) -> Result<Vec<JobEventRow>, JobRefusal> {
    let outcome = store.read_job_events("a", wanted, at).await;
    outcome.expect("the events are read")
}

fn all() -> EventRead {
    EventRead {
        limit: 100,
        ..EventRead::default()
    }
}

async fn seqs(store: &Store, wanted: EventRead) -> Vec<i64> {
    let events = read(store, &wanted, now()).await;
    events
        .expect("the job is there")
        .iter()
        .map(|event| event.seq)
        .collect()
}

fn in_seconds(seconds: i64) -> Timestamp {
    Timestamp::from_nanos(now().as_nanos() + seconds * 1_000_000_000)
}

pub(super) async fn events_are_numbered_in_each_job(store: &Store) {
    create(store, &new_job("a"), now()).await;
    create(store, &new_job("b"), now()).await;
    let full = NewJobEvent {
        kind: "go".to_owned(),
        payload: Some(json(r#"[1,"ä"]"#)),
        trace_context: Some(json(r#"{"trace_id":"1"}"#)),
        posted_by: Some("entity".to_owned()),
    };
    let first = append(store, "a", &full).await;
    append(store, "b", &of_kind("stop")).await;
    append(store, "a", &of_kind("stop")).await;
    append(store, "a", &of_kind("go")).await;
    assert_eq!((first.job_id.as_str(), first.seq), ("a", 1));
    assert_eq!(first.created_at, now());

    let events = read(store, &all(), now()).await.expect("the store answers");
    let found = &events[0];
    assert_eq!(found.job_id, "a");
    assert_eq!((found.seq, found.kind.as_str()), (1, "go"));
    assert_eq!(
        found.payload.as_ref().expect("there is one").get(),
        r#"[1,"ä"]"#
    );
    assert_eq!(
        found.trace_context.as_ref().expect("there is one").get(),
        r#"{"trace_id":"1"}"#
    );
    assert_eq!(found.posted_by.as_deref(), Some("entity"));
    assert_eq!(found.created_at, now());
    assert!(events[1].payload.is_none() && events[1].trace_context.is_none());

    assert_eq!(seqs(store, all()).await, [1, 2, 3]);
    assert_eq!(seqs(store, EventRead { after: 1, ..all() }).await, [2, 3]);
    assert_eq!(seqs(store, EventRead { limit: 2, ..all() }).await, [1, 2]);
    let go = EventRead {
        kinds: vec!["go".to_owned(), "\"odd\"".to_owned()],
        ..all()
    };
    assert_eq!(seqs(store, go).await, [1, 3]);
    assert_eq!(seqs(store, EventRead { after: 9, ..all() }).await, [0; 0]);

    let nowhere = store
        .append_job_event("c", &full, now())
        .await
        .expect("the store answers");
    assert_eq!(nowhere.expect_err("it is refused"), JobRefusal::NotFound);
    let nothing = store
        .read_job_events("c", &all(), now())
        .await
        .expect("the store answers");
    assert_eq!(nothing.expect_err("it is refused"), JobRefusal::NotFound);
}

pub(super) async fn events_of_many_posters_leave_no_gap(store: &Store) {
    create(store, &new_job("a"), now()).await;
    let posters: Vec<_> = (0..25)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { append(&store, "a", &of_kind("go")).await.seq })
        })
        .collect();
    let mut given = Vec::new();
    for poster in posters {
        given.push(poster.await.expect("the store answers"));
    }
    given.sort_unstable();
    assert_eq!(given, (1..=25).collect::<Vec<i64>>());
}

fn executor(claim_epoch: i64) -> EventRead {
    EventRead {
        executor: Some(Executor {
            instance_id: "worker-1".to_owned(),
            claim_epoch,
        }),
        ..all()
    }
}

pub(super) async fn a_workers_read_extends_its_lease(store: &Store) {
    create(store, &new_job("a"), now()).await;
    let before = claimed(store, "worker-1").await;
    read(store, &all(), in_seconds(60))
        .await
        .expect("the store answers");
    assert_eq!(job(store, "a").await.row, before, "an observer's read");
    read(store, &executor(1), in_seconds(60))
        .await
        .expect("the store answers");
    let after = job(store, "a").await.row;
    assert_eq!(after.lease_expires_at, Some(in_seconds(360)));
    read(store, &executor(1), in_seconds(30))
        .await
        .expect("the store answers");
    assert_eq!(job(store, "a").await.row, after, "never shortened");

    let wrong = read(store, &executor(2), in_seconds(60)).await;
    assert_eq!(wrong.expect_err("it is refused"), JobRefusal::Superseded);
    store
        .reclaim_job("a")
        .await
        .expect("the store answers")
        .expect("it is there and not refused");
    let late = read(store, &executor(1), in_seconds(60)).await;
    assert_eq!(late.expect_err("it is refused"), JobRefusal::Superseded);
    store
        .cancel_job("a", None, now())
        .await
        .expect("the store answers")
        .expect("it is there and not refused");
    let over = read(store, &executor(1), in_seconds(60))
        .await
        .expect("the store answers");
    assert_eq!(over[0].kind, "cancelled");
}

pub(super) async fn a_workers_read_extends_its_lease_no_further_than_the_job_lives(store: &Store) {
    let new = NewJob {
        total_deadline: Some(in_seconds(400).as_seconds()),
        ..new_job("a")
    };
    create(store, &new, now()).await;
    claimed(store, "worker-1").await;
    read(store, &executor(1), in_seconds(200))
        .await
        .expect("the store answers");
    let lease = job(store, "a")
        .await
        .row
        .lease_expires_at
        .expect("there is one");
    assert_eq!(lease, Timestamp::from_seconds(in_seconds(400).as_seconds()));

    create(store, &new_job("b"), now()).await;
    claimed(store, "worker-1").await;
    let stale = EventRead {
        stale: Some(Duration::from_secs(450)),
        ..executor(1)
    };
    let outcome = store.read_job_events("b", &stale, in_seconds(200)).await;
    outcome.expect("there is one").expect("there is one");
    let lease = job(store, "b")
        .await
        .row
        .lease_expires_at
        .expect("there is one");
    assert_eq!(lease, in_seconds(450));
}
