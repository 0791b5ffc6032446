//! `meshctl start`: what it prints, what runs afterwards, and that nothing runs after a failure.

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::stage::{Stage, runs, stage_snapshot};

#[test]
fn a_detached_agent_is_listed_healthy_when_start_returns() {
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
    stage_snapshot!(stage, stage.meshctl().arg("list"), @r"
        exit: 0
        ----- stdout -----
        Registry: running (http://localhost:[PORT]) - 1 healthy - uptime [DURATION]

        NAME              RUNTIME  TYPE   STATUS   DEPS  CAPS  ENDPOINT         AGE  LAST SEEN
        --------------------------------------------------------------------------------------
        greeter-[ID]  Python   Agent  healthy  0/0   1/1   [ENDPOINT]  [DURATION]   [DURATION]

        1 agent (1 healthy)
        ----- stderr -----
        ");
    let pid = stage.pid("greeter").expect("the pid file is there");
    let command_line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
    assert!(command_line.contains("greeter.py"), "{command_line}");
    let deps = fs::read_dir(stage.context.state().join("registry/deps")).unwrap();
    assert_eq!(deps.count(), 1);
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
    assert_eq!(stage.context.strays(), []);
}

#[test]
fn the_call_that_is_proposed_has_the_arguments_that_it_needs() {
    let needy = "SCHEMA['required'] = ['who']";
    let stage = Stage::new()
        .with_changed_agent("needy", needy)
        .with_changed_agent("speechless", "del SCHEMA");
    let proposed = |script: &str| {
        let output = stage.meshctl().args(["start", "-d", script]).output();
        let output = output.expect("meshctl can be run");
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stderr).expect("our output is UTF-8");
        let line = text.lines().find(|line| line.contains("meshctl call"));
        line.map(|line| line.trim_start_matches("│ ").to_owned())
    };
    let call = proposed("needy.py").expect("a call is proposed");
    insta::assert_snapshot!(call, @r#"meshctl call needy_hello '{"who": "..."}'  call a tool"#);
    let typed = call.split("  ").next().expect("the command stands first");
    let meshctl = stage.meshctl();
    let program = meshctl.get_program().to_str().expect("a path in UTF-8");
    let variables = meshctl
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)));
    let mut shell = Command::new("sh");
    shell.args(["-c", &typed.replacen("meshctl", program, 1)]);
    let called = shell.envs(variables).output().expect("there is a shell");
    assert!(called.status.success(), "{called:?}");
    // What its tools take is not told: any call could be wrong.
    assert_eq!(proposed("speechless.py"), None);
    stage_snapshot!(stage, stage.meshctl().args(["list", "--tools=needy_hello"]), @r#"
        exit: 0
        ----- stdout -----
        Tool:         needy_hello
        Agent:        needy (needy-[ID])
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
          },
          "required": [
            "who"
          ]
        }

        Example:
          meshctl call needy:needy_hello '{"who": "..."}'
        ----- stderr -----
        "#);
    stage.run(&["stop"]);
}

#[test]
fn several_agents_and_a_folder_start_together() {
    let stage = Stage::new().with_agent("one").with_agent("two");
    let script = fs::read_to_string(stage.context.home().join("two.py")).unwrap();
    stage.file("agents/three/main.py", &script.replace("two", "three"));
    stage_snapshot!(
        stage,
        stage.meshctl().args(["start", "-d", "one.py", "two.py", "agents/three"]),
        @r"
        exit: 0
        ----- stdout -----
        Registry started (PID: [PID])
        Registry URL: http://localhost:[PORT]
        Starting 3 agents in detach: one, two, three
        Started 'one' in detach
        Started 'two' in detach
        Started 'three' in detach
        ----- stderr -----
        ╭ Running
        │ one       healthy  http://[ENDPOINT]  [HOME]/.mcp-mesh/logs/one.log  PID [PID]
        │ two       healthy  http://[ENDPOINT]  [HOME]/.mcp-mesh/logs/two.log  PID [PID]
        │ three     healthy  http://[ENDPOINT]  [HOME]/.mcp-mesh/logs/three.log  PID [PID]
        │ registry  started  http://localhost:[PORT]  PID [PID]
        ├ Next
        │ meshctl list            who is in the mesh
        │ meshctl call one_hello  call a tool
        │ meshctl logs one -f     what an agent writes
        │ meshctl stop            stop all of it
        ╰
        "
    );
}

#[test]
fn an_agent_that_ends_at_once_is_shown_with_its_log_and_nothing_keeps_running() {
    let stage = Stage::new().with_changed_agent("broken", "raise RuntimeError('first line')");
    stage_snapshot!(stage, stage.meshctl().args(["start", "-d", "broken.py"]), @r#"
        exit: 1
        ----- stdout -----
        Registry started (PID: [PID])
        Registry URL: http://localhost:[PORT]
        ----- stderr -----
        The last lines of `[HOME]/.mcp-mesh/logs/broken.log`:
          | hello from broken
          | Traceback (most recent call last):
          |   File "[HOME]/broken.py", line 75, in <module>
          |     raise RuntimeError('first line')
          | RuntimeError: first line
        Error: agent 'broken' ended before it registered (exit status: 1)
        Hint: its whole log: `meshctl logs broken`
        "#);
    assert_eq!(stage.context.strays(), []);
    assert_eq!(stage.pid("broken"), None);
    assert_eq!(stage.pid("registry"), None);
}

#[test]
fn an_agent_that_does_not_register_is_left_running_with_a_warning() {
    let stage = Stage::new().with_changed_agent("silent", "time.sleep(600)");
    stage_snapshot!(
        stage,
        stage.meshctl().args(["start", "-d", "silent.py", "--startup-timeout", "5"]),
        @r"
        exit: 0
        ----- stdout -----
        Registry started (PID: [PID])
        Registry URL: http://localhost:[PORT]
        Started 'silent' in detach
          Logs: meshctl logs silent
          Stop: meshctl stop silent
        ----- stderr -----
        Warning: agent 'silent' runs but did not register within 5 s; see `meshctl logs silent`
        The last lines of `[HOME]/.mcp-mesh/logs/silent.log`:
          | hello from silent
        ╭ Running
        │ silent    unregistered  -                       [HOME]/.mcp-mesh/logs/silent.log  PID [PID]
        │ registry  started       http://localhost:[PORT]  PID [PID]
        ├ Next
        │ meshctl list  who is in the mesh
        ╰
        "
    );
    assert!(runs(stage.pid("silent").unwrap()));
}

#[test]
fn a_second_start_of_a_running_agent_is_refused_and_the_first_goes_on() {
    let stage = Stage::new().with_agent("greeter");
    stage.run(&["start", "-d", "greeter.py"]);
    let pid = stage.pid("greeter").unwrap();
    stage_snapshot!(stage, stage.meshctl().args(["start", "-d", "greeter.py"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: agent 'greeter' is already running (PID [PID]). Stop it first with 'meshctl stop greeter'.
        ");
    assert!(runs(pid));
    assert_eq!(stage.pid("greeter"), Some(pid));
}

#[test]
fn wrong_paths_and_names_are_named() {
    let stage = Stage::new().with_agent("greeter");
    stage.file("notes.txt", "");
    stage.file("empty/readme.md", "");
    stage_snapshot!(stage, stage.meshctl().args(["start", "-d", "nowhere.py"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: path does not exist: nowhere.py
        Hint: name an agent's script, or a folder that holds a `main.py` or `src/index.ts`
        ");
    stage_snapshot!(stage, stage.meshctl().args(["start", "-d", "empty"]), @r#"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: no entry point found in folder "empty" (checked: main.py, src/index.ts, src/index.js, index.ts, index.js, pom.xml)
        Hint: name the agent's script, or call it `main.py`
        "#);
    stage_snapshot!(stage, stage.meshctl().args(["start", "-d", "notes.txt"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: `notes.txt` is not an agent: a file must be a `.py`, `.ts`, `.js`, `.jar` or `.java`, or a `pom.xml`
        Hint: name an agent's script, or a folder that holds a `main.py` or `src/index.ts`
        ");
    stage_snapshot!(stage, stage.meshctl().args(["start", "-d", "greeter.py", "greeter.py"]), @r#"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: `[HOME]/greeter.py` was named twice
        Hint: name it once
        "#);
    assert_eq!(stage.context.strays(), []);
}

#[test]
fn a_missing_interpreter_is_an_error_with_a_cure() {
    let stage = Stage::new().with_agent("greeter");
    fs::remove_dir_all(stage.context.home().join(".venv")).unwrap();
    stage_snapshot!(
        stage,
        stage.meshctl().env("PATH", "/nowhere").args(["start", "-d", "greeter.py"]),
        @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: no Python interpreter found for `[HOME]/greeter.py`
        Hint: create an environment beside the agent: `python3 -m venv .venv && .venv/bin/pip install mcp-mesh`
        "
    );
    let site_packages = stage
        .context
        .home()
        .join(".venv/lib/python3.11/site-packages");
    fs::create_dir_all(site_packages).unwrap();
    stage.file(".venv/pyvenv.cfg", "version = 3.11.2\n");
    stage.file(".venv/bin/python", "");
    stage_snapshot!(
        stage,
        stage.meshctl().env("PATH", "/nowhere").args(["start", "-d", "greeter.py"]),
        @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: no Python 3.11+ with the package `mcp-mesh` found for `[HOME]/greeter.py` (looked at [HOME]/.venv/bin/python: the package `mcp-mesh` is not installed there)
        Hint: create an environment beside the agent: `python3 -m venv .venv && .venv/bin/pip install mcp-mesh`
        "
    );
}

#[test]
fn an_interpreter_that_lacks_the_package_after_all_is_an_error_with_a_cure() {
    let missing = "raise ModuleNotFoundError(\"No module named 'mesh'\")";
    let stage = Stage::new().with_changed_agent("greeter", missing);
    stage_snapshot!(stage, stage.meshctl().args(["start", "-d", "greeter.py"]), @r#"
        exit: 1
        ----- stdout -----
        Registry started (PID: [PID])
        Registry URL: http://localhost:[PORT]
        ----- stderr -----
        The last lines of `[HOME]/.mcp-mesh/logs/greeter.log`:
          | hello from greeter
          | Traceback (most recent call last):
          |   File "[HOME]/greeter.py", line 75, in <module>
          |     raise ModuleNotFoundError("No module named 'mesh'")
          | ModuleNotFoundError: No module named 'mesh'
        Error: agent 'greeter' ended before it registered (exit status: 1)
        Hint: create an environment beside the agent: `python3 -m venv .venv && .venv/bin/pip install mcp-mesh`
        "#);
}

#[test]
fn a_port_of_another_program_is_an_error_at_once() {
    let stage = Stage::new();
    let _other = TcpListener::bind(("127.0.0.1", stage.port)).unwrap();
    let start = Instant::now();
    stage_snapshot!(stage, stage.meshctl().args(["start", "--registry-only", "-d"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: another program uses http://localhost:[PORT]: the registry at `http://localhost:[PORT]` did not answer within [DURATION]
        Hint: end that program, or choose another `--registry-port`
        ");
    // Without it, that is how long a registry may take to start.
    assert!(start.elapsed().as_secs() < 30);
    assert_eq!(stage.context.strays(), []);
}

#[test]
fn a_registry_that_cannot_open_its_database_says_why() {
    let stage = Stage::new();
    stage.file(
        "not-a-database.db",
        &"this is text, not a database\n".repeat(100),
    );
    let arguments = [
        "start",
        "--registry-only",
        "-d",
        "--db-path",
        "not-a-database.db",
    ];
    let shown = mesh_test::transcript(stage.meshctl().args(arguments));
    // Above it is what the log has by then.
    let (_, error) = shown.split_once("\nError: ").expect("it failed");
    mesh_test::mesh_snapshot!(stage, said: error, @r"
        the registry failed to start: `[HOME]/not-a-database.db` is not a SQLite database
        Hint: set `DATABASE_URL` to another file, or move this one away
        ");
    assert_eq!(stage.context.strays(), []);
}

#[test]
fn the_registry_starts_alone_and_only_once() {
    let stage = Stage::new();
    stage_snapshot!(stage, stage.meshctl().args(["start", "--registry-only", "-d"]), @r"
        exit: 0
        ----- stdout -----
        Registry started (PID: [PID])
        Registry URL: http://localhost:[PORT]
        ----- stderr -----
        ");
    stage_snapshot!(stage, stage.meshctl().args(["start", "--registry-only", "-d"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: registry is already running at http://localhost:[PORT]
        Hint: stop it first with `meshctl stop --registry`, or use another port
        ");
    let log = fs::read_to_string(stage.context.state().join("logs/registry.log")).unwrap();
    assert!(
        log.contains("[sweep] using MCP_MESH_SWEEP_INTERVAL"),
        "{log}"
    );
}

#[test]
fn a_local_registry_url_decides_where_the_registry_starts() {
    let stage = Stage::new().with_agent("greeter");
    let port = mesh_test::free_port().unwrap();
    let url = format!("http://localhost:{port}");
    stage.run(&["start", "-d", "greeter.py", "--registry-url", &url]);
    let list = stage.run(&["list", "--registry-url", &url]);
    assert!(
        list.contains("greeter-") && list.contains("1 healthy"),
        "{list}"
    );
}

#[test]
fn connect_only_never_starts_a_registry() {
    let stage = Stage::new().with_agent("greeter");
    stage_snapshot!(stage, stage.meshctl().args(["start", "-d", "--connect-only", "greeter.py"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: --connect-only needs --registry-url
        Hint: say which registry the agents shall join
        ");
    stage_snapshot!(
        stage,
        stage.meshctl().args([
            "start",
            "-d",
            "--connect-only",
            "greeter.py",
            "--registry-url",
            &format!("http://localhost:{}", stage.port),
        ]),
        @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: failed to reach the registry at `http://localhost:[PORT]`: Connection refused
        Hint: start one with `meshctl start --registry-only`, or check its address
        "
    );
    assert_eq!(stage.context.strays(), []);
}

#[test]
fn variables_reach_the_agent_from_flag_and_file() {
    let stage = Stage::new().with_changed_agent(
        "greeter",
        "print('A', os.environ['A'], 'B', os.environ['B'], 'LEVEL', os.environ['MCP_MESH_LOG_LEVEL'], flush=True)",
    );
    stage.file("agents.env", "# comment\nexport A='from file'\nB=file\n");
    stage.run(&[
        "start",
        "-d",
        "greeter.py",
        "--env-file",
        "agents.env",
        "--env",
        "B=1,2=3",
        "--log-level",
        "warn",
    ]);
    let log = fs::read_to_string(stage.context.state().join("logs/greeter.log")).unwrap();
    assert!(log.contains("A from file B 1,2=3 LEVEL WARNING"), "{log}");
    stage.file("agents.env", "A\n");
    stage_snapshot!(stage, stage.meshctl().args(["start", "x.py", "--env-file", "agents.env"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: cannot read `agents.env`: line 1: expected `NAME=value`
        ");
    stage_snapshot!(stage, stage.meshctl().args(["start", "x.py", "--env", "=1"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: `--env =1`: a name is letters, digits and `_`, and starts with no digit
        Hint: write it as `--env NAME=value`
        ");
}

#[test]
fn a_reused_process_number_is_neither_running_nor_stopped() {
    let stage = Stage::new().with_agent("greeter");
    let mut bystander = std::process::Command::new("sleep")
        .arg("60")
        .spawn()
        .unwrap();
    let pids = stage.context.state().join("pids");
    fs::create_dir_all(&pids).unwrap();
    fs::write(pids.join("greeter.pid"), bystander.id().to_string()).unwrap();
    fs::write(pids.join("greeter.birth"), "long ago").unwrap();
    stage.run(&["start", "-d", "greeter.py"]);
    assert_ne!(stage.pid("greeter"), Some(bystander.id()));
    stage.run(&["stop"]);
    assert!(bystander.try_wait().unwrap().is_none());
    bystander.kill().unwrap();
    bystander.wait().unwrap();
}

#[test]
fn an_interrupt_in_the_foreground_ends_everything_that_was_started() {
    let stage = Stage::new().with_agent("one").with_agent("two");
    let mut foreground = stage
        .meshctl()
        .args(["start", "one.py", "two.py"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    stage.until("both agents are listed", |stage| {
        stage.run(&["list"]).contains("2 healthy")
    });
    let pid = foreground.id().to_string();
    assert!(
        std::process::Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    assert!(foreground.wait().unwrap().success());
    let output = foreground.wait_with_output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    for line in [
        "registry | ",
        "one      | hello from one\n",
        "two      | registered\n",
        "Press Ctrl+C to stop",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
    assert_eq!(stage.context.strays(), []);
    assert_eq!(stage.pid("registry"), None);
}

#[test]
fn an_interrupt_while_the_registry_starts_ends_it() {
    let stage = Stage::new().with_agent("greeter");
    let meshctl = stage.beside("#!/bin/sh\nexec sleep 600\n");
    let mut start = meshctl()
        .args(["start", "-d", "greeter.py"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    stage.until("the registry is recorded", |stage| {
        stage.pid("registry").is_some()
    });
    let pid = start.id().to_string();
    let kill = std::process::Command::new("kill")
        .args(["-INT", &pid])
        .status();
    assert!(kill.unwrap().success());
    assert_eq!(start.wait().unwrap().code(), Some(1));
    let output = start.wait_with_output().unwrap();
    let shown = String::from_utf8(output.stderr).unwrap();
    assert_eq!(shown, "Error: interrupted before the registry answered\n");
    assert_eq!(stage.context.strays(), []);
    assert_eq!(stage.pid("registry"), None);
}

#[test]
fn the_foreground_ends_with_its_agents_and_reports_a_failure() {
    let stage = Stage::new().with_changed_agent("broken", "raise SystemExit(3)");
    stage.run(&["start", "--registry-only", "-d"]);
    stage_snapshot!(stage, stage.meshctl().args(["start", "broken.py"]), @r"
        exit: 1
        ----- stdout -----
        Agents are running. Press Ctrl+C to stop all services.
        hello from broken
        ----- stderr -----
        'broken' ended (exit status: 3)
        The last lines of `[HOME]/.mcp-mesh/logs/broken.log`:
          | hello from broken
        Error: 'broken' failed (exit status: 3)
        ");
    assert_eq!(stage.context.strays().len(), 1);
}

#[test]
fn starts_that_race_share_one_registry() {
    let names = ["a", "b", "c", "d"];
    let mut stage = Stage::new();
    for name in names {
        stage = stage.with_agent(name);
    }
    let children: Vec<_> = names
        .iter()
        .map(|name| {
            let script = format!("{name}.py");
            let mut command = stage.meshctl();
            command.args(["start", "-d", "--quiet", &script]);
            command.spawn().unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert!(stage.run(&["list"]).contains("4 agents (4 healthy)"));
    assert_eq!(stage.context.strays().len(), 5);
    stage.run(&["stop"]);
    assert_eq!(stage.context.strays(), []);
}
