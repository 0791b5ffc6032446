//! `mcp-mesh-registry backup` and `restore` as processes: while a registry runs, and instead of one.

use std::path::Path;
use std::process::{Command, Output};

use mesh_test::{RegistryCommand, essential_environment};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_mcp-mesh-registry");

fn run(home: &Path, args: &[&str]) -> Output {
    Command::new(PROGRAM)
        .args(args)
        .env_clear()
        .envs(essential_environment())
        .env("DATABASE_URL", "registry.db")
        .env("DB_BUSY_TIMEOUT", "500")
        .current_dir(home)
        .output()
        .expect("the program starts")
}

/// What a command printed, with the folder's path as `[HOME]`.
fn told(home: &Path, output: &Output) -> String {
    let texts = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    texts
        .concat()
        .replace(&home.display().to_string(), "[HOME]")
        .replace(r"[HOME]\", "[HOME]/")
}

#[test]
fn a_backup_is_made_of_a_running_registry_and_restored_when_it_is_gone() {
    let folder = TempDir::new().expect("a folder");
    let home = folder.path();
    let command = RegistryCommand::new(PROGRAM, home);
    let mut registry = command.start().expect("a registry");
    let join = |connection: &mut mesh_test::http1::HttpConnection, id: &str| {
        let body = format!(r#"{{"agent_id":"{id}"}}"#);
        let answer = connection.send("POST", "/heartbeat", body.as_bytes());
        assert_eq!(answer.expect("an answer").status, 200);
    };
    let mut connection = registry.connect().expect("a connection");
    join(&mut connection, "before-1");
    let copied = run(home, &["backup", "copy.db"]);
    assert!(copied.status.success(), "{}", told(home, &copied));
    let text = told(home, &copied);
    assert!(
        text.starts_with("Copied [HOME]/registry.db to [HOME]/copy.db ("),
        "{text}"
    );
    join(&mut connection, "after-1");

    let refused = run(home, &["restore", "copy.db"]);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(
        told(home, &refused),
        "Error: the database `[HOME]/registry.db` is in use by another process\n\
         Hint: stop the other registry, or set `DATABASE_URL` to another file\n"
    );

    registry.kill_9().expect("it is killed");
    let restored = run(home, &["restore", "copy.db"]);
    assert!(restored.status.success(), "{}", told(home, &restored));
    let text = told(home, &restored);
    assert!(
        text.starts_with(
            "Restored [HOME]/registry.db from [HOME]/copy.db\n\
             What was there before is [HOME]/registry.replaced-"
        ),
        "{text}"
    );
    let registry = command.start().expect("a registry");
    let mut connection = registry.connect().expect("a connection");
    let list = connection.send("GET", "/agents", b"").expect("an answer");
    let list = String::from_utf8_lossy(&list.body).into_owned();
    assert!(
        list.contains("before-1") && !list.contains("after-1"),
        "{list}"
    );
}

#[test]
fn what_cannot_be_copied_or_restored_is_named_with_a_cure() {
    let folder = TempDir::new().expect("a folder");
    let home = folder.path();
    std::fs::write(home.join("text.db"), "hello ".repeat(2000)).expect("a file");
    for (args, expected) in [
        (
            ["backup", "copy.db"],
            "Error: there is no file `[HOME]/registry.db`\n\
             Hint: set `DATABASE_URL` to the file that the registry keeps its state in\n",
        ),
        (
            ["restore", "text.db"],
            "Error: `[HOME]/text.db` cannot be restored: `[HOME]/text.db` is not a SQLite database\n\
             Hint: name a file that `mcp-mesh-registry backup` wrote\n",
        ),
    ] {
        let output = run(home, &args);
        assert_eq!(told(home, &output), expected);
        assert_eq!(output.status.code(), Some(1));
    }
    // A command and the flags of a run exclude each other.
    let mixed = run(home, &["--port", "0", "backup", "copy.db"]);
    assert!(!mixed.status.success(), "{}", told(home, &mixed));
}
