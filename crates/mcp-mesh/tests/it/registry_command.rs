//! `meshctl registry`: the registry alone, and whether it hands out jobs.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use mesh_core::env::EnvVars;
use mesh_test::http1::HttpConnection;
use mesh_test::{TestContext, free_port, mesh_snapshot, test_context};
use serde_json::{Value, json};

use crate::stage::{Stage, stage_snapshot};

/// How long anything may take that a test waits for.
const PATIENCE: Duration = Duration::from_secs(30);

fn post(context: &TestContext, path: &str, body: &Value) -> Value {
    let mut connection = context.registry().connect().expect("the registry listens");
    let answer = connection.send("POST", path, body.to_string().as_bytes());
    let answer = answer.expect("an answer");
    let text = answer.text();
    assert!(answer.status < 300, "{path}: {text}");
    serde_json::from_str(&text).expect("JSON")
}

/// A job that `worker-1` runs.
fn running_job(context: &TestContext) -> String {
    let request = json!({ "capability": "c", "submitted_by": "t", "submitted_payload": {} });
    let created = post(context, "/jobs", &request);
    post(
        context,
        "/jobs/claim",
        &json!({ "capability": "c", "instance_id": "worker-1" }),
    );
    created["id"].as_str().expect("an id").to_owned()
}

#[test]
fn a_registry_drains_and_resumes() {
    let context = test_context!().with_registry();
    let registry = |arguments: &[&str]| {
        let mut command = context.meshctl();
        command.arg("registry").args(arguments);
        command
    };
    mesh_snapshot!(context, registry(&["status"]), @r"
        exit: 0
        ----- stdout -----
        Registry:    active (normal dispatch)
        Live claims: 0
        ----- stderr -----
        ");
    mesh_snapshot!(context, registry(&["drain"]), @r"
        exit: 0
        ----- stdout -----
        Registry draining — new job claims paused
          Live claims: 0
        ----- stderr -----
        ");
    mesh_snapshot!(context, registry(&["status"]), @r"
        exit: 0
        ----- stdout -----
        Registry:    DRAINING (new claims paused)
        Live claims: 0
        ----- stderr -----
        ");
    mesh_snapshot!(context, registry(&["drain", "--wait"]), @r"
        exit: 0
        ----- stdout -----
        Registry draining — new job claims paused
          Live claims: 0
        All jobs drained — safe to upgrade/restart
        ----- stderr -----
        ");
    mesh_snapshot!(context, registry(&["status", "--json"]), @r#"
        exit: 0
        ----- stdout -----
        {
          "draining": true,
          "live_claims": 0
        }
        ----- stderr -----
        "#);
    mesh_snapshot!(context, registry(&["resume"]), @r"
        exit: 0
        ----- stdout -----
        Registry resumed — job dispatch active
          Live claims: 0
        ----- stderr -----
        ");
    mesh_snapshot!(context, registry(&["drain", "--wait-timeout", "1"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: the following required arguments were not provided:
          --wait

        Usage: meshctl registry drain --wait --wait-timeout <SECONDS>

        For more information, try '--help'.
        ");
}

#[test]
fn a_drain_waits_for_the_jobs_that_run() {
    let context = test_context!().with_registry();
    let id = running_job(&context);
    let drain = |more: &[&str]| {
        let mut command = context.meshctl();
        command.args(["registry", "drain", "--wait", "--poll-interval", "1"]);
        command.args(more).arg("--exit-code");
        command
    };
    mesh_snapshot!(context, drain(&["--wait-timeout", "1"]), @r"
        exit: 8
        ----- stdout -----
        Registry draining — new job claims paused
          Live claims: 1
        ----- stderr -----
        Error: jobs still run after 1 s
        Hint: the registry goes on draining; `meshctl job list --status working` shows them
        ");
    resume(&context);
    let (address, path) = (context.registry().address(), format!("/jobs/{id}/cancel"));
    let ending = once_draining(address, move || {
        let mut connection = HttpConnection::open(address, PATIENCE).unwrap();
        assert_eq!(connection.send("POST", &path, b"{}").unwrap().status, 200);
    });
    mesh_snapshot!(context, drain(&[]), @r"
        exit: 0
        ----- stdout -----
        Registry draining — new job claims paused
          Live claims: 1
        All jobs drained — safe to upgrade/restart
        ----- stderr -----
        ");
    ending.join().expect("the job is cancelled");
    resume(&context);
    running_job(&context);
    let resuming = once_draining(address, move || {
        let mut connection = HttpConnection::open(address, PATIENCE).unwrap();
        let answer = connection.send("DELETE", "/admin/drain", b"").unwrap();
        assert_eq!(answer.status, 200);
    });
    mesh_snapshot!(context, drain(&[]), @r"
        exit: 6
        ----- stdout -----
        Registry draining — new job claims paused
          Live claims: 1
        ----- stderr -----
        Error: the registry is no longer draining
        Hint: somebody resumed it, or another registry answers at this address
        ");
    resuming.join().expect("the registry resumes");
}

/// Does `what` as soon as the registry drains.
fn once_draining(
    address: SocketAddr,
    what: impl FnOnce() + Send + 'static,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut connection = HttpConnection::open(address, PATIENCE).expect("a connection");
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            let answer = connection.send("GET", "/admin/drain", b"");
            if answer
                .expect("an answer")
                .text()
                .contains(r#""draining":true"#)
            {
                return what();
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("the registry does not drain");
    })
}

/// Lets jobs out again.
fn resume(context: &TestContext) {
    let resumed = context.meshctl().args(["registry", "resume"]).output();
    assert!(resumed.expect("meshctl can be run").status.success());
}

#[test]
fn the_port_of_the_administration_is_advised_where_there_may_be_one() {
    let port = free_port().expect("a port is free").to_string();
    let context = test_context!().with_registry_env(&[(EnvVars::MCP_MESH_ADMIN_PORT, &port)]);
    mesh_snapshot!(context, context.meshctl().args(["registry", "status", "--exit-code"]), @r"
        exit: 3
        ----- stdout -----
        ----- stderr -----
        Error: the registry at `[REGISTRY]` refused the request with 404: 404 page not found
        Hint: if it runs with `MCP_MESH_ADMIN_PORT`, pass that port: `--registry-url http://localhost:<MCP_MESH_ADMIN_PORT>`
        ");
    let url = format!("http://127.0.0.1:{port}");
    mesh_snapshot!(context, context.meshctl().args(["registry", "status", "--registry-url", &url]), @r"
        exit: 0
        ----- stdout -----
        Registry:    active (normal dispatch)
        Live claims: 0
        ----- stderr -----
        ");
}

#[test]
fn the_registry_alone_is_started_and_stopped() {
    let stage = Stage::new();
    stage_snapshot!(stage, stage.meshctl().args(["registry", "stop"]), @r"
        exit: 0
        ----- stdout -----
        No registry running in background
        ----- stderr -----
        ");
    stage_snapshot!(stage, stage.meshctl().args(["registry", "start"]), @r"
        exit: 0
        ----- stdout -----
        Registry started (PID: [PID])
        Registry URL: http://localhost:[PORT]
        ----- stderr -----
        ");
    assert!(stage.run(&["list"]).contains("Registry: running"));
    stage_snapshot!(stage, stage.meshctl().args(["registry", "start", "--exit-code"]), @r"
        exit: 6
        ----- stdout -----
        ----- stderr -----
        Error: registry is already running at http://localhost:[PORT]
        Hint: stop it first with `meshctl stop --registry`, or use another port
        ");
    stage_snapshot!(stage, stage.meshctl().args(["registry", "stop"]), @r"
        exit: 0
        ----- stdout -----
        Stopping registry (PID: [PID])...
        registry stopped
        ----- stderr -----
        ");
    assert_eq!(stage.pid("registry"), None);
}
