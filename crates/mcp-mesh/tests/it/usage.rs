//! What every command shares: version, completions, usage errors, the environment.

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
        Error: there is no dashboard yet: `meshctl list` and `meshctl status` show the mesh, `meshctl man observability` tells of logs, metrics and traces
        ");
}
