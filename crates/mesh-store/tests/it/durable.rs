//! A file across restarts, beside other processes, and under a lock.

use std::fs;
use std::time::Duration;

use mesh_core::wire::EventKind;
use mesh_store::job::{EventRead, NewJobEvent};
use mesh_store::{Change, EventQuery, JournalMode, SqliteOptions, StoreErrorKind, Synchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection, query};

use crate::fixture::{Home, agent, event, new_job, now};

async fn other_program(home: &Home, name: &str) -> SqliteConnection {
    sqlx::sqlite::SqliteConnectOptions::new()
        .filename(home.path(name))
        .connect()
        .await
        .expect("another program opens the file")
}

#[tokio::test]
async fn a_restart_finds_what_was_written() {
    let home = Home::new();
    let store = home.open("sqlite:mesh.db").await;
    let changes = [
        Change::Put(agent("a")),
        Change::Record(event(EventKind::Register, "a")),
    ];
    store.apply(&changes).await.unwrap();
    store.close().await;

    let store = home.open("mesh.db").await;
    assert_eq!(store.load_agents().await.unwrap(), [agent("a")]);
    let newest = EventQuery {
        limit: 1,
        ..EventQuery::default()
    };
    assert_eq!(store.events(&newest).await.unwrap()[0].agent_id, "a");
    store.close().await;
}

#[tokio::test]
async fn a_store_that_is_dropped_instead_of_closed_loses_nothing() {
    let mut home = Home::new();
    let store = home.open("mesh.db").await;
    store.apply(&[Change::Put(agent("a"))]).await.unwrap();
    drop(store);
    home.options = SqliteOptions::default(); // waits until the first has let go
    let store = home.open("mesh.db").await;
    assert_eq!(store.load_agents().await.unwrap(), [agent("a")]);
}

#[tokio::test]
async fn a_change_of_a_job_survives_a_registry_that_is_killed() {
    let home = Home::new();
    let store = home.open("mesh.db").await;
    store.create_job(&new_job("a"), now()).await.unwrap();
    let claim = store.claim_job("render", "worker", now()).await.unwrap();
    let claimed = claim.job.unwrap().row;
    let event = NewJobEvent::default();
    store
        .append_job_event("a", &event, now())
        .await
        .unwrap()
        .unwrap();
    store.set_draining(true).await.unwrap();
    // As a killed registry leaves it: all of it acknowledged, none of it in the file yet.
    for suffix in ["", "-wal"] {
        let from = home.path(&format!("mesh.db{suffix}"));
        fs::copy(from, home.path(&format!("killed.db{suffix}"))).unwrap();
    }
    let found = home.open("killed.db").await;
    assert_eq!(found.job("a").await.unwrap().unwrap().row, claimed);
    let read = EventRead {
        limit: 10,
        ..EventRead::default()
    };
    let events = found.read_job_events("a", &read, now()).await.unwrap();
    assert_eq!(events.unwrap().len(), 1);
    assert!(found.draining().await.unwrap());
}

#[tokio::test]
async fn every_mode_writes_and_reads() {
    let journals = [
        JournalMode::Wal,
        JournalMode::Delete,
        JournalMode::Truncate,
        JournalMode::Persist,
    ];
    let synchronous = [
        Synchronous::Off,
        Synchronous::Normal,
        Synchronous::Full,
        Synchronous::Extra,
    ];
    let mut home = Home::new();
    for (journal_mode, synchronous) in journals.into_iter().zip(synchronous) {
        home.options.journal_mode = journal_mode;
        home.options.synchronous = synchronous;
        // The same file, so that each mode takes over from the one before.
        let store = home.open("mesh.db").await;
        let name = format!("agent-{}", journal_mode.as_str().to_lowercase());
        store.apply(&[Change::Put(agent(&name))]).await.unwrap();
        store.ping().await.unwrap();
        store.close().await;
    }
    let store = home.open("mesh.db").await;
    assert_eq!(store.load_agents().await.unwrap().len(), journals.len());
}

#[tokio::test]
async fn closing_leaves_one_file_and_its_lock() {
    let home = Home::new();
    let store = home.open("state/mesh.db").await;
    store.apply(&[Change::Put(agent("a"))]).await.unwrap();
    store.close().await;
    let mut names: Vec<String> = fs::read_dir(home.path("state"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["mesh.db", "mesh.db.lock"]);
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_created_is_private() {
    use std::os::unix::fs::PermissionsExt;

    let home = Home::new();
    let store = home.open("new/deep/mesh.db").await;
    store.apply(&[Change::Put(agent("a"))]).await.unwrap();
    let mode = |name: &str| fs::metadata(home.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("new"), 0o700);
    assert_eq!(mode("new/deep"), 0o700);
    assert_eq!(mode("new/deep/mesh.db"), 0o600);
    assert_eq!(mode("new/deep/mesh.db-wal"), 0o600);
}

#[tokio::test]
async fn a_second_registry_on_the_same_file_is_refused() {
    let home = Home::new();
    let first = home.open("mesh.db").await;
    let error = home.try_open("mesh.db").await.unwrap_err();
    insta::assert_snapshot!(home.told(&error), @r"
    the database `[HOME]/mesh.db` is in use by another process
    hint: stop the other registry, or set `DATABASE_URL` to another file
    kind: Setting
    ");
    first.close().await;
    home.open("mesh.db").await;
}

#[tokio::test]
async fn a_registry_waits_for_one_that_is_stopping() {
    let mut home = Home::new();
    let first = home.open("mesh.db").await;
    home.options.busy_timeout = Duration::from_secs(30);
    let (second, ()) = tokio::join!(home.try_open("mesh.db"), first.close());
    second.unwrap();
}

#[tokio::test]
async fn a_lock_that_is_released_in_time_costs_only_time() {
    let home = Home::new();
    let store = home.open("mesh.db").await;
    let mut other = other_program(&home, "mesh.db").await;
    query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let changes = [Change::Put(agent("a"))];
    let release = async {
        tokio::time::sleep(Duration::from_millis(120)).await;
        query("COMMIT").execute(&mut other).await.unwrap();
    };
    let (applied, ()) = tokio::join!(store.apply(&changes), release);
    applied.unwrap();
    assert_eq!(store.load_agents().await.unwrap(), [agent("a")]);
}

#[tokio::test]
async fn a_lock_that_stays_is_reported_as_busy() {
    let home = Home::new();
    let store = home.open("mesh.db").await;
    let mut other = other_program(&home, "mesh.db").await;
    query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let changes = [Change::Put(agent("a"))];
    let error = store.apply(&changes).await.unwrap_err();
    insta::assert_snapshot!(home.told(&error), @r"
    the database `[HOME]/mesh.db` stayed locked while trying to write changes
    hint: find the program that keeps it locked, or raise `DB_BUSY_TIMEOUT`
    kind: Busy
    ");
    // Readiness tells the truth as long as the last write failed.
    assert_eq!(store.ping().await.unwrap_err().kind(), StoreErrorKind::Busy);
    other.close().await.unwrap();
    store.ping().await.unwrap();
    store.apply(&changes).await.unwrap();
}

#[tokio::test]
async fn whoever_queued_behind_a_lock_that_stays_does_not_meet_it_anew() {
    let home = Home::new();
    let store = home.open("mesh.db").await;
    let mut other = other_program(&home, "mesh.db").await;
    query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let asked = std::time::Instant::now();
    let names = ["a", "b", "c", "d", "e", "f"];
    let writes: Vec<_> = names
        .into_iter()
        .map(|name| {
            let store = store.clone();
            tokio::spawn(async move { store.apply(&[Change::Put(agent(name))]).await })
        })
        .collect();
    for write in writes {
        let error = write.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Busy);
    }
    let waited = asked.elapsed();
    assert!(waited < home.options.busy_timeout * 3, "{waited:?}");
    other.close().await.unwrap();
    store.apply(&[Change::Put(agent("a"))]).await.unwrap();
    assert_eq!(store.load_agents().await.unwrap(), [agent("a")]);
}

#[tokio::test]
async fn readers_do_not_wait_for_another_programs_lock() {
    let home = Home::new();
    let store = home.open("mesh.db").await;
    store.apply(&[Change::Put(agent("a"))]).await.unwrap();
    let mut other = other_program(&home, "mesh.db").await;
    query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    store.ping().await.unwrap();
    assert_eq!(store.load_agents().await.unwrap(), [agent("a")]);
}

/// Windows lets nobody take away a file that is in use.
#[cfg(unix)]
#[tokio::test]
async fn a_file_that_vanishes_is_noticed() {
    let home = Home::new();
    let store = home.open("mesh.db").await;
    store.ping().await.unwrap();
    fs::rename(home.path("mesh.db"), home.path("elsewhere.db")).unwrap();
    let error = store.ping().await.unwrap_err();
    let refused = store.apply(&[Change::Put(agent("a-1"))]).await;
    assert_eq!(home.told(&refused.unwrap_err()), home.told(&error));
    insta::assert_snapshot!(home.told(&error), @r"
    the database `[HOME]/mesh.db` has vanished while in use
    hint: put the file back, or restart the registry: it starts a new one and the agents register again
    kind: Storage
    ");
}
