//! `config`, and what the other commands make of the file.

use std::fs;
use std::path::PathBuf;

use crate::stage::{Stage, stage_snapshot};

/// A stage whose configuration is where it is on every system.
fn stage(text: &str) -> Stage {
    let stage = Stage::new();
    if !text.is_empty() {
        stage.file("config/mcp-mesh/config.toml", text);
    }
    stage
}

fn meshctl(stage: &Stage) -> std::process::Command {
    let mut command = stage.meshctl();
    command.env("XDG_CONFIG_HOME", stage.context.home().join("config"));
    command
}

#[test]
fn the_settings_are_shown_with_their_origins() {
    let stage = stage("# mine\nlog_level = \"warn\"\nregistry_port = 1\n");
    stage_snapshot!(stage, meshctl(&stage).args(["config", "show"]), @r"
        exit: 0
        ----- stdout -----
        registry_port: [PORT]
        registry_host: localhost
        db_path: [HOME]/.mcp-mesh/mcp_mesh_registry.db
        log_level: WARNING
        health_check_interval: 10
        debug_mode: false
        startup_timeout: 30
        shutdown_timeout: 30
        enable_background: false
        pid_file: ./mcp_mesh_dev.pid
        state_dir: [HOME]/.mcp-mesh
        version: 1.0.0
        last_modified: [TIMESTAMP]
        registry_url: http://localhost:[PORT]
        ----- stderr -----
        ");
    stage_snapshot!(stage, meshctl(&stage).args(["config", "show", "--origin"]), @r"
        exit: 0
        ----- stdout -----
        registry_port: [PORT]  # MCP_MESH_REGISTRY_PORT
        registry_host: localhost  # default
        db_path: [HOME]/.mcp-mesh/mcp_mesh_registry.db  # default
        log_level: WARNING  # [HOME]/config/mcp-mesh/config.toml:2
        health_check_interval: 10  # default
        debug_mode: false  # default
        startup_timeout: 30  # default
        shutdown_timeout: 30  # default
        enable_background: false  # default
        pid_file: ./mcp_mesh_dev.pid  # default
        state_dir: [HOME]/.mcp-mesh  # MCP_MESH_HOME
        version: 1.0.0  # default
        last_modified: [TIMESTAMP]  # default
        registry_url: http://localhost:[PORT]  # MCP_MESH_REGISTRY_PORT
        ----- stderr -----
        ");
    stage_snapshot!(stage, meshctl(&stage).args(["config", "show", "--format", "json"]), @r#"
        exit: 0
        ----- stdout -----
        {
          "registry_port": [PORT],
          "registry_host": "localhost",
          "db_path": "[HOME]/.mcp-mesh/mcp_mesh_registry.db",
          "log_level": "WARNING",
          "health_check_interval": 10,
          "debug_mode": false,
          "startup_timeout": 30,
          "shutdown_timeout": 30,
          "enable_background": false,
          "pid_file": "./mcp_mesh_dev.pid",
          "state_dir": "[HOME]/.mcp-mesh",
          "version": "1.0.0",
          "last_modified": "[TIMESTAMP]",
          "registry_url": "http://localhost:[PORT]"
        }
        ----- stderr -----
        "#);
    let json = meshctl(&stage)
        .args(["config", "show", "--json", "--origin"])
        .output()
        .unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["log_level"]["origin"], "file");
    assert_eq!(json["registry_port"]["from"], "MCP_MESH_REGISTRY_PORT");
}

#[test]
fn values_are_set_read_and_unset() {
    let stage = stage("");
    let file: PathBuf = ["config", "mcp-mesh", "config.toml"].iter().collect();
    let file = stage.context.home().join(file);
    let path = meshctl(&stage).args(["config", "path"]).output().unwrap();
    assert_eq!(
        String::from_utf8(path.stdout).unwrap().trim(),
        file.display().to_string()
    );
    assert!(!file.exists());
    stage_snapshot!(stage, meshctl(&stage).args(["config", "set", "registry_host", "mesh.invalid"]), @r"
        exit: 0
        ----- stdout -----
        Set `registry_host` in [HOME]/config/mcp-mesh/config.toml
        ----- stderr -----
        ");
    stage_snapshot!(stage, meshctl(&stage).args(["config", "get", "registry_host"]), @r"
        exit: 0
        ----- stdout -----
        mesh.invalid
        ----- stderr -----
        ");
    stage_snapshot!(stage, meshctl(&stage).args(["config", "set", "registry_port", "9"]), @r"
        exit: 0
        ----- stdout -----
        Set `registry_port` in [HOME]/config/mcp-mesh/config.toml
        ----- stderr -----
        Warning: `MCP_MESH_REGISTRY_PORT` is set, and counts more than the file
        ");
    stage_snapshot!(stage, meshctl(&stage).args(["config", "unset", "registry_port"]), @r"
        exit: 0
        ----- stdout -----
        Removed `registry_port` from [HOME]/config/mcp-mesh/config.toml
        ----- stderr -----
        ");
    stage_snapshot!(stage, meshctl(&stage).args(["config", "unset", "registry_port"]), @r"
        exit: 0
        ----- stdout -----
        ----- stderr -----
        `registry_port` is not set in [HOME]/config/mcp-mesh/config.toml
        ");
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        "registry_host = \"mesh.invalid\"\n"
    );
    // What is set counts where it is needed.
    stage_snapshot!(stage, meshctl(&stage).args(["list"]), @r"
        exit: 0
        ----- stdout -----
        Registry: not running (http://mesh.invalid:[PORT])
        ----- stderr -----
        ");
    stage_snapshot!(stage, meshctl(&stage).args(["list", "--registry-host", "127.0.0.1"]), @r"
        exit: 0
        ----- stdout -----
        Registry: not running (http://127.0.0.1:[PORT])
        ----- stderr -----
        ");
}

#[test]
fn a_wrong_key_or_value_is_refused() {
    let stage = stage("");
    stage_snapshot!(stage, meshctl(&stage).args(["config", "set", "registri_port", "9"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: unknown key `registri_port`
        Hint: did you mean `registry_port`?
        ");
    stage_snapshot!(stage, meshctl(&stage).args(["config", "set", "registry_port", "70000"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: `registry_port`: `70000` is not a number from 1 to 65535
        ");
    stage_snapshot!(stage, meshctl(&stage).args(["config", "set", "log_level", "loud"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: `log_level`: `loud` is not one of TRACE, DEBUG, INFO, WARN, WARNING, ERROR, CRITICAL, FATAL
        ");
    stage_snapshot!(stage, meshctl(&stage).args(["config", "set", "state_dir", "/x"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: unknown key `state_dir`
        Hint: the file cannot move the state directory; set `MCP_MESH_HOME`
        ");
    stage_snapshot!(stage, meshctl(&stage).args(["config", "get", "nothing"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: unknown key `nothing`
        Hint: `meshctl config show` lists the keys
        ");
    stage_snapshot!(stage, meshctl(&stage).args(["config", "show", "surplus"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: unexpected argument 'surplus' found

        Usage: meshctl config show [OPTIONS]

        For more information, try '--help'.
        ");
    assert!(!stage.context.home().join("config").exists());
}

#[test]
fn a_broken_file_stops_what_needs_it_and_is_mended_by_the_rest() {
    let stage = stage("registry_port = \"many\"\n");
    stage_snapshot!(stage, meshctl(&stage).arg("list"), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: [HOME]/config/mcp-mesh/config.toml:1:17: `registry_port`: it must be a number from 1 to 65535, and is of the type string
        Hint: `meshctl config set registry_port VALUE` replaces it, `meshctl config unset registry_port` removes it
        ");
    stage_snapshot!(stage, meshctl(&stage).args(["config", "show"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: [HOME]/config/mcp-mesh/config.toml:1:17: `registry_port`: it must be a number from 1 to 65535, and is of the type string
        Hint: `meshctl config set registry_port VALUE` replaces it, `meshctl config unset registry_port` removes it
        ");
    for arguments in [&["version"][..], &["config", "path"], &["list", "--help"]] {
        assert!(meshctl(&stage).args(arguments).status().unwrap().success());
    }
    stage_snapshot!(stage, meshctl(&stage).args(["config", "set", "registry_port", "9"]), @r"
        exit: 0
        ----- stdout -----
        Set `registry_port` in [HOME]/config/mcp-mesh/config.toml
        ----- stderr -----
        Warning: `MCP_MESH_REGISTRY_PORT` is set, and counts more than the file
        ");
    assert!(meshctl(&stage).arg("list").status().unwrap().success());
}

#[test]
fn the_file_of_version_3_is_mentioned_and_not_read() {
    let stage = stage("");
    stage.file("config/mcp-mesh/cli_config.json", "{}");
    stage_snapshot!(stage, meshctl(&stage).args(["config", "path"]), @r"
        exit: 0
        ----- stdout -----
        [HOME]/config/mcp-mesh/config.toml
        ----- stderr -----
        Note: `[HOME]/config/mcp-mesh/cli_config.json` is not read, as ever; `meshctl config set` writes `[HOME]/config/mcp-mesh/config.toml`
        ");
}
