//! Jobs: creating, claiming, reporting, ending, listing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mesh_core::Timestamp;
use mesh_core::wire::JobStatus;
use mesh_store::Store;
use mesh_store::job::{
    Claim, DeltaRejection, Job, JobCursor, JobDelta, JobQuery, JobRefusal, JobRelease, JobRow,
    NewJob, NewJobEvent,
};

use crate::fixture::{json, new_job, now, second};

pub(crate) async fn create(store: &Store, new: &NewJob, at: Timestamp) -> JobRow {
    store.create_job(new, at).await.expect("the job is created")
}

pub(crate) async fn claim(store: &Store, instance_id: &str) -> Claim {
    store
        .claim_job("render", instance_id, now())
        .await
        .expect("the claim is answered")
}

pub(crate) async fn claimed(store: &Store, instance_id: &str) -> JobRow {
    claim(store, instance_id)
        .await
        .job
        .expect("a job waits")
        .row
}

pub(crate) async fn job(store: &Store, id: &str) -> Job {
    store
        .job(id)
        .await
        .expect("the job is read")
        .expect("the job is there")
}

pub(crate) async fn report(
    store: &Store,
    instance_id: &str,
    deltas: &[JobDelta],
) -> Vec<Result<JobRow, DeltaRejection>> {
    store
        .apply_deltas(instance_id, deltas, now())
        .await
        .expect("the deltas are answered")
}

async fn ids(store: &Store, query: JobQuery) -> Vec<String> {
    let jobs = store.jobs(&query).await.expect("the jobs are listed");
    jobs.into_iter().map(|job| job.row.id).collect()
}

pub(super) async fn a_job_comes_back_as_it_was_created(store: &Store) {
    let new = NewJob {
        max_duration: Some(60),
        total_deadline: Some(1_800_000_000),
        owner: Some("worker-1".to_owned()),
        max_retries: 3,
        ..new_job("full")
    };
    let created = create(store, &new, now()).await;
    assert_eq!(created.status, JobStatus::Working);
    assert_eq!(created.owner.as_deref(), Some("worker-1"));
    assert_eq!((created.claim_epoch, created.attempt_count), (0, 0));
    assert_eq!(created.lease_expires_at, None);

    let found = job(store, "full").await;
    assert_eq!(found.row, created);
    assert_eq!(
        found.submitted_payload.get(),
        r#"{"n":3,"text":"quote \" and ä"}"#
    );
    assert!(found.result.is_none());
    assert!(
        store
            .job("stranger")
            .await
            .expect("the store answers")
            .is_none()
    );
}

pub(super) async fn a_claim_takes_the_oldest_job_of_its_capability(store: &Store) {
    for (id, capability, at) in [
        ("younger", "render", 20),
        ("older", "render", 10),
        ("other", "paint", 1),
    ] {
        let new = NewJob {
            capability: capability.to_owned(),
            ..new_job(id)
        };
        create(store, &new, second(at)).await;
    }
    let owned = NewJob {
        owner: Some("worker-9".to_owned()),
        ..new_job("pushed")
    };
    create(store, &owned, second(2)).await;

    let first = claim(store, "worker-1").await.job.expect("there is one");
    assert_eq!(first.row.id, "older");
    assert_eq!(first.row.owner.as_deref(), Some("worker-1"));
    assert_eq!((first.row.claim_epoch, first.row.attempt_count), (1, 1));
    assert_eq!(
        first.row.lease_expires_at,
        Some(now().after(Duration::from_mins(5)))
    );
    assert_eq!(first.row.last_heartbeat_at, Some(now()));
    assert_eq!(
        first.submitted_payload.get(),
        new_job("").submitted_payload.get()
    );
    assert_eq!(job(store, "older").await.row, first.row);

    assert_eq!(claimed(store, "worker-2").await.id, "younger");
    assert!(claim(store, "worker-3").await.job.is_none());
}

pub(super) async fn twenty_claimers_and_ten_jobs_give_each_job_once(store: &Store) {
    for n in 0..10 {
        create(store, &new_job(&format!("job-{n}")), second(n)).await;
    }
    let claimers: Vec<_> = (0..20)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move { claim(&store, &format!("worker-{n}")).await.job })
        })
        .collect();
    let mut got = Vec::new();
    for claimer in claimers {
        got.extend(claimer.await.expect("the store answers"));
    }
    assert_eq!(got.len(), 10);
    let ids: BTreeSet<&str> = got.iter().map(|job| job.row.id.as_str()).collect();
    let owners: BTreeSet<_> = got.iter().map(|job| job.row.owner.clone()).collect();
    assert_eq!((ids.len(), owners.len()), (10, 10));
    assert!(got.iter().all(|job| job.row.claim_epoch == 1));
    assert_eq!(store.live_claims().await.expect("the store answers"), 10);
}

pub(super) async fn an_exhausted_job_fails_and_does_not_block_the_queue(store: &Store) {
    let once = NewJob {
        max_retries: 0,
        ..new_job("tired")
    };
    create(store, &once, second(1)).await;
    create(store, &new_job("fresh"), second(2)).await;
    claimed(store, "worker-1").await;
    // By hand an operator can make what a worker cannot: a waiting job without attempts left.
    let reclaimed = store
        .reclaim_job("tired")
        .await
        .expect("the store answers")
        .expect("it is there and not refused");
    assert_eq!(reclaimed.previous_owner.as_deref(), Some("worker-1"));
    assert_eq!(counts(store).await, [("render".to_owned(), 1)]);

    let claim = claim(store, "worker-2").await;
    assert_eq!(claim.job.expect("there is one").row.id, "fresh");
    assert_eq!(claim.exhausted.len(), 1);
    let tired = job(store, "tired").await.row;
    assert_eq!(tired, claim.exhausted[0]);
    assert_eq!(tired.status, JobStatus::Failed);
    assert_eq!(tired.error.as_deref(), Some("max retries exceeded"));
    assert_eq!(tired.finished_at, Some(now()));
}

async fn counts(store: &Store) -> Vec<(String, u64)> {
    let mut counts = store.claimable_jobs().await.expect("the jobs are counted");
    counts.sort();
    counts
}

pub(super) async fn waiting_jobs_are_counted_by_capability(store: &Store) {
    for (id, capability) in [
        ("a", "render"),
        ("b", "render"),
        ("c", "paint"),
        ("d", "cut"),
    ] {
        let new = NewJob {
            capability: capability.to_owned(),
            ..new_job(id)
        };
        create(store, &new, now()).await;
    }
    claimed(store, "worker-1").await;
    store
        .cancel_job("d", None, now())
        .await
        .expect("the store answers")
        .expect("it is there and not refused");
    let (paint, render) = (("paint".to_owned(), 1), ("render".to_owned(), 1));
    assert_eq!(counts(store).await, [paint, render.clone()]);
    let of = ["render", "cut", "nobody's"].map(str::to_owned);
    assert_eq!(
        store
            .claimable_jobs_of(&of)
            .await
            .expect("the store answers"),
        [render]
    );
    assert_eq!(store.live_claims().await.expect("the store answers"), 1);
}

pub(super) async fn draining_blocks_claims_only(store: &Store) {
    create(store, &new_job("a"), now()).await;
    assert!(!store.draining().await.expect("the store answers"));
    for _ in 0..2 {
        store.set_draining(true).await.expect("the store answers");
        assert!(store.draining().await.expect("the store answers"));
    }
    assert!(claim(store, "worker-1").await.job.is_none());
    create(store, &new_job("b"), now()).await;
    store.set_draining(false).await.expect("the store answers");
    assert!(!store.draining().await.expect("the store answers"));
    assert_eq!(claimed(store, "worker-1").await.id, "a");
}

pub(super) async fn every_delta_of_a_batch_has_an_outcome_of_its_own(store: &Store) {
    for id in ["done", "half", "late", "stolen", "odd"] {
        create(store, &new_job(id), now()).await;
        claimed(store, "worker-1").await;
    }
    store
        .reclaim_job("stolen")
        .await
        .expect("the store answers")
        .expect("it is there and not refused");
    let delta = |id: &str| JobDelta {
        id: id.to_owned(),
        claim_epoch: Some(1),
        ..JobDelta::default()
    };
    let late = JobDelta {
        status: Some("failed".to_owned()),
        error: Some("broke".to_owned()),
        result: Some(json("1")),
        ..delta("late")
    };
    let done = JobDelta {
        status: Some("completed".to_owned()),
        progress: Some(1.0),
        progress_message: Some("three".to_owned()),
        result: Some(json(r#"{"n":3}"#)),
        error: Some("ignored".to_owned()),
        recv_cursor: Some(BTreeMap::from([("go".to_owned(), 7)])),
        ..delta("done")
    };
    let half = JobDelta {
        status: Some("input_required".to_owned()),
        progress: Some(0.5),
        result: Some(json("2")),
        error: Some("ignored".to_owned()),
        ..delta("half")
    };
    let odd = JobDelta {
        status: Some("exploded".to_owned()),
        ..delta("odd")
    };
    let again = JobDelta {
        status: None,
        ..late.clone()
    };
    let stranger = delta("stranger");
    let stolen = delta("stolen");
    let deltas = [late, done, half, odd, again, stranger, stolen];
    let outcomes = report(store, "worker-1", &deltas).await;
    let told: Vec<_> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Ok(row) => row.status.as_str(),
            Err(rejection) => rejection.as_str(),
        })
        .collect();
    let expected = [
        "failed",
        "completed",
        "input_required",
        "invalid_status",
        "already_terminal",
        "not_found",
        "claim_superseded",
    ];
    assert_eq!(told, expected);

    let done = job(store, "done").await;
    assert_eq!(&done.row, outcomes[1].as_ref().expect("there is one"));
    assert_eq!(done.result.expect("there is one").get(), r#"{"n":3}"#);
    assert_eq!((done.row.progress, done.row.error), (Some(1.0), None));
    assert_eq!(done.row.progress_message.as_deref(), Some("three"));
    assert_eq!(done.row.recv_cursor.expect("there is one")["go"], 7);
    assert_eq!(done.row.finished_at, Some(now()));
    let half = job(store, "half").await;
    assert_eq!(&half.row, outcomes[2].as_ref().expect("there is one"));
    assert!(half.result.is_none() && half.row.error.is_none());
    let late = job(store, "late").await;
    assert_eq!(late.row.error.as_deref(), Some("broke"));
    assert!(late.result.is_none());
}

pub(super) async fn a_late_completion_finds_the_job_called_off(store: &Store) {
    create(store, &new_job("a"), now()).await;
    claimed(store, "worker-1").await;
    let (cancelled, event) = store
        .cancel_job("a", Some("changed \"my\" mind"), now())
        .await
        .expect("the store answers")
        .expect("it is there and not refused");
    assert_eq!(cancelled.status, JobStatus::Cancelled);
    assert_eq!(cancelled.owner.as_deref(), Some("worker-1"));
    assert_eq!(
        cancelled.error.as_deref(),
        Some("cancelled: changed \"my\" mind")
    );
    assert_eq!((event.seq, event.kind.as_str()), (1, "cancelled"));
    assert_eq!(
        event.payload.expect("there is one").get(),
        r#"{"reason":"changed \"my\" mind"}"#
    );

    let completion = JobDelta {
        id: "a".to_owned(),
        claim_epoch: Some(1),
        status: Some("completed".to_owned()),
        ..JobDelta::default()
    };
    let outcomes = report(store, "worker-1", &[completion]).await;
    assert_eq!(outcomes, [Err(DeltaRejection::AlreadyTerminal)]);
    assert_eq!(job(store, "a").await.row, cancelled);
    let refusals = [
        store
            .cancel_job("a", None, now())
            .await
            .expect("the store answers")
            .err(),
        store
            .reclaim_job("a")
            .await
            .expect("the store answers")
            .err(),
        store
            .append_job_event("a", &NewJobEvent::default(), now())
            .await
            .expect("the store answers")
            .err(),
    ];
    assert_eq!(refusals, [Some(JobRefusal::Terminal); 3]);
}

pub(super) async fn a_released_job_is_claimed_again_under_a_new_epoch(store: &Store) {
    create(store, &new_job("a"), now()).await;
    claimed(store, "worker-1").await;
    let waiting = JobDelta {
        id: "a".to_owned(),
        status: Some("input_required".to_owned()),
        ..JobDelta::default()
    };
    report(store, "worker-1", &[waiting]).await[0]
        .as_ref()
        .expect("there is one");
    let wish = |instance_id: &str, claim_epoch| JobRelease {
        instance_id: instance_id.to_owned(),
        claim_epoch,
        reason: Some("no GPU".to_owned()),
    };
    let release = async |id: &str, wish: JobRelease| {
        let outcome = store.release_job(id, &wish, now()).await;
        outcome.expect("the release is answered")
    };
    let strangers = release("a", wish("worker-2", None)).await;
    assert_eq!(strangers, Err(JobRefusal::NotOwner));
    let nothing = release("b", wish("worker-1", None)).await;
    assert_eq!(nothing, Err(JobRefusal::NotFound));

    let released = release("a", wish("worker-1", Some(1)))
        .await
        .expect("the store answers");
    assert_eq!(released.status, JobStatus::Working);
    assert_eq!((released.owner, released.lease_expires_at), (None, None));
    let second = claimed(store, "worker-1").await;
    assert_eq!((second.claim_epoch, second.attempt_count), (2, 2));
    let late = release("a", wish("worker-1", Some(1))).await;
    assert_eq!(late, Err(JobRefusal::Superseded));
    assert_eq!(job(store, "a").await.row, second);

    let over = release("a", wish("worker-1", Some(2)))
        .await
        .expect("the store answers");
    assert_eq!(over.status, JobStatus::Failed);
    assert_eq!(over.error.as_deref(), Some("exhausted (release): no GPU"));
    assert_eq!(job(store, "a").await.row, over);
    assert!(claim(store, "worker-2").await.job.is_none());
}

pub(super) async fn jobs_are_listed_newest_first_by_every_filter(store: &Store) {
    for (id, capability, at) in [
        ("a", "render", 10),
        ("b", "render", 20),
        ("c", "paint", 20),
        ("d", "render", 30),
    ] {
        let new = NewJob {
            capability: capability.to_owned(),
            ..new_job(id)
        };
        create(store, &new, second(at)).await;
    }
    claimed(store, "worker-1").await; // a
    store
        .cancel_job("d", None, now())
        .await
        .expect("the store answers")
        .expect("it is there and not refused");
    let all = JobQuery {
        limit: 50,
        ..JobQuery::default()
    };
    let text = |text: &str| Some(text.to_owned());

    assert_eq!(ids(store, all.clone()).await, ["d", "c", "b", "a"]);
    let two = JobQuery {
        limit: 2,
        ..all.clone()
    };
    assert_eq!(ids(store, two.clone()).await, ["d", "c"]);
    let next = JobQuery {
        after: Some(JobCursor {
            submitted_at: second(20),
            id: "c".to_owned(),
        }),
        ..two
    };
    assert_eq!(ids(store, next).await, ["b", "a"]);
    let rendering = JobQuery {
        capability: text("render"),
        ..all.clone()
    };
    assert_eq!(ids(store, rendering.clone()).await, ["d", "b", "a"]);
    let owned = JobQuery {
        owner: text("worker-1"),
        ..all.clone()
    };
    assert_eq!(ids(store, owned).await, ["a"]);
    let working = JobQuery {
        statuses: vec![JobStatus::Working],
        ..all.clone()
    };
    assert_eq!(ids(store, working).await, ["c", "b", "a"]);
    let over = JobQuery {
        statuses: vec![JobStatus::Failed, JobStatus::Cancelled],
        ..all.clone()
    };
    assert_eq!(ids(store, over).await, ["d"]);
    let recent = JobQuery {
        submitted_since: Some(second(20).as_seconds()),
        ..all
    };
    assert_eq!(ids(store, recent.clone()).await, ["d", "c", "b"]);
    let everything = JobQuery {
        statuses: vec![JobStatus::Working, JobStatus::Cancelled],
        owner: text("worker-1"),
        submitted_since: Some(second(5).as_seconds()),
        ..rendering
    };
    assert_eq!(ids(store, everything).await, ["a"]);
}

pub(super) async fn a_change_of_a_job_whose_caller_went_away_is_all_or_nothing(store: &Store) {
    let size = 40;
    for n in 0..size {
        create(store, &new_job(&format!("job-{n}")), second(n)).await;
        claimed(store, "worker-1").await;
    }
    let deltas = |progress: u32| -> Vec<JobDelta> {
        (0..size)
            .map(|n| JobDelta {
                id: format!("job-{n}"),
                progress: Some(progress.into()),
                ..JobDelta::default()
            })
            .collect()
    };
    let query = JobQuery {
        limit: 200,
        ..JobQuery::default()
    };
    for round in 1..=40 {
        let batch = deltas(round);
        {
            // Dropped after so many steps, so that each round stops somewhere else.
            let mut writing = std::pin::pin!(store.apply_deltas("worker-1", &batch, now()));
            for _ in 0..round * 4 {
                tokio::select! {
                    biased;
                    _ = &mut writing => break,
                    () = tokio::task::yield_now() => {}
                }
                std::thread::yield_now();
            }
        }
        let jobs = store.jobs(&query).await.expect("the store answers");
        let progress: BTreeSet<String> = jobs
            .iter()
            .map(|job| format!("{:?}", job.row.progress))
            .collect();
        assert_eq!(progress.len(), 1, "{progress:?}");
    }
    report(store, "worker-1", &deltas(99)).await;
    assert_eq!(job(store, "job-7").await.row.progress, Some(99.0));
}

pub(super) async fn old_jobs_are_forgotten_with_their_events(store: &Store) {
    for n in 0..5 {
        let id = format!("job-{n}");
        create(store, &new_job(&id), second(n)).await;
        store
            .cancel_job(&id, None, second(10 + n))
            .await
            .expect("the store answers")
            .expect("it is there and not refused");
    }
    create(store, &new_job("waiting"), second(0)).await;
    let forget = async |before: i64, limit: u32| {
        let done = store.forget_jobs(second(before), limit).await;
        done.expect("old jobs are deleted")
    };
    assert_eq!(forget(10, 100).await, 0);
    assert_eq!(forget(14, 3).await, 3);
    assert_eq!(forget(14, 3).await, 1);
    assert_eq!(forget(14, 3).await, 0);
    let all = JobQuery {
        limit: 50,
        ..JobQuery::default()
    };
    assert_eq!(ids(store, all).await, ["job-4", "waiting"]);
    // A new job of the same id begins a new log.
    create(store, &new_job("job-0"), second(20)).await;
    let event = store
        .append_job_event("job-0", &NewJobEvent::default(), now())
        .await;
    assert_eq!(event.expect("there is one").expect("there is one").seq, 1);
}
