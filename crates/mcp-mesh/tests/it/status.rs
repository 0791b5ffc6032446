//! `status` of agents that are down, and of those that lack something.

use mesh_core::wire::{Dependency, Registration, TagEntry, Tool};
use mesh_test::{TestContext, fake, mesh_snapshot, test_context};

#[cfg(unix)]
use crate::stage::{Stage, stage_snapshot};

fn offering(name: &str, tools: Vec<Tool>) -> Registration {
    Registration {
        agent_id: format!("{name}-1"),
        ..fake::agent(name, "http://127.0.0.1:9000", tools)
    }
}

fn leave(context: &TestContext, id: &str) {
    let mut connection = context.registry().connect().expect("the registry listens");
    let answer = connection.send("DELETE", &format!("/agents/{id}"), b"");
    assert_eq!(answer.expect("an answer").status, 204);
}

fn mesh() -> TestContext {
    let needs = [
        fake::dependency("clock"),
        fake::dependency("clok"),
        Dependency {
            tags: vec![TagEntry::One("exact".to_owned())],
            ..fake::dependency("weather")
        },
        Dependency {
            version: Some(">=2".to_owned()),
            ..fake::dependency("greeting")
        },
    ];
    let plan = Tool {
        dependencies: needs.into_iter().map(Into::into).collect(),
        ..fake::tool("plan")
    };
    let context = test_context!()
        .with_registration(&offering("clocks", vec![fake::tool("clock")]))
        .with_registration(&offering("weathers", vec![fake::tool("weather")]))
        .with_registration(&offering("greeter", vec![fake::tool("greeting")]))
        .with_registration(&offering("planner", vec![plan]));
    leave(&context, "clocks-1");
    context
}

#[test]
fn what_is_unresolved_has_a_reason_and_a_next_step() {
    let context = mesh();
    mesh_snapshot!(context, context.meshctl().args(["status", "planner"]), @r"
        exit: 0
        ----- stdout -----
        Agent:        planner
        ID:           planner-1
        Type:         Agent
        Runtime:      Python
        Status:       healthy
        Endpoint:     http://127.0.0.1:9000
        Version:      1.0.0
        Dependencies: 0/4
        Last seen:    [DURATION] ago
        Created:      [TIMESTAMP]

        Capabilities (1):
        CAPABILITY  TOOL  VERSION  TAGS  AVAILABLE
        ------------------------------------------
        plan        plan  1.0.0          yes

        Dependencies (4):
        DEPENDENCY  FUNCTION  PROVIDER   TOOL  ENDPOINT
        -----------------------------------------------
        clock       plan      NOT FOUND  -     -
        clok        plan      NOT FOUND  -     -
        weather     plan      NOT FOUND  -     -
        greeting    plan      NOT FOUND  -     -

        Unresolved (4):
        DEPENDENCY  FUNCTION  WHY
        -------------------------------------------------------------
        clock       plan      clocks-1 offers it and is unhealthy
        clok        plan      nobody offers it; did you mean `clock`?
        weather     plan      weathers-1 is not tagged exact
        greeting    plan      greeter-1 is version 1.0.0, not >=2

        Next:
        COMMAND                            PURPOSE
        ------------------------------------------------------------------------
        meshctl status clocks-1            tells why it cannot be used
        meshctl audit planner-1 --explain  shows who was considered, and why not
        meshctl list --tools               shows what is offered
        ----- stderr -----
        ");
}

#[test]
fn who_said_goodbye_and_who_was_replaced_is_told() {
    let context = mesh();
    mesh_snapshot!(context, context.meshctl().args(["status", "clocks-1"]), @r"
        exit: 0
        ----- stdout -----
        Agent:        clocks
        ID:           clocks-1
        Type:         Agent
        Runtime:      Python
        Status:       unhealthy
        Endpoint:     http://127.0.0.1:9000
        Version:      1.0.0
        Dependencies: 0/0
        Last seen:    [DURATION] ago
        Created:      [TIMESTAMP]
        Why:          it said goodbye [DURATION] ago

        Capabilities (1):
        CAPABILITY  TOOL   VERSION  TAGS  AVAILABLE
        -----------------------------------------------------
        clock       clock  1.0.0          no: agent unhealthy
        ----- stderr -----
        ");
    let mut newer = offering("clocks", vec![fake::tool("clock")]);
    newer.agent_id = "clocks-2".to_owned();
    let context = context.with_registration(&newer);
    mesh_snapshot!(context, context.meshctl().args(["status", "clocks-1"]), @r"
        exit: 0
        ----- stdout -----
        Agent:        clocks
        ID:           clocks-1
        Type:         Agent
        Runtime:      Python
        Status:       unhealthy
        Endpoint:     http://127.0.0.1:9000
        Version:      1.0.0
        Dependencies: 0/0
        Last seen:    [DURATION] ago
        Created:      [TIMESTAMP]
        Why:          it said goodbye [DURATION] ago
                      clocks-2, a newer instance, is healthy

        Capabilities (1):
        CAPABILITY  TOOL   VERSION  TAGS  AVAILABLE
        -----------------------------------------------------
        clock       clock  1.0.0          no: agent unhealthy

        Next:
        COMMAND                  PURPOSE
        -------------------------------------------------
        meshctl status clocks-2  shows the newer instance
        ----- stderr -----
        ");
}

#[test]
fn those_that_are_down_are_named_below_the_healthy_ones() {
    let context = test_context!().with_registration(&offering("clocks", vec![fake::tool("clock")]));
    leave(&context, "clocks-1");
    mesh_snapshot!(context, context.meshctl().args(["status"]), @r"
        exit: 0
        ----- stdout -----
        No healthy agents found

        1 agent is down: clocks-1; `meshctl status clocks-1` tells why
        ----- stderr -----
        ");
}

#[cfg(unix)]
#[test]
fn an_agent_that_died_here_is_told_from_one_that_hangs() {
    let failing = "print('2026-11-23 10:00:00 ERROR    no database', flush=True)";
    let stage = Stage::new()
        .with_changed_agent("dead", failing)
        .with_agent("stuck");
    let mut start = stage.meshctl();
    start.args(["start", "-d", "dead.py", "stuck.py"]);
    start.envs([
        ("DEFAULT_TIMEOUT_THRESHOLD", "1"),
        ("HEALTH_CHECK_INTERVAL", "1"),
    ]);
    assert!(start.output().expect("it runs").status.success());
    let signal = |signal: &str, name: &str| {
        let pid = stage.pid(name).expect("it was started").to_string();
        let mut kill = std::process::Command::new("kill");
        assert!(
            kill.args([signal, &pid])
                .status()
                .expect("it runs")
                .success()
        );
    };
    signal("-KILL", "dead");
    signal("-STOP", "stuck");
    stage.until("both are given up", |stage| {
        stage.run(&["list"]).contains("No agents found")
    });
    stage_snapshot!(stage, stage.meshctl().args(["status", "dead"]), @r"
        exit: 0
        ----- stdout -----
        Agent:        dead
        ID:           dead-[ID]
        Type:         Agent
        Runtime:      Python
        Status:       unhealthy
        Endpoint:     http://[ENDPOINT]
        Version:      -
        Dependencies: 0/0
        Last seen:    [DURATION] ago
        Created:      [TIMESTAMP]
        Why:          no heartbeat came for too long: it was last heard [DURATION] ago, and given up [DURATION] ago
                      its process on this machine (PID [PID]) has ended, and nobody stopped it
        Log:          [HOME]/.mcp-mesh/logs/dead.log
                      | [TIMESTAMP] ERROR no database

        Capabilities (1):
        CAPABILITY  TOOL        VERSION  TAGS    AVAILABLE
        ------------------------------------------------------------
        greeting    dead_hello  1.0.0    polite  no: agent unhealthy

        Next:
        COMMAND             PURPOSE
        --------------------------------------------------
        meshctl logs dead   shows what it wrote
        meshctl start FILE  starts it again, from its file
        ----- stderr -----
        ");
    stage_snapshot!(stage, stage.meshctl().args(["status", "stuck"]), @r"
        exit: 0
        ----- stdout -----
        Agent:        stuck
        ID:           stuck-[ID]
        Type:         Agent
        Runtime:      Python
        Status:       unhealthy
        Endpoint:     http://[ENDPOINT]
        Version:      -
        Dependencies: 0/0
        Last seen:    [DURATION] ago
        Created:      [TIMESTAMP]
        Why:          no heartbeat came for too long: it was last heard [DURATION] ago, and given up [DURATION] ago
                      a process of that name runs on this machine (PID [PID])
        Log:          [HOME]/.mcp-mesh/logs/stuck.log

        Capabilities (1):
        CAPABILITY  TOOL         VERSION  TAGS    AVAILABLE
        -------------------------------------------------------------
        greeting    stuck_hello  1.0.0    polite  no: agent unhealthy

        Next:
        COMMAND                             PURPOSE
        ----------------------------------------------------------------------------
        curl http://[ENDPOINT]/health  asks its own health check, if it answers
        meshctl logs stuck                  shows what it wrote
        ----- stderr -----
        ");
}

#[cfg(unix)]
#[test]
fn an_agent_that_was_killed_a_moment_ago_is_healthy_for_the_registry_alone() {
    let stage = Stage::new().with_agent("greeter");
    stage.run(&["start", "-d", "greeter.py"]);
    let pid = stage.pid("greeter").expect("it runs");
    mesh_test::kill(pid).expect("it is ours");
    stage.until("it is dead", |_| !mesh_test::runs(pid));
    stage_snapshot!(stage, stage.meshctl().args(["status", "greeter"]), @r"
        exit: 0
        ----- stdout -----
        Agent:        greeter
        ID:           greeter-[ID]
        Type:         Agent
        Runtime:      Python
        Status:       healthy, says the registry
        Endpoint:     http://[ENDPOINT]
        Version:      -
        Dependencies: 0/0
        Last seen:    [DURATION] ago
        Created:      [TIMESTAMP]
        Why:          the registry heard it [DURATION] ago and still calls it healthy, but nobody serves http://[ENDPOINT]
                      its process on this machine (PID [PID]) has ended, and nobody stopped it
        Log:          [HOME]/.mcp-mesh/logs/greeter.log

        Capabilities (1):
        CAPABILITY  TOOL           VERSION  TAGS    AVAILABLE
        -----------------------------------------------------
        greeting    greeter_hello  1.0.0    polite  yes

        Next:
        COMMAND               PURPOSE
        ----------------------------------------------------
        meshctl logs greeter  shows what it wrote
        meshctl start FILE    starts it again, from its file
        ----- stderr -----
        ");
    // Among all, as well.
    assert!(
        stage
            .run(&["status"])
            .contains("healthy, says the registry")
    );
    stage_snapshot!(stage, stage.meshctl().arg("list"), @r"
        exit: 0
        ----- stdout -----
        Registry: running (http://localhost:[PORT]) - 1 healthy - uptime [DURATION]

        NAME              RUNTIME  TYPE   STATUS                  DEPS  CAPS  ENDPOINT         AGE  LAST SEEN
        -----------------------------------------------------------------------------------------------------
        greeter-[ID]  Python   Agent  healthy (process gone)  0/0   1/1   [ENDPOINT]  [DURATION]   [DURATION]

        1 agent (1 healthy)
        ----- stderr -----
        Warning: the registry still calls greeter-[ID] healthy, but its process (PID [PID]) is gone; `meshctl status greeter-[ID]` tells more
        ");
    let report = |arguments: &[&str]| -> serde_json::Value {
        serde_json::from_str(&stage.run(arguments)).expect("`--json` prints JSON")
    };
    let agent = report(&["status", "greeter", "--json"]);
    mesh_test::assert_matches_schema(&crate::schemas::schema("status-agent"), &agent);
    assert_eq!(agent["status"], "healthy", "what scripts read stays");
    assert_eq!(agent["process_gone"], pid);
    assert_eq!(agent["pid"], serde_json::Value::Null);
    assert_eq!(
        report(&["list", "--json"])["agents"][0]["process_gone"],
        pid
    );
    let mut watch = stage.meshctl();
    watch.args(["list", "--watch", "--json"]);
    let watch = mesh_test::Piped::new(watch);
    assert!(watch.line().contains("\"registry\""));
    let added: serde_json::Value = serde_json::from_str(&watch.line()).expect("JSON");
    assert_eq!(added["agent"]["process_gone"], pid);
    // Whoever takes its place is no loss.
    stage.run(&["start", "-d", "greeter.py"]);
    let list = report(&["list", "--json"]);
    let agents = list["agents"].as_array().expect("a list");
    assert!(agents.iter().all(|agent| agent["process_gone"].is_null()));
    stage.run(&["stop"]);
}
