//! The database that the published registry leaves at the default path.

use std::fs;
use std::path::Path;

use mesh_store::Change;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection, query, query_scalar};

use crate::fixture::{Home, agent};

/// Its main tables, by their names and columns.
const TABLES: &str = "
    CREATE TABLE ent_types (id INTEGER PRIMARY KEY AUTOINCREMENT, type TEXT NOT NULL UNIQUE);
    CREATE TABLE agents (
        agent_id TEXT NOT NULL PRIMARY KEY, agent_type TEXT NOT NULL, runtime TEXT, name TEXT NOT NULL,
        version TEXT, description TEXT, a2a_producer BOOL, a2a_consumer BOOL, http_host TEXT,
        http_port INTEGER, namespace TEXT NOT NULL DEFAULT 'default', status TEXT NOT NULL DEFAULT 'healthy',
        total_dependencies INTEGER NOT NULL DEFAULT 0, dependencies_resolved INTEGER NOT NULL DEFAULT 0,
        created_at DATETIME NOT NULL, updated_at DATETIME NOT NULL, last_full_refresh DATETIME NOT NULL,
        entity_id TEXT, a2a_surfaces JSON);
    CREATE TABLE capabilities (
        id INTEGER PRIMARY KEY AUTOINCREMENT, function_name TEXT NOT NULL, capability TEXT NOT NULL,
        version TEXT NOT NULL DEFAULT '1.0.0', tags JSON, dependencies JSON,
        agent_capabilities TEXT NOT NULL REFERENCES agents (agent_id) ON DELETE CASCADE);
    CREATE TABLE registry_events (
        id INTEGER PRIMARY KEY AUTOINCREMENT, event_type TEXT NOT NULL, function_name TEXT,
        timestamp DATETIME NOT NULL, data JSON NOT NULL);
    INSERT INTO agents (agent_id, agent_type, name, created_at, updated_at, last_full_refresh)
        VALUES ('hello-1a2b3c4d', 'mcp_agent', 'hello', '2026-01-01', '2026-01-01', '2026-01-01');
";

async fn connect(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
        .connect()
        .await
        .expect("the test opens the file itself")
}

async fn published(path: &Path) -> SqliteConnection {
    let mut connection = connect(path).await;
    sqlx::raw_sql(TABLES)
        .execute(&mut connection)
        .await
        .expect("its tables are made");
    connection
}

#[tokio::test]
async fn it_is_kept_aside_and_a_new_one_is_started() {
    let home = Home::new();
    published(&home.path("mesh.db"))
        .await
        .close()
        .await
        .unwrap();

    let (store, opened) = home.try_open("mesh.db").await.unwrap();
    let kept = home.path("mesh.upstream-20260921T141820Z.db");
    assert_eq!(opened.kept_aside.as_deref(), Some(kept.as_path()));
    assert_eq!(store.load_agents().await.unwrap(), []);
    store.apply(&[Change::Put(agent("a"))]).await.unwrap();
    store.close().await;

    let mut old = connect(&kept).await;
    let agent_id: String = query_scalar("SELECT agent_id FROM agents")
        .fetch_one(&mut old)
        .await
        .unwrap();
    assert_eq!(agent_id, "hello-1a2b3c4d");

    let (store, opened) = home.try_open("mesh.db").await.unwrap();
    assert_eq!(opened.kept_aside, None);
    assert_eq!(store.load_agents().await.unwrap(), [agent("a")]);
}

#[tokio::test]
async fn what_its_log_still_holds_is_kept_too() {
    let home = Home::new();
    let writer = published(&home.path("live.db")).await;
    // As a killed registry leaves it: rows in the log, none of them in the file yet.
    for suffix in ["", "-wal"] {
        let from = home.path(&format!("live.db{suffix}"));
        fs::copy(from, home.path(&format!("mesh.db{suffix}"))).unwrap();
    }
    writer.close().await.unwrap();

    let (_store, opened) = home.try_open("mesh.db").await.unwrap();
    let mut old = connect(&opened.kept_aside.unwrap()).await;
    let count: i64 = query_scalar("SELECT count(*) FROM agents")
        .fetch_one(&mut old)
        .await
        .unwrap();
    assert_eq!(count, 1);
}

#[tokio::test]
async fn an_earlier_copy_is_never_overwritten() {
    let home = Home::new();
    let earlier = home.path("mesh.upstream-20260921T141820Z.db");
    fs::write(&earlier, "precious").unwrap();
    published(&home.path("mesh.db"))
        .await
        .close()
        .await
        .unwrap();
    let (_store, opened) = home.try_open("mesh.db").await.unwrap();
    assert_eq!(
        opened.kept_aside,
        Some(home.path("mesh.upstream-20260921T141820Z-2.db"))
    );
    assert_eq!(fs::read_to_string(earlier).unwrap(), "precious");
}

#[tokio::test]
async fn it_stays_in_place_while_the_published_registry_runs() {
    let home = Home::new();
    let mut running = published(&home.path("mesh.db")).await;
    let error = home.try_open("mesh.db").await.unwrap_err();
    insta::assert_snapshot!(home.told(&error), @r"
    the database `[HOME]/mesh.db` is in use by another process
    hint: stop the other registry, or set `DATABASE_URL` to another file
    kind: Setting
    ");
    query("DELETE FROM agents")
        .execute(&mut running)
        .await
        .unwrap();
    running.close().await.unwrap();
}
