//! Databases that are refused, what the user is told, and that nothing was touched.

use mesh_store::Change;

use super::{as_user, open, refused, run, told, try_open};
use crate::fixture::{agent, postgres};

#[tokio::test]
async fn a_wrong_password_is_not_repeated() {
    let url = postgres();
    run(&url, "CREATE ROLE guarded LOGIN PASSWORD 'sesame'");
    let url = as_user(&url, "guarded:opensesame");
    insta::assert_snapshot!(refused(&url).await, @r"
    the database `postgres://guarded:***@127.0.0.1:[PORT]/mesh_[N]` does not let this user in
    hint: correct user and password in `DATABASE_URL`, or the server's `pg_hba.conf`
    kind: Setting
    ");
    let mut error: &dyn std::error::Error = &try_open(&url).await.unwrap_err();
    let mut chain = format!("{error:?}");
    while let Some(source) = error.source() {
        chain = format!("{chain} {source} {source:?}");
        error = source;
    }
    assert!(chain.contains("password authentication failed"), "{chain}");
    assert!(!chain.contains("opensesame"), "{chain}");
}

#[tokio::test]
async fn a_right_password_is_taken_and_never_shown() {
    let url = postgres();
    run(
        &url,
        "CREATE ROLE trusted LOGIN SUPERUSER PASSWORD 'open/sesame'",
    );
    let store = open(&as_user(&url, "trusted:open%2Fsesame")).await;
    store.ping().await.unwrap();
    let shown = format!("{store:?}");
    assert!(shown.contains("trusted:***@"), "{shown}");
    assert!(!shown.contains("sesame"), "{shown}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let port = mesh_test::free_port().unwrap();
    let told = refused(&format!("postgres://mesh:secret@127.0.0.1:{port}/mesh")).await;
    insta::assert_snapshot!(told, @r"
    the database `postgres://mesh:***@127.0.0.1:[PORT]/mesh` cannot be reached
    hint: start PostgreSQL there, or correct `DATABASE_URL`
    kind: Storage
    ");
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named() {
    let url = postgres();
    let missing = format!("{}/nowhere", url.rsplit_once('/').unwrap().0);
    insta::assert_snapshot!(refused(&missing).await, @r"
    the server has no such database: `postgres://mesh@127.0.0.1:[PORT]/nowhere`
    hint: create it with `createdb`, or correct `DATABASE_URL`
    kind: Setting
    ");
}

#[tokio::test]
async fn an_address_that_cannot_be_read_is_refused_without_its_password() {
    for (url, reason) in [
        ("postgres://mesh:s3cret/x@db/mesh", "invalid port number"),
        ("postgres://db", "it names no database"),
        (
            "postgres://db/mesh?passwd=s3cret",
            "nobody knows the parameter `passwd`",
        ),
        ("postgres://db/mesh?sslmode=s3cret", "unknown value"),
    ] {
        let error = try_open(url).await.unwrap_err();
        let text = told(&error);
        assert!(text.contains(reason), "{text}");
        assert!(
            text.contains("hint: write it as `postgres://user:password@"),
            "{text}"
        );
        assert!(
            url.contains("sslmode") || !text.contains("s3cret"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_user_who_may_not_make_the_schema_is_told_who_can() {
    let url = postgres();
    run(&url, "CREATE ROLE guest LOGIN PASSWORD 'guest'");
    let guest = as_user(&url, "guest:guest");
    insta::assert_snapshot!(refused(&guest).await, @r"
    this user has no permission to create the schema in the database `postgres://guest:***@127.0.0.1:[PORT]/mesh_[N]`
    hint: let an administrator run `CREATE SCHEMA mcp_mesh AUTHORIZATION` with this user's name, or correct `DATABASE_URL`
    kind: Storage
    ");
    run(&url, "CREATE SCHEMA mcp_mesh AUTHORIZATION guest");
    let store = open(&guest).await;
    store.apply(&[Change::Put(agent("a"))]).await.unwrap();
    assert_eq!(store.load_agents().await.unwrap(), [agent("a")]);
}

#[tokio::test]
async fn an_encoding_without_every_letter_is_refused() {
    let url = postgres();
    run(
        &url,
        "CREATE DATABASE latin TEMPLATE template0 ENCODING LATIN1",
    );
    let latin = format!("{}/latin", url.rsplit_once('/').unwrap().0);
    insta::assert_snapshot!(refused(&latin).await, @r"
    the database `postgres://mesh@127.0.0.1:[PORT]/latin` has the encoding LATIN1, and UTF8 is needed
    hint: create another database with `createdb --template template0 --encoding UTF8`
    kind: Setting
    ");
}

#[tokio::test]
async fn a_database_that_takes_no_writes_is_refused() {
    let url = postgres();
    let name = url.rsplit('/').next().unwrap();
    run(
        &url,
        &format!("ALTER DATABASE {name} SET default_transaction_read_only = on"),
    );
    insta::assert_snapshot!(refused(&url).await, @r"
    the database `postgres://mesh@127.0.0.1:[PORT]/mesh_[N]` takes no writes
    hint: set `DATABASE_URL` to the primary server
    kind: Storage
    ");
}

#[tokio::test]
async fn a_server_that_is_full_of_connections_is_named() {
    let url = postgres();
    let name = url.rsplit('/').next().unwrap();
    run(&url, "CREATE ROLE crowd LOGIN PASSWORD 'crowd'");
    run(&url, &format!("ALTER DATABASE {name} CONNECTION LIMIT 0"));
    insta::assert_snapshot!(refused(&as_user(&url, "crowd:crowd")).await, @r"
    the server of the database `postgres://crowd:***@127.0.0.1:[PORT]/mesh_[N]` takes no more connections
    hint: lower `DB_MAX_OPEN_CONNECTIONS`, or raise `max_connections` of the server
    kind: Storage
    ");
}

#[tokio::test]
async fn another_programs_schema_is_refused_and_left_alone() {
    let url = postgres();
    run(&url, "CREATE SCHEMA mcp_mesh CREATE TABLE agents (id int)");
    insta::assert_snapshot!(refused(&url).await, @r"
    the schema `mcp_mesh` of the database `postgres://mesh@127.0.0.1:[PORT]/mesh_[N]` belongs to another program
    hint: rename that schema, or set `DATABASE_URL` to another database
    kind: Data
    ");
    let tables = "SELECT string_agg(tablename, ' ') FROM pg_tables WHERE schemaname = 'mcp_mesh'";
    assert_eq!(run(&url, tables), "agents");
}

#[tokio::test]
async fn a_newer_releases_schema_is_refused_and_left_alone() {
    let url = postgres();
    open(&url).await.close().await;
    run(
        &url,
        "INSERT INTO mcp_mesh._sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (99, 'rooms', true, '', 1)",
    );
    insta::assert_snapshot!(refused(&url).await, @r"
    the database `postgres://mesh@127.0.0.1:[PORT]/mesh_[N]` has schema version 99, and mcp-mesh [VERSION] knows versions up to 2
    hint: start the release that wrote it or a later one, or set `DATABASE_URL` to another database
    kind: Data
    ");
}

#[tokio::test]
async fn a_row_that_nobody_can_read_is_named() {
    let url = postgres();
    let store = open(&url).await;
    store.apply(&[Change::Put(agent("a"))]).await.unwrap();
    run(&url, "UPDATE mcp_mesh.agents SET status = 'dizzy'");
    insta::assert_snapshot!(told(&store.load_agents().await.unwrap_err()), @r"
    the database `postgres://mesh@127.0.0.1:[PORT]/mesh_[N]` has an unreadable row `a` in `agents`: unknown status `dizzy`
    hint: restore a backup, or drop the schema `mcp_mesh`: agents register again by themselves
    kind: Data
    ");
}
