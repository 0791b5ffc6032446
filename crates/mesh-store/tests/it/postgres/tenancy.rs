//! One database for several programs, and one registry in it.

use mesh_store::Change;

use super::{open, refused, run};
use crate::fixture::{agent, postgres};

#[tokio::test]
async fn the_published_registrys_tables_stay_as_they_are() {
    let url = postgres();
    run(
        &url,
        "CREATE TABLE agents (agent_id text PRIMARY KEY, agent_type text, namespace text); \
         CREATE TABLE registry_events (id int); INSERT INTO agents VALUES ('hello-1', 'mcp_agent', 'default')",
    );
    let store = open(&url).await;
    assert_eq!(store.load_agents().await.unwrap(), []);
    store.apply(&[Change::Put(agent("a"))]).await.unwrap();
    store.close().await;
    assert_eq!(run(&url, "SELECT agent_id FROM public.agents"), "hello-1");
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(run(&url, tables), "2");
    assert_eq!(run(&url, "SELECT agent_id FROM mcp_mesh.agents"), "a");
}

#[tokio::test]
async fn a_restart_finds_what_was_written() {
    let url = postgres();
    let store = open(&url).await;
    store.apply(&[Change::Put(agent("a"))]).await.unwrap();
    store.close().await;
    assert_eq!(open(&url).await.load_agents().await.unwrap(), [agent("a")]);
}

#[tokio::test]
async fn a_second_registry_on_the_same_database_is_refused() {
    let url = postgres();
    let first = open(&url).await;
    insta::assert_snapshot!(refused(&url).await, @r"
    the database `postgres://mesh@127.0.0.1:[PORT]/mesh_[N]` is in use by another registry
    hint: stop the other registry, or set `DATABASE_URL` to another database
    kind: Setting
    ");
    // Another database of the same server is another matter.
    open(&postgres()).await;
    first.close().await;
    open(&url).await;
}

#[tokio::test]
async fn a_registry_waits_for_one_that_is_stopping() {
    let url = postgres();
    let first = open(&url).await;
    let stopping = async {
        // Let the second one ask first.
        let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
        while run(&url, waiting) == "0" {
            tokio::task::yield_now().await;
        }
        first.close().await;
    };
    tokio::join!(open(&url), stopping);
}

#[tokio::test]
async fn registries_that_start_together_make_one_schema() {
    let url = postgres();
    let starts = (0..4).map(async |_| open(&url).await.close().await);
    futures_util::future::join_all(starts).await;
    assert_eq!(
        run(&url, "SELECT count(*) FROM mcp_mesh._sqlx_migrations"),
        "2"
    );
}

#[tokio::test]
async fn idle_connections_are_given_back() {
    let url = postgres();
    let store = open(&url).await;
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.ping().await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mcp-mesh-registry' \
         AND datname = current_database()";
    // Five, the one that writes, and none that is still saying goodbye.
    let mut open: i64 = run(&url, sessions).parse().unwrap();
    for _ in 0..100 {
        if open <= 6 {
            break;
        }
        tokio::task::yield_now().await;
        open = run(&url, sessions).parse().unwrap();
    }
    assert!(open <= 6, "{open} sessions stay open");
}
