//! `mcp-mesh-registry --healthcheck` as a process: what a container runtime sees of it.

use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use mesh_test::{RegistryCommand, Script, ScriptedServer, essential_environment};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_mcp-mesh-registry");
/// What a registry of this release says, at any time.
const HEALTHY: &str = r#"{"status":"healthy","version":"1.0.0","uptime_seconds":12,
    "timestamp":"2026-01-02T03:04:05Z","service":"mcp-mesh-registry"}"#;

/// Asks with the settings that the registry itself would get.
fn check(args: &[&str], env: &[(&str, &str)]) -> Output {
    Command::new(PROGRAM)
        .arg("--healthcheck")
        .args(args)
        .env_clear()
        .envs(essential_environment())
        .envs(env.iter().copied())
        .output()
        .expect("the program runs")
}

/// Asks what listens on this port of 127.0.0.1; what is said when it is not healthy.
fn complaint(port: u16) -> String {
    complaint_of(&check(
        &["--port", &port.to_string()],
        &[("HOST", "127.0.0.1")],
    ))
    .replace(&format!(":{port}"), ":[PORT]")
}

fn complaint_of(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(output.stdout.is_empty());
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

fn assert_healthy(output: &Output) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(output.stdout.is_empty() && output.stderr.is_empty());
}

#[test]
fn a_healthy_registry_is_found_by_its_own_settings_without_a_word() {
    let home = TempDir::new().expect("a folder");
    let mut registry = RegistryCommand::new(PROGRAM, home.path())
        .start()
        .expect("a registry");
    let port = registry.address().port().to_string();
    // `::` takes IPv4 as well, so IPv4 is asked when nobody answers on IPv6.
    for host in ["127.0.0.1", "0.0.0.0", "localhost", "::"] {
        assert_healthy(&check(&["--host", host, "--port", &port], &[]));
        assert_healthy(&check(&[], &[("HOST", host), ("PORT", &port)]));
        assert_healthy(&check(&["-p", &port], &[("HOST", host), ("PORT", "1")]));
    }
    registry.kill_9().expect("it is killed");
    let told = complaint(registry.address().port());
    // The reason is in the system's own words.
    let (told, rest) = told.split_once("`: ").expect("a reason");
    let (reason, hint) = rest.split_once(" Hint: ").expect("a hint");
    insta::assert_snapshot!(told, @"Error: failed to reach the registry at `http://127.0.0.1:[PORT]");
    assert!(reason.contains("refused"), "{reason}");
    insta::assert_snapshot!(hint, @"check that a registry runs with the same `HOST` and `PORT`, and read its log");
}

#[test]
fn a_registry_on_ipv6_is_found_too() {
    if TcpListener::bind("[::1]:0").is_err() {
        eprintln!("skipped: this machine has no IPv6");
        return;
    }
    let home = TempDir::new().expect("a folder");
    let port = mesh_test::free_port().expect("a port").to_string();
    let mut registry = Command::new(PROGRAM)
        .args(["--host", "::1", "--port", &port])
        .env_clear()
        .envs(essential_environment())
        .current_dir(home.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("the registry starts");
    let started = Instant::now();
    let found = loop {
        let found = check(&["--host", "::", "--port", &port], &[]);
        if found.status.success() || started.elapsed() > Duration::from_secs(20) {
            break found;
        }
    };
    let at_its_address = check(&["--host", "[::1]", "--port", &port], &[]);
    registry.kill().expect("it still runs");
    registry.wait().expect("it ends");
    assert_healthy(&found);
    assert_healthy(&at_its_address);
}

#[test]
fn what_does_not_say_that_it_is_healthy_is_not() {
    let told = |script: Script| {
        let server = ScriptedServer::start(move |_| script.clone());
        complaint(server.address().port())
    };
    insta::assert_snapshot!(told(Script::body(503, "text/plain", "too busy")), @"Error: the registry at `http://127.0.0.1:[PORT]` refused the request with 503: too busy. Hint: check that a registry runs with the same `HOST` and `PORT`, and read its log");
    insta::assert_snapshot!(told(Script::json(HEALTHY.replace("healthy", "degraded"))), @"Error: the registry at `http://127.0.0.1:[PORT]` says that it is `degraded`. Hint: read the registry's log");
    insta::assert_snapshot!(told(Script::json(HEALTHY.replace("mcp-mesh-registry", "shop"))), @"Error: what listens at `http://127.0.0.1:[PORT]` is not a registry: it calls itself `shop`. Hint: check that a registry runs with the same `HOST` and `PORT`, and read its log");
    insta::assert_snapshot!(told(Script::body(200, "text/html", "<h1>It works!</h1>")), @"Error: the answer of `http://127.0.0.1:[PORT]/health` is not understood: it is a page of HTML. Hint: check that a registry runs with the same `HOST` and `PORT`, and read its log");
}

#[test]
fn a_redirect_is_not_followed() {
    let healthy = ScriptedServer::start(|_| Script::json(HEALTHY));
    let location = healthy.url();
    let elsewhere = ScriptedServer::start(move |_| {
        Script::default().send(format!(
            "HTTP/1.1 307 X\r\nlocation: {location}/health\r\ncontent-length: 0\r\n\r\n"
        ))
    });
    let text = complaint(elsewhere.address().port());
    assert!(text.contains("refused the request with 307"), "{text}");
    assert_eq!(healthy.connections(), 0);
    assert_eq!(elsewhere.requests()[0].path, "/health");
}

#[test]
fn no_proxy_stands_between() {
    let proxy = ScriptedServer::start(|_| Script::json(HEALTHY));
    let url = proxy.url();
    // An address for documentation: nobody has it.
    let environment = [
        ("HOST", "192.0.2.1"),
        ("HTTP_PROXY", &url),
        ("http_proxy", &url),
    ];
    complaint_of(&check(&[], &environment));
    assert_eq!(proxy.connections(), 0);
}

#[test]
fn an_answer_that_does_not_come_is_not_waited_for() {
    let server = ScriptedServer::start(|_| Script::default().pause(Duration::from_secs(20)));
    let started = Instant::now();
    let text = complaint(server.address().port());
    assert!(text.contains("within 2s"), "{text}");
    assert!(started.elapsed() < Duration::from_secs(15), "{text}");
}

#[test]
fn settings_that_no_registry_can_have_are_named() {
    insta::assert_snapshot!(complaint_of(&check(&[], &[("PORT", "eighty")])), @"Error: `PORT` is `eighty`, which is not allowed: a whole number from 1 to 65535. Hint: correct or unset `PORT`");
    insta::assert_snapshot!(complaint_of(&check(&["--port", "0"], &[])), @"Error: nobody knows the port of a registry that was started with `--port 0`. Hint: name the port with `--port`");
}
