//! The administration on a port of its own, where operators alone may get.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Command;
use std::time::Duration;

use mesh_core::env::EnvVars;
use mesh_test::http1::HttpConnection;
use mesh_test::{RegistryCommand, RegistryProcess, essential_environment, free_port};
use serde_json::{Value, json};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_mcp-mesh-registry");
/// How long an answer, or the end of the registry, may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A registry in `home` and the address of its administration.
fn registry(home: &TempDir) -> (RegistryProcess, SocketAddr) {
    let port = free_port().expect("a port is free");
    let registry = RegistryCommand::new(PROGRAM, home.path())
        .env(EnvVars::MCP_MESH_ADMIN_PORT, &port.to_string())
        .start()
        .expect("a registry");
    (registry, (Ipv4Addr::LOCALHOST, port).into())
}

/// The status and the body of an answer.
fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut connection = HttpConnection::open(address, PATIENCE).expect("a connection");
    let answer = connection.send(method, path, body.as_bytes());
    let answer = answer.expect("an answer");
    (answer.status, answer.text())
}

const UNKNOWN: &str = "404 page not found";

#[test]
fn the_administration_answers_at_its_own_port_and_nowhere_else() {
    let home = TempDir::new().expect("a folder");
    let (registry, administration) = registry(&home);
    for (method, path) in [
        ("GET", "/admin/drain"),
        ("POST", "/admin/drain"),
        ("DELETE", "/admin/drain"),
        ("GET", "/admin/entities"),
        ("POST", "/admin/rotate"),
    ] {
        let public = ask(registry.address(), method, path, "");
        assert_eq!(public, (404, UNKNOWN.to_owned()), "{method} {path}");
        let (status, text) = ask(administration, method, path, "");
        assert_eq!(status, 200, "{method} {path}: {text}");
    }
    for path in ["/", "/health", "/agents", "/jobs", "/metrics"] {
        let (status, _) = ask(registry.address(), "GET", path, "");
        assert_eq!(status, 200, "{path}");
        let administrative = ask(administration, "GET", path, "");
        assert_eq!(administrative, (404, UNKNOWN.to_owned()), "{path}");
    }
}

#[test]
fn what_is_switched_at_one_port_holds_at_the_other() {
    let home = TempDir::new().expect("a folder");
    let (registry, administration) = registry(&home);
    let job = json!({ "capability": "c", "submitted_by": "t", "submitted_payload": {} });
    let (status, text) = ask(registry.address(), "POST", "/jobs", &job.to_string());
    assert_eq!(status, 201, "{text}");
    let claimed = || {
        let claim = json!({ "capability": "c", "instance_id": "a-1" }).to_string();
        let (status, text) = ask(registry.address(), "POST", "/jobs/claim", &claim);
        assert_eq!(status, 200, "{text}");
        let answer: Value = serde_json::from_str(&text).expect("JSON");
        answer["claimed"].as_array().expect("a list").len()
    };
    assert_eq!(ask(administration, "POST", "/admin/drain", "").0, 200);
    assert_eq!(claimed(), 0, "nobody gets a job");
    assert_eq!(ask(administration, "DELETE", "/admin/drain", "").0, 200);
    assert_eq!(claimed(), 1);
}

#[test]
fn a_busy_port_of_the_administration_is_named_with_its_variable() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let home = TempDir::new().expect("a folder");
    let output = Command::new(PROGRAM)
        .args(["--host", "127.0.0.1", "--port", "0"])
        .env_clear()
        .envs(essential_environment())
        .env(EnvVars::MCP_MESH_ADMIN_PORT, port.to_string())
        .current_dir(home.path())
        .output()
        .expect("the registry starts");
    let text = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1), "{text}");
    let error = format!("Error: failed to listen on `127.0.0.1:{port}`");
    assert!(text.starts_with(&error), "{text}");
    assert!(
        text.contains("choose one with `MCP_MESH_ADMIN_PORT`"),
        "{text}"
    );
}

#[test]
#[cfg_attr(
    all(windows, target_env = "gnu"),
    ignore = "Wine, where alone `-gnu` programs are run, delivers no Ctrl-Break"
)]
fn an_idle_connection_of_an_operator_does_not_delay_the_end() {
    let home = TempDir::new().expect("a folder");
    let (mut registry, administration) = registry(&home);
    let mut idle = HttpConnection::open(administration, PATIENCE).expect("a connection");
    let answer = idle.send("GET", "/admin/drain", b"").expect("an answer");
    assert_eq!(answer.status, 200);
    let limit = Duration::from_secs(3);
    let status = registry.terminate(limit).expect("it ends in time");
    assert!(status.success(), "{status}");
    assert!(HttpConnection::open(administration, PATIENCE).is_err());
}
