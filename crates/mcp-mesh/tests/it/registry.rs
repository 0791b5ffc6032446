//! `mcp-mesh-registry` as a process: what it says, how it ends, what it refuses.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
#[cfg(unix)]
use std::process::Stdio;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

#[cfg(unix)]
use mesh_test::http1::HttpConnection;
use mesh_test::{RegistryCommand, Script, ScriptedServer, essential_environment};
use serde_json::Value;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_mcp-mesh-registry");
/// Everything must be over well before the ten seconds after which `meshctl stop` kills.
const STOP_LIMIT: Duration = Duration::from_secs(3);

/// Runs the registry with `env` in an empty folder; it is expected to end by itself.
fn run(args: &[&str], env: &[(&str, &str)]) -> Output {
    let home = TempDir::new().expect("a folder");
    Command::new(PROGRAM)
        .args(args)
        .env_clear()
        .envs(essential_environment())
        .envs(env.iter().copied())
        .current_dir(home.path())
        .output()
        .expect("the registry starts")
}

fn stderr_of(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

#[test]
fn the_version_is_two_lines() {
    let output = run(&["--version"], &[]);
    let expected = format!(
        "MCP Mesh Registry {}\nWires the agents of an MCP mesh\n",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
    assert!(output.status.success());
}

#[test]
fn a_wrong_setting_is_refused_with_its_name_its_value_and_what_is_allowed() {
    for (name, value, allowed) in [
        ("PORT", "eighty", "a whole number from 1 to 65535"),
        (
            "DATABASE_URL",
            "mysql://h/d",
            "expected a path, `sqlite:<path>`",
        ),
        (
            "MCP_MESH_TLS_MODE",
            "strict",
            "only `off` works in this release",
        ),
        (
            "MCP_MESH_SWEEP_INTERVAL",
            "1ns",
            "a duration of at least `1s`",
        ),
        ("MCP_MESH_READY_FD", "three", "the number of an open"),
    ] {
        let output = run(&[], &[(name, value)]);
        let text = stderr_of(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(
            text.starts_with(&format!("Error: `{name}` is `{value}`")),
            "{text}"
        );
        assert!(text.contains(allowed), "{text}");
        assert!(
            text.ends_with(&format!("\nHint: correct or unset `{name}`\n")),
            "{text}"
        );
    }
}

#[test]
fn a_busy_port_is_named_and_the_database_stays_untouched() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let home = TempDir::new().expect("a folder");
    let output = Command::new(PROGRAM)
        .args(["--host", "127.0.0.1", "--port", &port])
        .env_clear()
        .envs(essential_environment())
        .current_dir(home.path())
        .output()
        .expect("the registry starts");
    let text = stderr_of(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.starts_with(&format!("Error: failed to listen on `127.0.0.1:{port}`")),
        "{text}"
    );
    assert!(text.contains("choose one with `--port`"), "{text}");
    assert_eq!(
        home.path().read_dir().expect("a folder").count(),
        0,
        "nothing was created"
    );
}

#[test]
fn a_database_that_cannot_be_used_is_named_with_a_cure() {
    let folder = TempDir::new().expect("a folder");
    let garbage = folder.path().join("garbage.db");
    std::fs::write(&garbage, vec![b'x'; 8192]).expect("a file");
    let cases = [
        (garbage.display().to_string(), "garbage.db"),
        (folder.path().display().to_string(), "is a folder"),
        (
            "postgres://user:hunter2@127.0.0.1:1/mesh".to_owned(),
            "cannot be reached",
        ),
    ];
    for (url, reason) in cases {
        let environment = [
            ("DATABASE_URL", url.as_str()),
            ("DB_CONNECTION_TIMEOUT", "1"),
        ];
        let output = run(&["--port", "0"], &environment);
        let text = stderr_of(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(reason), "{text}");
        assert!(text.contains("\nHint: "), "{text}");
        assert!(
            !text.contains("hunter2"),
            "a password is never printed: {text}"
        );
    }
    assert_eq!(
        std::fs::read(&garbage).expect("it is still there"),
        vec![b'x'; 8192]
    );
}

#[test]
#[cfg_attr(
    all(windows, target_env = "gnu"),
    ignore = "Wine, where alone `-gnu` programs are run, delivers no Ctrl-Break"
)]
fn the_log_says_what_scripts_wait_for() {
    let home = TempDir::new().expect("a folder");
    let mut registry = RegistryCommand::new(PROGRAM, home.path())
        .env("HEALTH_CHECK_INTERVAL", "2")
        .env("DEFAULT_TIMEOUT_THRESHOLD", "5")
        .env("MCP_MESH_SWEEP_INTERVAL", "90s")
        .start()
        .expect("a registry");
    let status = registry.terminate(STOP_LIMIT).expect("it ends in time");
    assert!(status.success(), "{status}");
    let log = std::fs::read_to_string(registry.command().log()).expect("a log");
    for line in [
        "INFO     Starting MCP Mesh Registry Service",
        "INFO     listening on 127.0.0.1:",
        "INFO     health monitor (timeout: 5s, interval: 2s)",
        "INFO     [sweep] using MCP_MESH_SWEEP_INTERVAL 1m 30s, MCP_MESH_RETENTION 1h",
        "INFO     stopped",
    ] {
        assert!(log.contains(line), "`{line}` is missing in:\n{log}");
    }
}

#[test]
fn a_json_log_is_one_object_per_line() {
    let output = run(
        &["--log-format", "json", "--port", "0"],
        &[("DATABASE_URL", "postgres://h")],
    );
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let first: Value = serde_json::from_str(text.lines().next().expect("a line")).expect("JSON");
    assert_eq!(first["message"], "Starting MCP Mesh Registry Service");
    assert_eq!(first["level"], "INFO");
}

#[test]
#[cfg_attr(
    all(windows, target_env = "gnu"),
    ignore = "Wine, where alone `-gnu` programs are run, delivers no Ctrl-Break"
)]
fn sigterm_ends_it_in_time_whoever_is_connected() {
    let home = TempDir::new().expect("a folder");
    let mut registry = RegistryCommand::new(PROGRAM, home.path())
        .start()
        .expect("a registry");
    let mut idle = TcpStream::connect(registry.address()).expect("a connection");
    let mut kept = registry.connect().expect("a connection");
    let answer = kept
        .send("POST", "/heartbeat", br#"{"agent_id":"a-1"}"#)
        .expect("an answer");
    assert_eq!(answer.status, 200);

    let asked = Instant::now();
    let status = registry.terminate(STOP_LIMIT).expect("it ends in time");
    assert!(status.success(), "{status}");
    assert!(asked.elapsed() < STOP_LIMIT);
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest)
        .expect("the connection was closed, not abandoned");
}

#[test]
#[cfg_attr(
    all(windows, target_env = "gnu"),
    ignore = "Wine, where alone `-gnu` programs are run, delivers no Ctrl-Break"
)]
fn sigterm_cuts_off_what_would_never_end() {
    let agent = ScriptedServer::start(|request| match request.method.as_str() {
        "GET" => Script::events()
            .chunk("data: first\n\n")
            .pause(Duration::from_secs(8)),
        _ => Script::default().pause(Duration::from_secs(8)),
    });
    let home = TempDir::new().expect("a folder");
    let mut registry = RegistryCommand::new(PROGRAM, home.path())
        .start()
        .expect("a registry");
    let registration = format!(
        r#"{{"agent_id":"a-1","http_host":"127.0.0.1","http_port":{}}}"#,
        agent.address().port()
    );
    let mut connection = registry.connect().expect("a connection");
    let answer = connection.send("POST", "/heartbeat", registration.as_bytes());
    assert_eq!(answer.expect("an answer").status, 200);

    let send = |text: String| {
        let mut stream = TcpStream::connect(registry.address()).expect("a connection");
        stream.write_all(text.as_bytes()).expect("it is sent");
        stream
    };
    let target = format!("/proxy/{}/mcp HTTP/1.1\r\nHost: r\r\n", agent.address());
    let mut streaming = send(format!("GET {target}\r\n"));
    let mut first = Vec::new();
    while !first.ends_with(b"data: first\n\n\r\n") {
        let mut byte = [0];
        streaming.read_exact(&mut byte).expect("the stream begins");
        first.push(byte[0]);
    }
    let mut waiting = send(format!("POST {target}Content-Length: 2\r\n\r\n{{}}"));
    let mut unfinished =
        send("POST /heartbeat HTTP/1.1\r\nHost: r\r\nContent-Length: 9\r\n\r\n{".into());
    let started = Instant::now();
    while agent.requests().len() < 2 {
        assert!(started.elapsed() < STOP_LIMIT, "the call was not passed on");
        thread::sleep(Duration::from_millis(5));
    }

    let asked = Instant::now();
    let status = registry.terminate(STOP_LIMIT).expect("it ends in time");
    assert!(status.success(), "{status}");
    assert!(asked.elapsed() < STOP_LIMIT);
    for stream in [&mut streaming, &mut waiting, &mut unfinished] {
        // Closed or reset: nobody waits for what will not come.
        let _ = stream.read_to_end(&mut Vec::new());
    }
}

/// A container is stopped whether or not its start is done.
#[cfg(unix)]
#[test]
fn sigterm_ends_a_start_that_waits_for_the_database() {
    let home = TempDir::new().expect("a folder");
    let command = RegistryCommand::new(PROGRAM, home.path()).env("DB_BUSY_TIMEOUT", "60000");
    let _first = command.start().expect("a registry");
    let mut second = command
        .spawn(mesh_test::free_port().expect("a port"))
        .expect("a process");
    let started = Instant::now();
    let log = || std::fs::read_to_string(command.log()).expect("a log");
    while log().matches("Starting MCP Mesh").count() < 2 || second.connect().is_err() {
        assert!(started.elapsed() < Duration::from_secs(20), "{}", log());
        thread::sleep(Duration::from_millis(5));
    }
    let status = second.terminate(STOP_LIMIT).expect("it ends in time");
    assert!(status.success(), "{status}");
    assert!(log().contains("stopped before it was ready"), "{}", log());
}

#[test]
fn a_silent_agent_is_aged_out_and_consumers_are_told() {
    let home = TempDir::new().expect("a folder");
    let registry = RegistryCommand::new(PROGRAM, home.path())
        .env("HEALTH_CHECK_INTERVAL", "1")
        .env("DEFAULT_TIMEOUT_THRESHOLD", "1")
        .start()
        .expect("a registry");
    let mut connection = registry.connect().expect("a connection");
    let provider = br#"{"agent_id":"p-1","tools":[{"function_name":"f","capability":"c"}]}"#;
    let consumer = br#"{"agent_id":"c-1","tools":[{"function_name":"g","capability":"",
        "dependencies":[{"capability":"c"}]}]}"#;
    for registration in [provider.as_slice(), consumer.as_slice()] {
        let answer = connection
            .send("POST", "/heartbeat", registration)
            .expect("an answer");
        assert_eq!(answer.status, 200);
    }
    let started = Instant::now();
    loop {
        let answer = connection
            .send("HEAD", "/heartbeat/c-1", b"")
            .expect("an answer");
        if answer.status == 202 {
            break;
        }
        assert_eq!(answer.status, 200);
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "the consumer was never told"
        );
        thread::sleep(Duration::from_millis(50));
    }
    let gone = connection
        .send("HEAD", "/heartbeat/p-1", b"")
        .expect("an answer");
    assert_eq!(gone.status, 410);
    let answer = connection
        .send("POST", "/heartbeat", provider)
        .expect("an answer");
    assert_eq!(answer.status, 200);
    let log = std::fs::read_to_string(registry.command().log()).expect("a log");
    for line in [
        "WARNING  capability lost its last provider capability=c",
        "INFO     capability has a provider again capability=c",
    ] {
        assert!(log.contains(line), "`{line}` is missing in:\n{log}");
    }
}

#[test]
#[cfg_attr(
    all(windows, target_env = "gnu"),
    ignore = "Wine, where alone `-gnu` programs are run, delivers no Ctrl-Break"
)]
fn who_beat_until_the_registry_went_away_gets_the_time_to_beat_again() {
    let home = TempDir::new().expect("a folder");
    let mut registry = RegistryCommand::new(PROGRAM, home.path())
        .env("DEFAULT_TIMEOUT_THRESHOLD", "1")
        .start()
        .expect("a registry");
    let registration = br#"{"agent_id":"a-1"}"#;
    let mut connection = registry.connect().expect("a connection");
    let answer = connection.send("POST", "/heartbeat", registration);
    assert_eq!(answer.expect("an answer").status, 200);
    registry.terminate(STOP_LIMIT).expect("it ends in time");
    thread::sleep(Duration::from_millis(1100)); // Longer than the threshold; clocks are real here.
    registry.restart().expect("it starts again");
    let mut connection = registry.connect().expect("a connection");
    for _ in 0..20 {
        let answer = connection.send("HEAD", "/heartbeat/a-1", b"");
        assert_eq!(answer.expect("an answer").status, 200);
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_body_that_is_too_large_is_refused_so_that_its_sender_reads_it() {
    let home = TempDir::new().expect("a folder");
    let registry = RegistryCommand::new(PROGRAM, home.path())
        .start()
        .expect("a registry");
    let size = 24 << 20;
    for (announced, sent) in [(size, size), (99_999_999_999, 0)] {
        let mut connection = TcpStream::connect(registry.address()).expect("a connection");
        let limit = Some(Duration::from_secs(10));
        connection.set_read_timeout(limit).expect("a time limit");
        let head =
            format!("POST /heartbeat HTTP/1.1\r\nHost: r\r\nContent-Length: {announced}\r\n\r\n");
        connection.write_all(head.as_bytes()).expect("it is sent");
        connection
            .write_all(&vec![b' '; sent])
            .expect("it is taken");
        let mut status = [0; 12];
        connection.read_exact(&mut status).expect("an answer");
        assert_eq!(&status, b"HTTP/1.1 413");
    }
}

#[test]
#[cfg_attr(
    all(windows, target_env = "gnu"),
    ignore = "Wine, where alone `-gnu` programs are run, delivers no Ctrl-Break"
)]
fn a_name_cannot_write_log_lines() {
    let home = TempDir::new().expect("a folder");
    let mut registry = RegistryCommand::new(PROGRAM, home.path())
        .start()
        .expect("a registry");
    let mut connection = registry.connect().expect("a connection");
    for registration in [
        r#"{"agent_id":"p-1","tools":[{"function_name":"f","capability":"c\nERROR \u001b[31m"}]}"#,
        r#"{"agent_id":"c-1","tools":[{"dependencies":[{"capability":"c\nERROR \u001b[31m"}]}]}"#,
    ] {
        let answer = connection.send("POST", "/heartbeat", registration.as_bytes());
        assert_eq!(answer.expect("an answer").status, 200);
    }
    let answer = connection.send("DELETE", "/agents/p-1", b"");
    assert_eq!(answer.expect("an answer").status, 204);
    registry.terminate(STOP_LIMIT).expect("it ends in time");
    let log = std::fs::read_to_string(registry.command().log()).expect("a log");
    let line = r"capability lost its last provider capability=c\nERROR \u{1b}[31m";
    assert!(log.contains(line), "{log}");
}

/// Another program that holds the database's lock must not hold the registry's end.
#[cfg(unix)]
#[test]
fn a_stuck_database_does_not_delay_the_end() {
    let home = TempDir::new().expect("a folder");
    let mut registry = RegistryCommand::new(PROGRAM, home.path())
        .start()
        .expect("a registry");
    let script = "import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute('BEGIN IMMEDIATE')
print('locked', flush=True)
sys.stdin.read()";
    let mut locker = Command::new("python3")
        .args(["-c", script])
        .arg(registry.command().database())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the tests need `python3`");
    let mut word = [0; 7];
    let told = locker.stdout.as_mut().expect("a pipe");
    told.read_exact(&mut word).expect("the lock is taken");

    let mut waiting = registry.connect().expect("a connection");
    let waiting =
        thread::spawn(move || waiting.send("POST", "/heartbeat", br#"{"agent_id":"a-1"}"#));
    let asked = Instant::now();
    let status = registry.terminate(STOP_LIMIT);
    drop(locker.stdin.take());
    locker.wait().expect("the other program ends");
    assert!(status.expect("it ends in time").success());
    assert!(asked.elapsed() < STOP_LIMIT);
    let answer = waiting.join().expect("no panic");
    assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status == 503));
}

/// As under `mcp-mesh-registry 2>&1 | head -1`.
#[cfg(unix)]
#[test]
fn a_log_that_nobody_reads_ends_nobody() {
    let home = TempDir::new().expect("a folder");
    let port = mesh_test::free_port().expect("a port");
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut registry = Command::new(PROGRAM)
        .args(["--host", "127.0.0.1", "--port", &port.to_string()])
        .env_clear()
        .envs(essential_environment())
        .current_dir(home.path())
        .stderr(writer.try_clone().expect("a pipe"))
        .stdout(writer)
        .spawn()
        .expect("the registry starts");
    drop(reader);
    let started = Instant::now();
    let limit = Duration::from_secs(10);
    let mut connection = loop {
        match HttpConnection::open(([127, 0, 0, 1], port).into(), limit) {
            Ok(connection) => break connection,
            Err(error) => assert!(started.elapsed() < limit, "{error}"),
        }
        thread::sleep(Duration::from_millis(10));
    };
    let ready = connection.send("GET", "/ready", b"").expect("an answer");
    assert_eq!(ready.status, 200);
    std::fs::remove_file(home.path().join("mcp_mesh_registry.db")).expect("a database");
    for _ in 0..2 {
        let answer = connection.send("POST", "/heartbeat", br#"{"agent_id":"a-1"}"#);
        assert_eq!(
            answer.expect("an answer").status,
            503,
            "and an error is logged"
        );
    }
    registry.kill().expect("it still runs");
    registry.wait().expect("it ends");
}
