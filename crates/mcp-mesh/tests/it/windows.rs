//! What is Windows' own: whoever starts something ends all of it, whatever became of its parts.

use std::fs;
use std::process::Stdio;
use std::thread;

use mesh_test::kill;

use crate::stage::{Stage, runs, stage_snapshot};

/// An agent that starts a process of its own.
const PARENT: &str = "import subprocess; subprocess.Popen(['idle'])";

fn log(stage: &Stage, name: &str) -> String {
    let path = stage.context.state().join(format!("logs/{name}.log"));
    fs::read_to_string(path).unwrap_or_default()
}

/// The number of the process that the agent `name` started.
fn child(stage: &Stage, name: &str) -> u32 {
    let log = log(stage, name);
    let line = log.lines().find_map(|line| line.strip_prefix("child "));
    line.expect("the agent tells").parse().expect("a number")
}

#[test]
fn an_agent_is_started_listed_called_and_stopped() {
    let stage = Stage::new().with_agent("greeter");
    stage_snapshot!(stage, stage.meshctl().args(["start", "-d", "greeter.py"]), @r"
    exit: 0
    ----- stdout -----
    Registry started (PID: [PID])
    Registry URL: http://localhost:[PORT]
    Started 'greeter' in detach
      Logs: meshctl logs greeter
      Stop: meshctl stop greeter
    ----- stderr -----
    ╭ Running
    │ greeter   healthy  http://[ENDPOINT]  [HOME]/.mcp-mesh/logs/greeter.log  PID [PID]
    │ registry  started  http://localhost:[PORT]  PID [PID]
    ├ Next
    │ meshctl list                who is in the mesh
    │ meshctl call greeter_hello  call a tool
    ╰
    ");
    assert!(stage.run(&["list"]).contains("1 agent (1 healthy)"));
    let answer = stage.run(&["call", "greeter_hello", r#"{"who":"us"}"#]);
    assert!(answer.contains("who"), "{answer}");
    assert!(stage.run(&["status", "greeter"]).contains("greeting"));
    let shown = stage.run(&["logs", "greeter"]);
    assert_eq!(shown.lines().next(), Some("hello from greeter"));
    let pids = ["greeter", "registry"].map(|name| stage.pid(name).unwrap());
    stage_snapshot!(stage, stage.meshctl().arg("stop"), @r"
    exit: 0
    ----- stdout -----
    Stopping 1 agent(s) in parallel...
    Agent 'greeter' stopped
    Stopped 1 agent(s)
    Stopping registry (PID: [PID])...
    registry stopped
    ----- stderr -----
    ");
    assert_eq!(pids.map(runs), [false, false]);
}

#[test]
fn what_an_agent_started_is_stopped_with_it() {
    let stage = Stage::new().with_changed_agent("parent", PARENT);
    stage.run(&["start", "-d", "parent.py"]);
    let child = child(&stage, "parent");
    assert!(runs(child));
    stage.run(&["stop", "--timeout", "1"]);
    assert!(!runs(child));
}

#[test]
fn what_an_agent_started_ends_with_it_however_it_ended() {
    let stage = Stage::new().with_changed_agent("parent", PARENT);
    stage.run(&["start", "-d", "parent.py"]);
    let child = child(&stage, "parent");
    kill(stage.pid("parent").unwrap()).unwrap();
    stage.until("its child is gone", |_| !runs(child));
    stage.run(&["start", "-d", "parent.py"]);
    stage.run(&["stop"]);
}

#[test]
fn what_runs_does_not_need_the_meshctl_that_started_it() {
    let stage = Stage::new().with_changed_agent("parent", PARENT);
    let mut start = stage
        .meshctl()
        .args(["start", "parent.py"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    stage.until("the agent registered", |stage| {
        log(stage, "parent").contains("registered")
    });
    start.kill().unwrap();
    start.wait().unwrap();
    let pids = [
        stage.pid("registry").unwrap(),
        stage.pid("parent").unwrap(),
        child(&stage, "parent"),
    ];
    assert_eq!(pids.map(runs), [true; 3]);
    stage.run(&["stop", "--timeout", "1"]);
    assert_eq!(pids.map(runs), [false; 3]);
}

#[test]
fn starts_and_a_stop_at_once_take_turns() {
    let stage = Stage::new().with_agent("one").with_agent("two");
    thread::scope(|scope| {
        let commands: [&[&str]; 3] = [
            &["start", "-d", "one.py"],
            &["start", "-d", "two.py"],
            &["stop"],
        ];
        for arguments in commands {
            let mut meshctl = stage.meshctl();
            meshctl.args(arguments);
            scope.spawn(move || {
                let output = meshctl.output().unwrap();
                let said = String::from_utf8_lossy(&output.stderr);
                // A stop in between may end what the others wait for, but nobody may stumble over a file.
                assert!(!said.contains("os error"), "{said}");
            });
        }
    });
    stage.run(&["stop"]);
    assert_eq!(stage.left_in("pids"), [] as [String; 0]);
    assert_eq!(stage.context.strays(), []);
}

#[test]
fn a_registry_that_cannot_start_says_why() {
    let stage = Stage::new();
    stage.file("garbage.db", &"x".repeat(8192));
    let database = stage.context.home().join("garbage.db");
    let output = stage
        .meshctl()
        .args(["start", "--registry-only", "-d"])
        .env("MCP_MESH_DB_PATH", database)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("the registry failed to start: "), "{said}");
    assert!(said.contains("Hint: "), "{said}");
}

#[test]
fn a_killed_registry_goes_on_with_its_data() {
    let stage = Stage::new().with_agent("greeter");
    stage.run(&["start", "-d", "greeter.py"]);
    kill(stage.pid("registry").unwrap()).unwrap();
    stage.run(&["start", "--registry-only", "-d"]);
    assert!(stage.run(&["list"]).contains("greeter"));
    stage.run(&["stop"]);
}
