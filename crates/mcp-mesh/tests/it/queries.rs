//! `list`, `status`, `call` and `logs` against a mesh that `start` built, and against none.

use std::process::Stdio;

use crate::stage::{Stage, stage_snapshot};

fn stage_with(agents: &[&str]) -> Stage {
    let mut stage = Stage::new();
    let mut arguments = vec!["start".to_owned(), "-d".to_owned()];
    for agent in agents {
        stage = stage.with_agent(agent);
        arguments.push(format!("{agent}.py"));
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    stage.run(&arguments);
    stage
}

#[test]
fn without_a_registry_list_answers_and_the_others_fail() {
    let stage = Stage::new();
    stage_snapshot!(stage, stage.meshctl().arg("list"), @r"
        exit: 0
        ----- stdout -----
        Registry: not running (http://localhost:[PORT])
        ----- stderr -----
        ");
    stage_snapshot!(stage, stage.meshctl().args(["list", "--json"]), @r#"
        exit: 0
        ----- stdout -----
        {
          "registry": {
            "status": "not running",
            "url": "http://localhost:[PORT]",
            "agent_count": 0,
            "healthy_count": 0,
            "unhealthy_count": 0
          },
          "agents": [],
          "processes": [],
          "timestamp": "[TIMESTAMP]"
        }
        ----- stderr -----
        "#);
    stage_snapshot!(stage, stage.meshctl().arg("status"), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: failed to reach the registry at `http://localhost:[PORT]`: Connection refused
        Hint: start one with `meshctl start --registry-only`, or check its address
        ");
    stage_snapshot!(stage, stage.meshctl().args(["call", "hello"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: failed to reach the registry at `http://localhost:[PORT]`: Connection refused
        Hint: start one with `meshctl start --registry-only`, or check its address
        ");
    stage_snapshot!(stage, stage.meshctl().args(["list", "--tools"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: failed to reach the registry at `http://localhost:[PORT]`: Connection refused
        Hint: start one with `meshctl start --registry-only`, or check its address
        ");
}

#[test]
fn agents_are_listed_filtered_and_described() {
    let stage = stage_with(&["greeter", "other"]);
    stage_snapshot!(stage, stage.meshctl().args(["list", "--wide", "--filter", "GREET"]), @r"
        exit: 0
        ----- stdout -----
        Registry: running (http://localhost:[PORT]) - 2 healthy - uptime [DURATION]

        NAME              RUNTIME  TYPE   STATUS   DEPS  CAPS  ENDPOINT         TOOLS  AGE  LAST SEEN  CAPABILITIES
        -----------------------------------------------------------------------------------------------------------
        greeter-[ID]  Python   Agent  healthy  0/0   1/1   [ENDPOINT]  1      [DURATION]   [DURATION]         greeting

        1 agent (1 healthy)
        ----- stderr -----
        ");
    stage_snapshot!(stage, stage.meshctl().args(["list", "--filter", "nobody"]), @r"
        exit: 0
        ----- stdout -----
        Registry: running (http://localhost:[PORT]) - 2 healthy - uptime [DURATION]

        No agents found
        ----- stderr -----
        ");
    stage_snapshot!(stage, stage.meshctl().args(["status", "greet"]), @r"
        exit: 0
        ----- stdout -----
        Agent:        greeter
        ID:           greeter-[ID]
        Type:         Agent
        Runtime:      Python
        Status:       healthy
        Endpoint:     http://[ENDPOINT]
        Version:      -
        Dependencies: 0/0
        Last seen:    [DURATION] ago
        Created:      [TIMESTAMP]
        PID:          [PID]

        Capabilities (1):
        CAPABILITY  TOOL           VERSION  TAGS    AVAILABLE
        -----------------------------------------------------
        greeting    greeter_hello  1.0.0    polite  yes
        ----- stderr -----
        ");
    stage_snapshot!(stage, stage.meshctl().args(["status", "nobody"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: no agent found matching 'nobody'
        Hint: `meshctl list --all` shows every agent
        ");
}

#[test]
fn the_list_as_json_has_what_scripts_read() {
    let stage = stage_with(&["greeter"]);
    let list: serde_json::Value = serde_json::from_str(&stage.run(&["list", "--json"])).unwrap();
    assert_eq!(list["registry"]["status"], "running");
    assert_eq!(list["agents"].as_array().unwrap().len(), 1);
    let agent = &list["agents"][0];
    assert_eq!(agent["name"], "greeter");
    assert_eq!(agent["status"], "healthy");
    assert_eq!(agent["agent_type"], "mcp_agent");
    assert_eq!(agent["pid"], stage.pid("greeter").unwrap());
    assert!(
        agent["endpoint"]
            .as_str()
            .unwrap()
            .starts_with("http://127.0.0.1:")
    );
    assert_eq!(list["processes"].as_array().unwrap().len(), 2);
}

#[test]
fn tools_are_listed_and_one_is_described_with_its_schema() {
    let stage = stage_with(&["greeter"]);
    stage_snapshot!(stage, stage.meshctl().args(["list", "--tools"]), @r"
        exit: 0
        ----- stdout -----
        TOOL           AGENT             CAPABILITY  TAGS    STATUS
        -----------------------------------------------------------
        greeter_hello  greeter-[ID]  greeting    polite

        1 tool(s) found
        ----- stderr -----
        ");
    stage_snapshot!(stage, stage.meshctl().args(["list", "--tools=greeter_hello"]), @r#"
        exit: 0
        ----- stdout -----
        Tool:         greeter_hello
        Agent:        greeter (greeter-[ID])
        Capability:   greeting
        Availability: available
        Description:  Says hello
        Version:      1.0.0
        Tags:         polite

        Input Schema:
        {
          "type": "object",
          "properties": {
            "who": {
              "type": "string"
            }
          }
        }

        Example:
          meshctl call greeter:greeter_hello '{}'
        ----- stderr -----
        "#);
    stage_snapshot!(stage, stage.meshctl().args(["list", "--tools=nothing"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: no agent found with tool 'nothing'
        Hint: `meshctl list --tools` shows every tool
        ");
}

#[test]
fn a_call_shows_the_result_as_it_was_spelled() {
    let stage = stage_with(&["greeter"]);
    stage_snapshot!(
        stage,
        stage.meshctl().args(["call", "greeter_hello", r#"{"who":"you"}"#]),
        @r#"
        exit: 0
        ----- stdout -----
        {
          "z": 1.50,
          "a": {
            "who": "you"
          },
          "tenant": "",
          "e": 1e3
        }
        ----- stderr -----
        "#
    );
    stage.file("arguments.json", r#"{"who":"file"}"#);
    stage_snapshot!(
        stage,
        stage.meshctl().args(["call", "greeter:greeting", "--raw", "--file", "arguments.json"]).args([
            "--use-proxy=false",
            "-H",
            "X-Tenant: blue",
        ]),
        @r#"
        exit: 0
        ----- stdout -----
        {"z":1.50,"a":{"who":"file"},"tenant":"blue","e":1e3}
        ----- stderr -----
        "#
    );
    stage_snapshot!(stage, stage.meshctl().args(["call", "greeter_hello", r#"{"fail":1}"#]), @r#"
        exit: 0
        ----- stdout -----
        {
          "content": [
            {
              "type": "text",
              "text": "no"
            }
          ],
          "isError": true
        }
        ----- stderr -----
        "#);
}

#[test]
fn a_call_that_cannot_be_made_says_why() {
    let stage = stage_with(&["one", "two"]);
    stage_snapshot!(stage, stage.meshctl().args(["call", "greeting"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: several agents have the tool 'greeting':
          - one-[ID]:greeting (agent name: one)
          - two-[ID]:greeting (agent name: two)
        Hint: say which one, as in `one-[ID]:greeting`
        ");
    stage_snapshot!(stage, stage.meshctl().args(["call", "nothing"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: no agent found with tool 'nothing'
        Hint: `meshctl list --tools` shows every tool
        ");
    stage_snapshot!(stage, stage.meshctl().args(["call", "one:nothing"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: tool 'nothing' not found on agent 'one'
        Hint: `meshctl list --tools` shows every tool
        ");
    stage_snapshot!(stage, stage.meshctl().args(["call", "one_hello", "[1]"]), @r#"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: the arguments must be a JSON object
        Hint: such as '{"name": "value"}'
        "#);
    stage_snapshot!(stage, stage.meshctl().args(["call", "one_hello", "-H", "nonsense"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: the header `nonsense` has no colon
        Hint: write it as `-H 'Name: value'`
        ");
    stage_snapshot!(
        stage,
        stage.meshctl().args(["call", "x", "--agent-url", "http://127.0.0.1:1"]),
        @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: MCP call failed: failed to reach `http://127.0.0.1:1/mcp`: Connection refused
        Hint: the agent may have stopped; `meshctl list` shows who is there
        "
    );
}

#[test]
#[cfg_attr(windows, ignore = "the agents there do not say that they leave")]
fn logs_show_the_end_earlier_starts_and_what_comes() {
    let stage = stage_with(&["greeter"]);
    stage_snapshot!(stage, stage.meshctl().args(["logs", "greeter", "-n", "1"]), @r"
        exit: 0
        ----- stdout -----
        registered
        ----- stderr -----
        ");
    stage.run(&["stop", "--agents"]);
    stage.run(&["start", "-d", "greeter.py"]);
    stage_snapshot!(stage, stage.meshctl().args(["logs", "greeter", "-p"]), @r"
        exit: 0
        ----- stdout -----
        hello from greeter
        registered
        leaving
        ----- stderr -----
        ");
    stage_snapshot!(stage, stage.meshctl().args(["logs", "-p", "greeter", "-n", "1"]), @r"
        exit: 0
        ----- stdout -----
        leaving
        ----- stderr -----
        ");
    stage_snapshot!(stage, stage.meshctl().args(["logs", "greeter", "-p", "3"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: log file not found for agent 'greeter'
        Hint: one earlier start has a log, `-p 1`; `meshctl logs --list` shows the logs that there are
        ");
    stage_snapshot!(stage, stage.meshctl().args(["logs", "greeter", "-p", "9"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: `--previous 9` is not a number from 1 to 4
        ");
    stage_snapshot!(stage, stage.meshctl().args(["logs", "--list"]), @r"
        exit: 0
        ----- stdout -----
        greeter (current: [SIZE]), 1 previous
        registry (current: [SIZE]), 0 previous
        ----- stderr -----
        ");
    stage_snapshot!(stage, stage.meshctl().args(["logs", "nobody"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: log file not found for agent 'nobody'
        Hint: `meshctl logs --list` shows the logs that there are
        ");
    stage_snapshot!(stage, stage.meshctl().arg("logs"), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: the following required arguments were not provided:
          <AGENT>

        Usage: meshctl logs <AGENT>

        For more information, try '--help'.
        ");

    let mut follow = stage
        .meshctl()
        .args(["logs", "greeter", "-f", "-n", "1"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(follow.stdout.take().unwrap()));
    // It has reached the end.
    assert_eq!(lines.next().unwrap().unwrap(), "registered");
    stage.run(&["stop", "--agents"]);
    stage.run(&["start", "-d", "greeter.py"]);
    let seen: Vec<String> = lines.by_ref().take(3).map(Result::unwrap).collect();
    assert_eq!(seen, ["leaving", "hello from greeter", "registered"]);
    follow.kill().unwrap();
    follow.wait().unwrap();
}

#[test]
fn a_reader_that_closes_the_pipe_is_no_error() {
    let stage = stage_with(&["greeter"]);
    let mut list = stage
        .meshctl()
        .args(["list", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(list.stdout.take());
    assert!(list.wait().unwrap().success());
}
