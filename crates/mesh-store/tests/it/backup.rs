//! Copies of a database, and putting one back.

use std::fs;
use std::path::PathBuf;

use mesh_core::{Clock, Timestamp};
use mesh_store::job::JobQuery;
use mesh_store::{Change, DatabaseUrl, Restored, Store, StoreError, backup, restore};
use sqlx::{ConnectOptions, Connection, SqliteConnection, query};

use crate::fixture::{Home, agent, new_job, now};

const KEPT: &str = "mesh.replaced-20260921T141820Z.db";

impl Home {
    fn url(&self, text: &str) -> DatabaseUrl {
        DatabaseUrl::parse(text, &self.path("")).expect("a good URL")
    }

    async fn back_up(&self, url: &str, copy: &str) -> Result<u64, StoreError> {
        let made = backup(&self.url(url), &self.options, &self.path(copy)).await?;
        assert_eq!(made.database, self.path("mesh.db"));
        Ok(made.bytes)
    }

    async fn restore(&self, url: &str, copy: &str) -> Result<Restored, StoreError> {
        let clock = Clock::fixed(Timestamp::from_seconds(1_790_000_300));
        restore(&self.url(url), &self.options, &self.path(copy), &clock).await
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path(""))
            .expect("the folder is read")
            .map(|entry| entry.expect("an entry").file_name())
            .map(|name| name.into_string().expect("UTF-8"))
            // Whoever reads a file without writing cannot take its log away again.
            .filter(|name| !name.starts_with("mesh.db-"))
            .collect();
        names.sort();
        names
    }

    /// What the user is told about an error with a cause.
    fn told_why(&self, error: &StoreError) -> String {
        let StoreError::NotABackup { source, .. } = error else {
            return self.told(error);
        };
        let reason = self.told(source);
        let reason = reason.lines().next().expect("a reason");
        let told = self.told(error);
        let (first, rest) = told.split_once('\n').expect("a hint");
        format!("{first}: {reason}\n{rest}")
    }
}

async fn raw(path: PathBuf) -> SqliteConnection {
    sqlx::sqlite::SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .connect()
        .await
        .expect("the test opens the file itself")
}

async fn put(store: &Store, name: &str) {
    let changes = [Change::Put(agent(name))];
    store.apply(&changes).await.expect("the agent is stored");
}

async fn names_in(store: &Store) -> Vec<String> {
    let agents = store.load_agents().await.expect("the agents are loaded");
    agents
        .into_iter()
        .map(|agent| agent.agent_id.as_str().to_owned())
        .collect()
}

#[tokio::test]
async fn a_copy_of_a_running_database_is_one_moment_of_it() {
    let home = Home::new();
    let store = home.open("mesh.db").await;
    put(&store, "a").await;
    // Pairs that a copy must not tear.
    let writing = {
        let store = store.clone();
        tokio::spawn(async move {
            for round in 0..400 {
                let pair =
                    ["left", "right"].map(|side| Change::Put(agent(&format!("{side}-{round}"))));
                store.apply(&pair).await.expect("the pair is stored");
                let id = format!("job-{round}");
                store
                    .create_job(&new_job(&id), now())
                    .await
                    .expect("the job is stored");
            }
        })
    };
    for copy in ["one.db", "two.db", "three.db"] {
        let bytes = home.back_up("mesh.db", copy).await.unwrap();
        assert_eq!(bytes, fs::metadata(home.path(copy)).unwrap().len());
    }
    writing.await.unwrap();
    home.back_up("mesh.db", "last.db").await.unwrap();
    store.close().await;

    for copy in ["one.db", "two.db", "three.db", "last.db"] {
        let store = home.open(copy).await;
        let names = names_in(&store).await;
        assert!(names.contains(&"a".to_owned()));
        let count = |side: &str| names.iter().filter(|name| name.starts_with(side)).count();
        assert_eq!(count("left-"), count("right-"));
        let query = JobQuery {
            limit: 1000,
            ..JobQuery::default()
        };
        let jobs = store.jobs(&query).await.unwrap().len();
        assert!(count("left-") - jobs <= 1, "{jobs} jobs");
        if copy == "last.db" {
            assert_eq!((count("left-"), jobs), (400, 400));
        }
        store.close().await;
    }
}

#[tokio::test]
async fn a_copy_brings_back_what_was_there_and_the_replaced_one_is_kept() {
    let home = Home::new();
    let store = home.open("mesh.db").await;
    put(&store, "before").await;
    store.create_job(&new_job("job"), now()).await.unwrap();
    home.back_up("mesh.db", "copy.db").await.unwrap();
    put(&store, "after").await;
    store.close().await;

    let restored = home.restore("mesh.db", "copy.db").await.unwrap();
    let expected = Restored {
        database: home.path("mesh.db"),
        kept_aside: Some(home.path(KEPT)),
    };
    assert_eq!(restored, expected);
    assert_eq!(home.names(), ["copy.db", "mesh.db", "mesh.db.lock", KEPT]);
    let store = home.open("mesh.db").await;
    assert_eq!(names_in(&store).await, ["before"]);
    assert!(store.job("job").await.unwrap().is_some());
    store.close().await;
    let kept = home.open(KEPT).await;
    assert_eq!(names_in(&kept).await, ["after", "before"]);
    kept.close().await;
    // The copy serves again, and no earlier database is overwritten.
    let again = home.restore("mesh.db", "copy.db").await.unwrap();
    let second = home.path("mesh.replaced-20260921T141820Z-2.db");
    assert_eq!(again.kept_aside, Some(second));
}

#[tokio::test]
async fn a_copy_is_restored_where_there_was_nothing() {
    let home = Home::new();
    let store = home.open("mesh.db").await;
    put(&store, "a").await;
    home.back_up("mesh.db", "copy.db").await.unwrap();
    let restored = home.restore("new/place/mesh.db", "copy.db").await.unwrap();
    assert_eq!(restored.kept_aside, None);
    let moved = home.open("new/place/mesh.db").await;
    assert_eq!(names_in(&moved).await, ["a"]);
}

#[cfg(unix)]
#[tokio::test]
async fn copies_are_private() {
    use std::os::unix::fs::PermissionsExt;

    let home = Home::new();
    home.open("mesh.db").await.close().await;
    home.back_up("mesh.db", "copy.db").await.unwrap();
    home.restore("mesh.db", "copy.db").await.unwrap();
    for name in ["copy.db", "mesh.db", KEPT] {
        let mode = fs::metadata(home.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_database_that_a_registry_holds_is_not_replaced() {
    let home = Home::new();
    let store = home.open("mesh.db").await;
    put(&store, "a").await;
    home.back_up("mesh.db", "copy.db").await.unwrap();
    let before = home.names();
    let error = home.restore("mesh.db", "copy.db").await.unwrap_err();
    insta::assert_snapshot!(home.told(&error), @r"
    the database `[HOME]/mesh.db` is in use by another process
    hint: stop the other registry, or set `DATABASE_URL` to another file
    kind: Setting
    ");
    assert_eq!(home.names(), before);
    put(&store, "b").await;
    assert_eq!(names_in(&store).await, ["a", "b"]);
}

#[tokio::test]
async fn a_database_that_another_program_has_open_is_not_replaced() {
    let home = Home::new();
    home.open("mesh.db").await.close().await;
    home.back_up("mesh.db", "copy.db").await.unwrap();
    let mut other = raw(home.path("mesh.db")).await;
    query("SELECT * FROM agents")
        .fetch_all(&mut other)
        .await
        .unwrap();
    let error = home.restore("mesh.db", "copy.db").await.unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    other.close().await.unwrap();
    home.restore("mesh.db", "copy.db").await.unwrap();
}

#[tokio::test]
async fn what_is_no_backup_is_refused_and_nothing_is_touched() {
    let home = Home::new();
    let store = home.open("mesh.db").await;
    // Enough that the second half of a copy holds rows alone.
    let agents = (0..1000).map(|n| Change::Put(agent(&format!("agent-{n}"))));
    store.apply(&agents.collect::<Vec<_>>()).await.unwrap();
    store.close().await;
    let before = fs::read(home.path("mesh.db")).unwrap();

    fs::write(home.path("text.db"), "hello ".repeat(2000)).unwrap();
    fs::write(home.path("empty.db"), "").unwrap();
    fs::create_dir(home.path("folder.db")).unwrap();
    let mut foreign = raw(home.path("foreign.db")).await;
    query("CREATE TABLE agents (id INTEGER PRIMARY KEY)")
        .execute(&mut foreign)
        .await
        .unwrap();
    foreign.close().await.unwrap();
    home.back_up("mesh.db", "newer.db").await.unwrap();
    let mut newer = raw(home.path("newer.db")).await;
    query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (99, 'rooms', true, x'00', 1)",
    )
    .execute(&mut newer)
    .await
    .unwrap();
    newer.close().await.unwrap();
    home.back_up("mesh.db", "damaged.db").await.unwrap();
    let mut damaged = fs::read(home.path("damaged.db")).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle..middle + 2000].fill(0xa5);
    fs::write(home.path("damaged.db"), damaged).unwrap();
    home.back_up("mesh.db", "cut.db").await.unwrap();
    let whole = fs::read(home.path("cut.db")).unwrap();
    fs::write(home.path("cut.db"), &whole[..whole.len() / 2]).unwrap();

    let names = home.names();
    let mut told = String::new();
    for copy in [
        "none.db",
        "folder.db",
        "empty.db",
        "text.db",
        "foreign.db",
        "newer.db",
        "damaged.db",
        "cut.db",
    ] {
        let error = home.restore("mesh.db", copy).await.unwrap_err();
        told.push_str(
            &home
                .told_why(&error)
                .replace(env!("CARGO_PKG_VERSION"), "[VERSION]"),
        );
        told.push('\n');
        assert_eq!(home.names(), names, "{copy}");
        assert_eq!(fs::read(home.path("mesh.db")).unwrap(), before, "{copy}");
    }
    insta::assert_snapshot!(told, @r"
    `[HOME]/none.db` cannot be restored: there is no file `[HOME]/none.db`
    hint: name a file that `mcp-mesh-registry backup` wrote
    kind: Data
    `[HOME]/folder.db` cannot be restored: there is no file `[HOME]/folder.db`
    hint: name a file that `mcp-mesh-registry backup` wrote
    kind: Data
    `[HOME]/empty.db` cannot be restored: the database `[HOME]/empty.db` belongs to another program
    hint: name a file that `mcp-mesh-registry backup` wrote
    kind: Data
    `[HOME]/text.db` cannot be restored: `[HOME]/text.db` is not a SQLite database
    hint: name a file that `mcp-mesh-registry backup` wrote
    kind: Data
    `[HOME]/foreign.db` cannot be restored: the database `[HOME]/foreign.db` belongs to another program
    hint: name a file that `mcp-mesh-registry backup` wrote
    kind: Data
    `[HOME]/newer.db` cannot be restored: the database `[HOME]/newer.db` has schema version 99, and mcp-mesh [VERSION] knows versions up to 2
    hint: restore it with the release that wrote it or a later one
    kind: Data
    `[HOME]/damaged.db` cannot be restored: the database `[HOME]/damaged.db` is damaged: failed to verify
    hint: name a file that `mcp-mesh-registry backup` wrote
    kind: Data
    `[HOME]/cut.db` cannot be restored: the database `[HOME]/cut.db` is damaged: failed to read the header
    hint: name a file that `mcp-mesh-registry backup` wrote
    kind: Data
    ");
}

#[tokio::test]
async fn a_damaged_database_is_replaced_and_kept() {
    let home = Home::new();
    let store = home.open("mesh.db").await;
    put(&store, "a").await;
    store.close().await;
    home.back_up("mesh.db", "copy.db").await.unwrap();
    fs::write(home.path("mesh.db"), "rubbish").unwrap();
    fs::write(home.path("mesh.db-wal"), "more rubbish").unwrap();
    let restored = home.restore("mesh.db", "copy.db").await.unwrap();
    assert_eq!(restored.kept_aside, Some(home.path(KEPT)));
    assert_eq!(fs::read(home.path(KEPT)).unwrap(), b"rubbish");
    assert_eq!(
        fs::read(home.path(&format!("{KEPT}-wal"))).unwrap(),
        b"more rubbish"
    );
    let store = home.open("mesh.db").await;
    assert_eq!(names_in(&store).await, ["a"]);
}

#[tokio::test]
async fn another_programs_database_is_not_replaced() {
    let home = Home::new();
    home.open("mesh.db").await.close().await;
    home.back_up("mesh.db", "copy.db").await.unwrap();
    let mut other = raw(home.path("other.db")).await;
    query("CREATE TABLE notes (id INTEGER PRIMARY KEY)")
        .execute(&mut other)
        .await
        .unwrap();
    other.close().await.unwrap();
    let error = home.restore("other.db", "copy.db").await.unwrap_err();
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
}

#[tokio::test]
async fn a_backup_that_cannot_be_made_leaves_nothing_behind() {
    let home = Home::new();
    home.open("mesh.db").await.close().await;
    fs::write(home.path("taken.db"), "precious").unwrap();
    let names = home.names();
    let mut told = String::new();
    for (url, copy) in [
        ("mesh.db", "taken.db"),
        ("mesh.db", "no/such/folder.db"),
        ("none.db", "copy.db"),
        (":memory:", "copy.db"),
        ("postgres://mesh:secret@db/mesh", "copy.db"),
    ] {
        let error = home.back_up(url, copy).await.unwrap_err();
        told.push_str(&home.told(&error));
        told.push('\n');
        assert_eq!(home.names(), names, "{copy}");
    }
    insta::assert_snapshot!(told, @r"
    `[HOME]/taken.db` exists already
    hint: name a file that does not exist yet, or move this one away
    kind: Setting
    failed to write the backup `[HOME]/no/such/folder.db`
    hint: name a file on a disk with room, in a folder that this user may write to
    kind: Storage
    there is no file `[HOME]/none.db`
    hint: set `DATABASE_URL` to the file that the registry keeps its state in
    kind: Setting
    `:memory:` is no file, and only the file of a SQLite database can be copied or restored
    hint: set `DATABASE_URL` to the file, or copy a database in PostgreSQL with `pg_dump --schema mcp_mesh`
    kind: Setting
    `postgres://mesh:***@db/mesh` is no file, and only the file of a SQLite database can be copied or restored
    hint: set `DATABASE_URL` to the file, or copy a database in PostgreSQL with `pg_dump --schema mcp_mesh`
    kind: Setting
    ");
    assert_eq!(fs::read(home.path("taken.db")).unwrap(), b"precious");
}

#[tokio::test]
async fn an_earlier_releases_copy_is_brought_up_to_date() {
    let home = Home::new();
    let store = home.open("mesh.db").await;
    put(&store, "a").await;
    store.close().await;
    home.back_up("mesh.db", "copy.db").await.unwrap();
    // As the first release left it.
    let mut old = raw(home.path("copy.db")).await;
    for table in ["job_events", "job_payloads", "jobs", "schemas", "flags"] {
        let sql = format!("DROP TABLE {table}");
        query(sqlx::AssertSqlSafe(sql))
            .execute(&mut old)
            .await
            .unwrap();
    }
    query("DELETE FROM _sqlx_migrations WHERE version > 1")
        .execute(&mut old)
        .await
        .unwrap();
    old.close().await.unwrap();

    home.restore("mesh.db", "copy.db").await.unwrap();
    let store = home.open("mesh.db").await;
    assert_eq!(names_in(&store).await, ["a"]);
    assert!(
        store
            .jobs(&JobQuery {
                limit: 1,
                ..JobQuery::default()
            })
            .await
            .unwrap()
            .is_empty()
    );
}
