//! A server that goes away, comes back, or only stays silent.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mesh_core::Timestamp;
use mesh_store::{Change, EventQuery, Store, StoreError, StoreErrorKind};
use mesh_test::postgres::{Durability, Postgres, Stop};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::{open, run};
use crate::fixture::{agent, new_job, postgres};

/// The longest that a call may take, with room for a busy machine.
const LIMIT: Duration = Duration::from_secs(15);

/// One call of each kind: a reader, a writer under the claim, a change of a job.
async fn calls(store: &Store, round: u32) -> [Result<(), StoreError>; 3] {
    let changes = [Change::Put(agent(&format!("agent-{round}")))];
    let job = new_job(&format!("job-{round}"));
    let now = Timestamp::from_seconds(1_790_000_000);
    let query = EventQuery::default();
    let (read, written, created) = tokio::join!(
        store.events(&query),
        store.apply(&changes),
        store.create_job(&job, now)
    );
    [read.map(drop), written, created.map(drop)]
}

#[tokio::test]
async fn a_server_that_is_stopped_costs_errors_until_it_is_back() {
    let mut server = Postgres::start(Durability::Full).unwrap();
    let store = open(&server.database().unwrap()).await;
    for (how, first) in [(Stop::Fast, 10), (Stop::Immediate, 20)] {
        for outcome in calls(&store, first).await {
            outcome.unwrap();
        }
        server.stop(how).unwrap();
        for round in first + 1..first + 3 {
            let asked = Instant::now();
            for outcome in calls(&store, round).await {
                let kind = outcome.unwrap_err().kind();
                let expected = [StoreErrorKind::Busy, StoreErrorKind::Storage];
                assert!(expected.contains(&kind), "{kind:?}");
            }
            assert!(asked.elapsed() < LIMIT, "{:?}", asked.elapsed());
            assert!(store.ping().await.is_err());
        }
        server.resume().unwrap();
        for outcome in calls(&store, first + 9).await {
            outcome.unwrap();
        }
        store.ping().await.unwrap();
        assert!(store.job(&format!("job-{first}")).await.unwrap().is_some());
        assert!(
            store
                .job(&format!("job-{}", first + 1))
                .await
                .unwrap()
                .is_none()
        );
    }
    let agents = store.load_agents().await.unwrap();
    let expected = [10, 19, 20, 29].map(|round| agent(&format!("agent-{round}")));
    assert_eq!(agents, expected);
}

#[tokio::test]
async fn sessions_that_were_ended_are_replaced_unnoticed() {
    let url = postgres();
    let store = open(&url).await;
    for round in 0..3 {
        for outcome in calls(&store, round).await {
            outcome.unwrap();
        }
        run(
            &url,
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
             WHERE application_name = 'mcp-mesh-registry' AND datname = current_database()",
        );
    }
    assert_eq!(store.load_agents().await.unwrap().len(), 3);
}

/// Stands between registry and server, and stops to pass anything on.
async fn silence(server: SocketAddr) -> (SocketAddr, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it is bound");
    let (silent, heard) = watch::channel(false);
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut heard = heard.clone();
            tokio::spawn(async move {
                while *heard.borrow() {
                    heard.changed().await.expect("the test goes on");
                }
                heard.mark_unchanged();
                let mut far = TcpStream::connect(server)
                    .await
                    .expect("the server is there");
                tokio::select! {
                    _ = copy_bidirectional(&mut near, &mut far) => {}
                    // Held open for a while, and never heard of again.
                    _ = heard.changed() => {
                        let _ = heard.changed().await;
                    }
                }
            });
        }
    });
    (address, silent)
}

#[tokio::test]
async fn a_server_that_falls_silent_is_given_up_in_time() {
    let url = postgres();
    let server = Postgres::shared().port();
    let (address, silent) = silence(SocketAddr::from(([127, 0, 0, 1], server))).await;
    let store = open(&url.replace(&server.to_string(), &address.port().to_string())).await;
    for outcome in calls(&store, 1).await {
        outcome.unwrap();
    }
    silent.send(true).unwrap();
    let asked = Instant::now();
    for outcome in calls(&store, 2).await {
        assert_eq!(outcome.unwrap_err().kind(), StoreErrorKind::Busy);
    }
    assert!(asked.elapsed() < LIMIT, "{:?}", asked.elapsed());
    silent.send(false).unwrap();
    for outcome in calls(&store, 3).await {
        outcome.unwrap();
    }
    store.ping().await.unwrap();
}

#[tokio::test]
async fn rows_that_stay_locked_are_reported_as_busy() {
    let url = postgres();
    let store = open(&url).await;
    for outcome in calls(&store, 1).await {
        outcome.unwrap();
    }
    let locked = url.clone();
    let other = std::thread::spawn(move || {
        let sql = "BEGIN; LOCK mcp_mesh.agents, mcp_mesh.jobs; SELECT pg_sleep(60)";
        let database = locked.rsplit('/').next().unwrap();
        assert!(
            Postgres::shared().run(database, sql).is_err(),
            "it is ended below"
        );
    });
    let held = "SELECT count(*) FROM pg_locks WHERE relation = 'mcp_mesh.jobs'::regclass \
         AND mode = 'AccessExclusiveLock' AND granted";
    while run(&url, held) == "0" {
        tokio::task::yield_now().await;
    }
    let asked = Instant::now();
    let [read, written, created] = calls(&store, 2).await;
    assert!(asked.elapsed() < LIMIT, "{:?}", asked.elapsed());
    for outcome in [read, written, created] {
        assert_eq!(outcome.unwrap_err().kind(), StoreErrorKind::Busy);
    }
    run(
        &url,
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK%' \
         AND datname = current_database()",
    );
    other.join().unwrap();
    for outcome in calls(&store, 3).await {
        outcome.unwrap();
    }
}
