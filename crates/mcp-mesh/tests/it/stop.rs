//! `meshctl stop`: what ends, what stays, and that it is really dead.

use std::fs;

use crate::stage::{Stage, runs, stage_snapshot};

#[test]
fn nothing_to_stop_is_no_error() {
    let stage = Stage::new();
    stage_snapshot!(stage, stage.meshctl().arg("stop"), @r"
        exit: 0
        ----- stdout -----
        No agents running in background
        ----- stderr -----
        ");
    stage_snapshot!(stage, stage.meshctl().args(["stop", "--registry"]), @r"
        exit: 0
        ----- stdout -----
        No registry running in background
        ----- stderr -----
        ");
    stage_snapshot!(stage, stage.meshctl().args(["stop", "--quiet"]), @r"
        exit: 0
        ----- stdout -----
        ----- stderr -----
        ");
}

#[test]
fn the_registry_goes_with_the_last_agent_that_needs_it() {
    let stage = Stage::new().with_agent("one").with_agent("two");
    stage.run(&["start", "-d", "one.py"]);
    stage.run(&["start", "-d", "two.py"]);
    stage_snapshot!(stage, stage.meshctl().args(["stop", "one"]), @r"
        exit: 0
        ----- stdout -----
        Agent 'one' stopped
        The registry keeps running for: two
        ----- stderr -----
        ");
    stage_snapshot!(stage, stage.meshctl().args(["stop", "on"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: agent 'on' is not running
        ");
    stage_snapshot!(stage, stage.meshctl().args(["stop", "two", "--timeout", "30"]), @r"
        exit: 0
        ----- stdout -----
        Agent 'two' stopped
        Stopping registry (PID: [PID])...
        registry stopped
        ----- stderr -----
        ");
    assert_eq!(stage.context.strays(), []);
}

#[test]
fn an_unknown_name_suggests_what_runs() {
    let stage = Stage::new().with_agent("greeter");
    stage.run(&["start", "-d", "greeter.py"]);
    stage_snapshot!(stage, stage.meshctl().args(["stop", "greet"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: agent 'greet' is not running
        Hint: did you mean `greeter`?
        ");
    assert!(runs(stage.pid("registry").unwrap()));
}

#[test]
fn agents_and_registry_can_be_stopped_apart() {
    let stage = Stage::new().with_agent("greeter");
    stage.run(&["start", "-d", "greeter.py"]);
    stage_snapshot!(stage, stage.meshctl().args(["stop", "--agents"]), @r"
        exit: 0
        ----- stdout -----
        Stopping 1 agent(s) in parallel...
        Agent 'greeter' stopped
        Stopped 1 agent(s)
        ----- stderr -----
        ");
    assert!(runs(stage.pid("registry").unwrap()));
    stage.run(&["start", "-d", "greeter.py"]);
    stage_snapshot!(stage, stage.meshctl().args(["stop", "--keep-registry"]), @r"
        exit: 0
        ----- stdout -----
        Stopping 1 agent(s) in parallel...
        Agent 'greeter' stopped
        Stopped 1 agent(s)
        ----- stderr -----
        ");
    stage.run(&["start", "-d", "greeter.py"]);
    stage_snapshot!(stage, stage.meshctl().args(["stop", "--registry"]), @r"
        exit: 0
        ----- stdout -----
        Stopping registry (PID: [PID])...
        registry stopped
        ----- stderr -----
        Warning: these agents lose their registry: greeter
        ");
    assert!(runs(stage.pid("greeter").unwrap()));
}

#[test]
fn an_agent_that_ignores_the_request_is_killed_with_its_children() {
    let stage = Stage::new().with_changed_agent(
        "stubborn",
        "import subprocess; signal.signal(signal.SIGTERM, signal.SIG_IGN); subprocess.Popen(['sleep', '600'])",
    );
    stage.run(&["start", "-d", "stubborn.py"]);
    assert_eq!(stage.context.strays().len(), 3);
    stage_snapshot!(stage, stage.meshctl().args(["stop", "--timeout", "1"]), @r"
        exit: 0
        ----- stdout -----
        Stopping 1 agent(s) in parallel...
        Agent 'stubborn' stopped
        Stopped 1 agent(s)
        Stopping registry (PID: [PID])...
        registry stopped
        ----- stderr -----
        ");
    assert_eq!(stage.context.strays(), []);
}

#[test]
fn what_an_agent_left_behind_is_found_and_ended() {
    let stage = Stage::new().with_changed_agent(
        "parent",
        "import subprocess; subprocess.Popen(['sleep', '600'])",
    );
    stage.run(&["start", "-d", "parent.py"]);
    let pid = stage.pid("parent").unwrap();
    let killed = std::process::Command::new("kill")
        .args(["-KILL", &pid.to_string()])
        .status();
    assert!(killed.unwrap().success());
    stage.until("the agent is dead", |_| !runs(pid));
    stage_snapshot!(stage, stage.meshctl().args(["start", "-d", "parent.py"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: agent 'parent' (PID [PID]) ended, but processes that it started are still running. Stop them first with 'meshctl stop parent'.
        ");
    stage_snapshot!(stage, stage.meshctl().args(["stop", "parent", "--force"]), @r"
        exit: 0
        ----- stdout -----
        Agent 'parent' stopped
        Stopping registry (PID: [PID])...
        registry stopped
        ----- stderr -----
        ");
    assert_eq!(stage.context.strays(), []);
}

#[test]
fn clean_leaves_neither_database_nor_logs() {
    let stage = Stage::new().with_agent("greeter");
    stage.run(&["start", "-d", "greeter.py"]);
    stage_snapshot!(stage, stage.meshctl().args(["stop", "--clean"]), @r"
        exit: 0
        ----- stdout -----
        Stopping 1 agent(s) in parallel...
        Agent 'greeter' stopped
        Stopped 1 agent(s)
        Stopping registry (PID: [PID])...
        registry stopped
        Deleted the database, the logs and the pid files
        ----- stderr -----
        ");
    let left = |folder: &str| {
        fs::read_dir(stage.context.state().join(folder))
            .unwrap()
            .count()
    };
    assert_eq!(
        (left("logs"), left("pids"), left("registry/deps")),
        (0, 0, 0)
    );
    assert!(!stage.context.state().join("mcp_mesh_registry.db").exists());
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    let stage = Stage::new();
    stage_snapshot!(stage, stage.meshctl().args(["stop", "--registry", "--agents"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: the argument '--registry' cannot be used with '--agents'

        Usage: meshctl stop --registry [AGENT]...

        For more information, try '--help'.
        ");
    stage_snapshot!(stage, stage.meshctl().args(["stop", "greeter", "--clean"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: the argument '[AGENT]...' cannot be used with '--clean'

        Usage: meshctl stop <AGENT>...

        For more information, try '--help'.
        ");
}
