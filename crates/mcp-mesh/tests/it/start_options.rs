//! The rarer flags of `meshctl start`, and what it prints for programs.

use std::fs;

use crate::stage::{Stage, stage_snapshot};

const SHOW: &str = "print(*(f'{name}={os.environ.get(name)}' for name in ('MCP_MESH_AGENT_NAME', \
    'MCP_MESH_AGENT_VERSION', 'MCP_MESH_AGENT_CAPABILITIES', \
    'MCP_MESH_DISTRIBUTED_TRACING_ENABLED')), os.getcwd(), os.getuid(), os.getgid(), flush=True)";

#[test]
fn json_tells_programs_what_was_started() {
    let stage = Stage::new().with_agent("greeter");
    stage_snapshot!(stage, stage.meshctl().args(["start", "-d", "--json", "greeter.py"]), @r#"
        exit: 0
        ----- stdout -----
        {
          "registry": {
            "url": "http://localhost:[PORT]",
            "started": true,
            "pid": [PID]
          },
          "agents": [
            {
              "name": "greeter",
              "pid": [PID],
              "status": "healthy",
              "endpoint": "http://[ENDPOINT]",
              "log": "[HOME]/.mcp-mesh/logs/greeter.log",
              "watched": false
            }
          ]
        }
        ----- stderr -----
        "#);
    stage_snapshot!(stage, stage.meshctl().args(["start", "--json", "greeter.py"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: the following required arguments were not provided:
          --detach

        Usage: meshctl start --detach --json <AGENT>...

        For more information, try '--help'.
        ");
}

#[test]
fn quiet_prints_nothing_when_all_is_well() {
    let stage = Stage::new().with_agent("greeter");
    stage_snapshot!(stage, stage.meshctl().args(["start", "-d", "--quiet", "greeter.py"]), @r"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    ");
}

#[test]
fn overrides_reach_the_agent() {
    let stage = Stage::new().with_changed_agent("greeter", SHOW);
    fs::create_dir(stage.context.home().join("elsewhere")).unwrap();
    stage.run(&[
        "start",
        "-d",
        "greeter.py",
        "--agent-name",
        "welcomer",
        "--agent-version",
        "2.1.0",
        "--capabilities",
        "a",
        "--capabilities",
        "b",
        "--dte",
        "--working-dir",
        "elsewhere",
        "--log-level",
        "wArN",
    ]);
    let log = fs::read_to_string(stage.context.state().join("logs/greeter.log")).unwrap();
    let said = log
        .lines()
        .find(|line| line.starts_with("MCP_MESH_AGENT_NAME"))
        .unwrap();
    let said = said.replace(&stage.context.home().display().to_string(), "[HOME]");
    insta::assert_snapshot!(said, @"MCP_MESH_AGENT_NAME=welcomer MCP_MESH_AGENT_VERSION=2.1.0 MCP_MESH_AGENT_CAPABILITIES=a,b MCP_MESH_DISTRIBUTED_TRACING_ENABLED=true [HOME]/elsewhere 0 0");
    let list = stage.run(&["list"]);
    assert!(list.contains("welcomer-"), "{list}");
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "runs an agent as somebody else, which takes root on Linux"]
fn an_agent_can_run_as_somebody_else() {
    let stage = Stage::new();
    let home = stage.context.home();
    stage.file("node_modules/@mcpmesh/sdk/index.js", include_str!("sdk.js"));
    stage.file(
        "greeter.js",
        "console.log('I am', process.getuid(), process.getgid());\n\
        require('@mcpmesh/sdk').mesh({}, { name: 'greeter', version: '1' });\n",
    );
    fs::set_permissions(home, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    stage.run(&[
        "start",
        "-d",
        "greeter.js",
        "--user",
        "nobody",
        "--group",
        "12345",
    ]);
    let log = fs::read_to_string(stage.context.state().join("logs/greeter.log")).unwrap();
    assert!(log.contains("I am 65534 12345\n"), "{log}");
    stage.run(&["stop"]);
}

#[test]
fn what_cannot_be_done_is_refused_or_said() {
    let stage = Stage::new().with_agent("greeter");
    stage_snapshot!(stage, stage.meshctl().args(["start", "-d", "greeter.py", "--tls-auto"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: `--tls-auto` is not available yet: a mesh that is started here speaks plain HTTP
        Hint: leave it out, or put a proxy that speaks TLS before the registry and use `--registry-url https://…`
        ");
    stage_snapshot!(stage, stage.meshctl().args(["start", "--registry-only", "--cert-file", "x.pem"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: `--cert-file` is not available yet: a mesh that is started here speaks plain HTTP
        Hint: leave it out, or put a proxy that speaks TLS before the registry and use `--registry-url https://…`
        ");
    stage_snapshot!(stage, stage.meshctl().args(["start", "greeter.py", "--user", "nobody-of-that-name"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: there is no user `nobody-of-that-name`
        Hint: use a name that this system knows, or a number
        ");
    stage_snapshot!(stage, stage.meshctl().args(["start", "greeter.py", "--log-level", "loud"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: invalid value 'loud' for '--log-level <LEVEL>': `loud` is not one of TRACE, DEBUG, INFO, WARN, WARNING, ERROR, CRITICAL, FATAL

        For more information, try '--help'.
        ");
    stage_snapshot!(stage, stage.meshctl().args(["start", "greeter.py", "--registry-only"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: the argument '[AGENT]...' cannot be used with '--registry-only'

        Usage: meshctl start <AGENT>...

        For more information, try '--help'.
        ");
    stage_snapshot!(
        stage,
        stage.meshctl().args(["start", "-d", "--registry-only", "--ui", "--pid-file", "x.pid", "--verbose"]),
        @r"
            exit: 0
            ----- stdout -----
            Registry started (PID: [PID])
            Registry URL: http://localhost:[PORT]
            ----- stderr -----
            Warning: `--pid-file` is deprecated and does nothing; pid files are in `pids` of the state directory
            Warning: there is no dashboard yet: `meshctl tui` shows the mesh as it changes, `meshctl man observability` tells of logs, metrics and traces
            "
    );
}
