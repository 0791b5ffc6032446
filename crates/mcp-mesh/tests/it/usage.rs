//! What every command shares: version, completions, usage errors, the environment.

use std::net::TcpListener;

use mesh_test::{Script, ScriptedServer};

use crate::stage::{Stage, stage_snapshot};

#[test]
fn the_version_has_three_spellings() {
    let stage = Stage::new();
    for arguments in [["--version"], ["-v"], ["version"]] {
        let transcript = mesh_test::transcript(stage.meshctl().args(arguments));
        let version = mesh_core::VERSION;
        assert_eq!(
            transcript,
            format!("exit: 0\n----- stdout -----\nmeshctl version {version}\n----- stderr -----\n")
        );
    }
}

#[test]
fn usage_errors_exit_with_1() {
    let stage = Stage::new();
    stage_snapshot!(stage, stage.meshctl().args(["list", "--healthy-only"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: unexpected argument '--healthy-only' found

        Usage: meshctl list [OPTIONS]

        For more information, try '--help'.
        ");
    stage_snapshot!(stage, stage.meshctl().args(["list", "-a"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: unexpected argument '-a' found

        Usage: meshctl list [OPTIONS]

        For more information, try '--help'.
        ");
    stage_snapshot!(stage, stage.meshctl().arg("nonsense"), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: unrecognized subcommand 'nonsense'

        Usage: meshctl [OPTIONS] <COMMAND>

        For more information, try '--help'.
        ");
    stage_snapshot!(stage, stage.meshctl().args(["start", "--registry-only", "--connect-only"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: the argument '--registry-only' cannot be used with '--connect-only'

        Usage: meshctl start --registry-only [AGENT]...

        For more information, try '--help'.
        ");
    stage_snapshot!(stage, stage.meshctl().args(["list", "--registry-port", "0"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: invalid value '0' for '--registry-port <PORT>': 0 is not in 1..=65535

        For more information, try '--help'.
        ");
}

#[test]
fn failures_have_codes_of_their_own_on_request() {
    let stage = Stage::new();
    let code = |arguments: &[&str]| {
        let status = stage.meshctl().args(arguments).output().unwrap().status;
        let plain: Vec<&str> = arguments
            .iter()
            .copied()
            .filter(|argument| *argument != "--exit-code")
            .collect();
        let usual = stage.meshctl().args(plain).output().unwrap().status;
        (status.code().unwrap(), usual.code().unwrap())
    };
    assert_eq!(code(&["version", "--exit-code"]), (0, 0));
    assert_eq!(code(&["--exit-code", "list", "--nonsense"]), (2, 1));
    assert_eq!(code(&["logs", "nobody", "--exit-code"]), (3, 1));
    assert_eq!(code(&["status", "--exit-code"]), (4, 1));
    // The answer is the same; only the code says that it is bad news.
    assert_eq!(code(&["list", "--exit-code"]), (4, 0));
    assert_eq!(code(&["call", "--exit-code", "a", "[1]"]), (2, 1));
}

/// What each exits with, by request and usually.
fn codes(stage: &Stage, arguments: &[&str]) -> (i32, i32) {
    let code = |arguments: &[&str]| {
        let output = stage.meshctl().args(arguments).output();
        output.expect("it runs").status.code().expect("it ends")
    };
    (
        code(&[arguments, &["--exit-code"]].concat()),
        code(arguments),
    )
}

#[test]
#[cfg(unix)]
fn what_start_and_stop_fail_with_has_a_code() {
    let stage = Stage::new().with_agent("greeter").with_agent("other");
    stage.file("notes.txt", "");
    stage.file("lonely/index.ts", "");
    stage.file("folder/readme", "");
    for (expected, arguments) in [
        (2, &["start", "notes.txt"][..]),
        (2, &["start", "greeter.py", "--env", "nonsense"]),
        (2, &["start", "greeter.py", "--env-file", "missing.env"]),
        (2, &["start", "--registry-only", "--connect-only"]),
        (3, &["start", "missing.py"]),
        (3, &["start", "folder"]),
        (3, &["start", "greeter.py", "--working-dir", "missing"]),
        (3, &["stop", "greeter"]),
        (3, &["stop", "greeter", "other"]),
        (
            4,
            &[
                "start",
                "greeter.py",
                "--registry-url",
                "http://127.0.0.1:9",
                "--connect-only",
            ],
        ),
        (7, &["start", "lonely"]),
    ] {
        assert_eq!(codes(&stage, arguments), (expected, 1), "{arguments:?}");
    }
    stage.run(&["start", "-d", "greeter.py"]);
    for (expected, arguments) in [
        (6, &["start", "-d", "greeter.py"][..]),
        (6, &["start", "--registry-only"]),
        (3, &["stop", "greet"]),
    ] {
        assert_eq!(codes(&stage, arguments), (expected, 1), "{arguments:?}");
    }
    stage.run(&["stop"]);
    assert_eq!(stage.context.strays(), []);
}

#[test]
fn what_others_answer_has_a_code() {
    let stage = Stage::new();
    let refusal = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no such seat"}}"#;
    let failure = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[],"isError":true}}"#;
    let server = ScriptedServer::start(move |request| match request.path.as_str() {
        "/refusing/mcp" => Script::json(refusal),
        "/failing/mcp" => Script::json(failure),
        "/jobs/done/reclaim" => Script::body(409, "application/json", r#"{"error":"it is done"}"#),
        _ => Script::body(
            500,
            "application/json",
            r#"{"error":"the kettle exploded"}"#,
        ),
    });
    // Whoever connects waits for ever: nobody takes the connection.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    let url = server.url();
    let (refusing, failing) = (format!("{url}/refusing"), format!("{url}/failing"));
    for (expected, arguments) in [
        ((5, 1), &["call", "book", "--agent-url", &refusing][..]),
        ((5, 0), &["call", "book", "--agent-url", &failing]),
        ((5, 1), &["call", "book", "--agent-url", &url]),
        ((5, 1), &["status", "--registry-url", &url]),
        ((6, 1), &["job", "reclaim", "done", "--registry-url", &url]),
        (
            (8, 1),
            &["list", "--timeout", "1", "--registry-url", &silent],
        ),
        (
            (8, 1),
            &["call", "book", "--timeout", "1", "--agent-url", &silent],
        ),
    ] {
        assert_eq!(codes(&stage, arguments), expected, "{arguments:?}");
    }
}

#[test]
fn a_failure_leaves_nothing_half_written() {
    let stage = Stage::new();
    for arguments in [&["status", "--json"][..], &["list", "--tools", "--json"]] {
        let output = stage.meshctl().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn the_bare_name_is_a_question() {
    let stage = Stage::new();
    let bare = stage.meshctl().output().unwrap();
    let asked = stage.meshctl().arg("-h").output().unwrap();
    assert_eq!(
        (bare.status.code(), bare.stderr.as_slice()),
        (Some(0), &b""[..])
    );
    assert_eq!(bare.stdout, asked.stdout);
}

#[test]
fn a_wrong_variable_is_named() {
    let stage = Stage::new();
    stage_snapshot!(stage, stage.meshctl().env("MCP_MESH_REGISTRY_URL", "nowhere").arg("list"), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: `nowhere` (MCP_MESH_REGISTRY_URL) is not the URL of a registry: relative URL without a base
        Hint: use a URL such as `http://localhost:8000`
        ");
    stage_snapshot!(
        stage,
        stage.meshctl().env("MCP_MESH_LOG_LEVEL", "loud").args(["start", "--registry-only"]),
        @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: MCP_MESH_LOG_LEVEL: `loud` is not one of TRACE, DEBUG, INFO, WARN, WARNING, ERROR, CRITICAL, FATAL
        Hint: correct or unset `MCP_MESH_LOG_LEVEL`
        "
    );
    stage_snapshot!(
        stage,
        stage.meshctl().env("MCP_MESH_STARTUP_TIMEOUT", "soon").args(["start", "--registry-only"]),
        @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: MCP_MESH_STARTUP_TIMEOUT: `soon` is not a whole number of at least 1, or it is too large
        Hint: correct or unset `MCP_MESH_STARTUP_TIMEOUT`
        "
    );
}

#[test]
fn who_asks_for_a_dashboard_is_told_that_there_is_none() {
    let stage = Stage::new();
    stage_snapshot!(stage, stage.meshctl().args(["ui", "--exit-code"]), @r"
        exit: 7
        ----- stdout -----
        ----- stderr -----
        Error: there is no dashboard yet: `meshctl tui` shows the mesh as it changes, `meshctl man observability` tells of logs, metrics and traces
        ");
}
