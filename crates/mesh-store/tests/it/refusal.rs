//! Files and URLs that are refused, what the user is told, and that nothing was touched.

use std::fs;
use std::io::{Seek, SeekFrom, Write};

use mesh_store::Change;
use sqlx::{ConnectOptions, Connection, SqliteConnection, query};

use crate::fixture::{Home, agent};

async fn refused(home: &Home, url: &str) -> String {
    let error = home.try_open(url).await.expect_err("it is refused");
    home.told(&error)
}

async fn sqlite(home: &Home, name: &str) -> SqliteConnection {
    sqlx::sqlite::SqliteConnectOptions::new()
        .filename(home.path(name))
        .create_if_missing(true)
        .connect()
        .await
        .expect("the test opens the file itself")
}

#[tokio::test]
async fn a_folder_is_no_database() {
    let home = Home::new();
    fs::create_dir(home.path("mesh.db")).unwrap();
    insta::assert_snapshot!(refused(&home, "mesh.db").await, @r"
    the database `[HOME]/mesh.db` is a folder
    hint: set `DATABASE_URL` to a file, such as `mcp_mesh_registry.db`
    kind: Setting
    ");
}

#[tokio::test]
async fn a_file_is_no_folder() {
    let home = Home::new();
    fs::write(home.path("state"), "").unwrap();
    for url in ["state/mesh.db", "state/of/the/mesh.db"] {
        let told = refused(&home, url).await;
        insta::allow_duplicates! { insta::assert_snapshot!(told, @r"
        `[HOME]/state` is a file, and the database needs a folder there
        hint: move it away, or set `DATABASE_URL` to a file elsewhere
        kind: Setting
        "); }
    }
    assert_eq!(fs::read(home.path("state")).unwrap(), b"");
}

#[tokio::test]
async fn text_is_no_database() {
    let home = Home::new();
    for text in ["hello", &"hello ".repeat(2000)] {
        fs::write(home.path("mesh.db"), text).unwrap();
        let told = refused(&home, "mesh.db").await;
        insta::allow_duplicates! { insta::assert_snapshot!(told, @r"
        `[HOME]/mesh.db` is not a SQLite database
        hint: set `DATABASE_URL` to another file, or move this one away
        kind: Data
        "); }
        assert_eq!(fs::read_to_string(home.path("mesh.db")).unwrap(), text);
    }
}

#[tokio::test]
async fn an_empty_file_is_a_new_database() {
    let home = Home::new();
    fs::write(home.path("mesh.db"), "").unwrap();
    let store = home.open("mesh.db").await;
    assert_eq!(store.load_agents().await.unwrap(), []);
}

#[tokio::test]
async fn a_damaged_file_is_refused() {
    let home = Home::new();
    let store = home.open("mesh.db").await;
    let changes: Vec<Change> = (0..1000)
        .map(|n| Change::Put(agent(&format!("agent-{n}"))))
        .collect();
    store.apply(&changes).await.unwrap();
    store.close().await;

    let mut file = fs::OpenOptions::new()
        .write(true)
        .open(home.path("mesh.db"))
        .unwrap();
    let size = file.metadata().unwrap().len();
    file.seek(SeekFrom::Start(size / 2)).unwrap();
    let junk = vec![0xa5; usize::try_from(size / 2).unwrap()];
    file.write_all(&junk).unwrap();
    drop(file);

    // The first half is whole, so the damage shows when the registry loads its state.
    let store = home.open("mesh.db").await;
    let error = store.load_agents().await.unwrap_err();
    insta::assert_snapshot!(home.told(&error), @r"
    the database `[HOME]/mesh.db` is damaged: failed to load the agents
    hint: restore a backup, or move the file away: agents register again by themselves
    kind: Data
    ");
}

#[tokio::test]
async fn another_programs_database_is_refused_and_left_alone() {
    let home = Home::new();
    let mut other = sqlite(&home, "mesh.db").await;
    query("CREATE TABLE agents (id INTEGER PRIMARY KEY, name TEXT)")
        .execute(&mut other)
        .await
        .unwrap();
    other.close().await.unwrap();
    let before = fs::read(home.path("mesh.db")).unwrap();
    insta::assert_snapshot!(refused(&home, "mesh.db").await, @r"
    the database `[HOME]/mesh.db` belongs to another program
    hint: set `DATABASE_URL` to another file, or move this one away
    kind: Data
    ");
    assert_eq!(fs::read(home.path("mesh.db")).unwrap(), before);
}

#[tokio::test]
async fn a_newer_releases_database_is_refused_and_left_alone() {
    let home = Home::new();
    home.open("mesh.db").await.close().await;
    let mut future = sqlite(&home, "mesh.db").await;
    query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (99, 'rooms', true, x'00', 1)",
    )
    .execute(&mut future)
    .await
    .unwrap();
    query("PRAGMA journal_mode = DELETE")
        .execute(&mut future)
        .await
        .unwrap();
    future.close().await.unwrap();
    let before = fs::read(home.path("mesh.db")).unwrap();
    let refusal = refused(&home, "mesh.db").await;
    insta::assert_snapshot!(refusal.replace(env!("CARGO_PKG_VERSION"), "[VERSION]"), @r"
    the database `[HOME]/mesh.db` has schema version 99, and mcp-mesh [VERSION] knows versions up to 2
    hint: start the release that wrote it or a later one, or set `DATABASE_URL` to another file
    kind: Data
    ");
    assert_eq!(fs::read(home.path("mesh.db")).unwrap(), before);
}

#[tokio::test]
async fn a_row_that_nobody_can_read_is_named() {
    let home = Home::new();
    let store = home.open("mesh.db").await;
    store.apply(&[Change::Put(agent("a"))]).await.unwrap();
    let mut other = sqlite(&home, "mesh.db").await;
    query("UPDATE agents SET status = 'dizzy'")
        .execute(&mut other)
        .await
        .unwrap();
    let error = store.load_agents().await.unwrap_err();
    insta::assert_snapshot!(home.told(&error), @r"
    the database `[HOME]/mesh.db` has an unreadable row `a` in `agents`: unknown status `dizzy`
    hint: restore a backup, or move the file away: agents register again by themselves
    kind: Data
    ");
}
