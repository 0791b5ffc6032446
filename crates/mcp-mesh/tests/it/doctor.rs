//! `meshctl doctor`: what it finds, and what it says helps.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use mesh_core::env::EnvVars;
use mesh_test::{Script, ScriptedServer, fake, kill, test_context};
use serde_json::Value;

use crate::stage::{Stage, stage_snapshot};

/// `meshctl doctor` with no other programs of ours on the PATH than those of this build.
fn doctor(stage: &Stage) -> Command {
    let mut command = stage.meshctl();
    let folder = Path::new(command.get_program()).parent();
    let folder = folder.expect("it lies in a folder").to_owned();
    command
        .arg("doctor")
        .env("PATH", folder)
        // Each system has a place of its own for it.
        .env("XDG_CONFIG_HOME", stage.context.home().join(".config"));
    command
}

fn filters(stage: &Stage) -> Vec<(String, String)> {
    let command = stage.meshctl();
    let programs = Path::new(command.get_program()).parent();
    let programs = programs.expect("it lies in a folder").display().to_string();
    let mut filters = vec![
        (regex_of(&programs), "[PROGRAMS]".to_owned()),
        (
            r"\d+ [MG]B are free".to_owned(),
            "[SPACE] are free".to_owned(),
        ),
        (
            r"address information: [^\n]*".to_owned(),
            "address information: [REASON]".to_owned(),
        ),
        (
            r"registry-port \d+".to_owned(),
            "registry-port [OTHER]".to_owned(),
        ),
        (
            r"  ✓ strays: not looked for[^\n]*\n".to_owned(),
            String::new(),
        ),
        (
            // Only Linux tells.
            r": process \d+, `[^`]*`".to_owned(),
            String::new(),
        ),
    ];
    filters.extend(stage.filters());
    filters
}

fn regex_of(text: &str) -> String {
    text.replace('.', r"\.")
}

/// What is not as it should be, each with its cure.
fn complaints(command: &mut Command) -> String {
    let output = command.arg("--json").output().expect("meshctl can be run");
    let report: Value = serde_json::from_slice(&output.stdout).expect("`--json` prints JSON");
    let mut lines = Vec::new();
    let mut problems = 0;
    for check in report["checks"].as_array().expect("a list") {
        let text = |name: &str| check[name].as_str().unwrap_or_default().to_owned();
        if text("verdict") == "ok" {
            continue;
        }
        problems += u64::from(text("verdict") == "problem");
        lines.push(format!(
            "{} {}: {}",
            text("verdict"),
            text("check"),
            text("message")
        ));
        lines.push(format!("    {}", text("cure")));
    }
    assert_eq!(report["problems"], problems);
    assert_eq!(report["healthy"], problems == 0);
    assert_eq!(output.status.code(), Some(i32::from(problems > 0)));
    lines.join("\n")
}

macro_rules! complaints_snapshot {
    ($stage:expr, $command:expr, @$snapshot:literal) => {{
        let filters = filters(&$stage);
        let filters: Vec<(&str, &str)> = filters
            .iter()
            .map(|(pattern, name)| (pattern.as_str(), name.as_str()))
            .collect();
        let found = complaints(&mut $command);
        insta::with_settings!({ filters => filters }, {
            insta::assert_snapshot!(found, @$snapshot);
        });
    }};
}

/// A stage whose snapshots know what varies here.
struct Clinic<'a>(&'a Stage);

impl Clinic<'_> {
    fn filters(&self) -> Vec<(String, String)> {
        filters(self.0)
    }
}

#[test]
fn a_mesh_that_works_has_nothing_wrong() {
    let stage = Stage::new().with_agent("greeter");
    stage.run(&["start", "-d", "greeter.py"]);
    let clinic = Clinic(&stage);
    stage_snapshot!(clinic, doctor(&stage), @r"
        exit: 0
        ----- stdout -----
        Programs
          ✓ meshctl: meshctl [VERSION], [PROGRAMS]/meshctl
          ✓ path: the `meshctl` on the PATH is of this version
          ✓ registry program: mcp-mesh-registry [VERSION], [PROGRAMS]/mcp-mesh-registry

        Configuration
          ✓ config file: [HOME]/.config/mcp-mesh/config.toml is not there, and need not be
          ✓ registry url: http://localhost:[PORT], from MCP_MESH_REGISTRY_PORT
          ✓ log level: INFO

        State directory
          ✓ state directory: [HOME]/.mcp-mesh can be written
          ✓ disk space: [SPACE] are free

        Registry
          ✓ registry: http://localhost:[PORT] answers, release [VERSION], up for [DURATION]
          ✓ clock: goes like the registry's

        Processes
          ✓ running: the registry and 1 agent
          ✓ agents: the registry lists 1 agent, all healthy

        Agents in this folder
          ✓ python: Python 3.11 with mcp-mesh from its sources: [HOME]/.venv/bin/python

        Certificates
          ✓ tls: no certificates of one's own are set

        Nothing is wrong.
        ----- stderr -----
        ");
    stage.run(&["stop"]);
}

#[test]
fn before_the_first_start_only_the_registry_is_missed() {
    let stage = Stage::new();
    let clinic = Clinic(&stage);
    stage_snapshot!(clinic, doctor(&stage).arg("--exit-code"), @r"
        exit: 0
        ----- stdout -----
        Programs
          ✓ meshctl: meshctl [VERSION], [PROGRAMS]/meshctl
          ✓ path: the `meshctl` on the PATH is of this version
          ✓ registry program: mcp-mesh-registry [VERSION], [PROGRAMS]/mcp-mesh-registry

        Configuration
          ✓ config file: [HOME]/.config/mcp-mesh/config.toml is not there, and need not be
          ✓ registry url: http://localhost:[PORT], from MCP_MESH_REGISTRY_PORT
          ✓ log level: INFO

        State directory
          ✓ state directory: [HOME]/.mcp-mesh is not there yet, the first `start` makes it

        Registry
          ! registry: none runs at http://localhost:[PORT]; the port is free, and `start` starts one
              → meshctl start --registry-only --detach

        Processes
          ✓ running: nothing that was started from here runs

        Agents in this folder
          ✓ python: Python 3.11 with mcp-mesh from its sources: [HOME]/.venv/bin/python

        Certificates
          ✓ tls: no certificates of one's own are set

        No problems, 1 warning.
        ----- stderr -----
        ");
}

#[test]
fn a_configuration_that_makes_no_sense_is_named_value_by_value() {
    let stage = Stage::new();
    stage.file(".config/mcp-mesh/config.toml", "registry_prot = 9000\n");
    let mut command = doctor(&stage);
    command
        .env(EnvVars::MCP_MESH_LOG_LEVEL, "loud")
        .env(EnvVars::MCP_MESH_STARTUP_TIMEOUT, "soon")
        .env("MCP_MESH_REGISTRI_URL", "http://mesh.example:8000")
        .env("MCP_MESH_UI_PORT", "3080")
        .env("MCP_MESH_PID_FILE", "x");
    complaints_snapshot!(stage, command, @r"
        problem config_file: [HOME]/.config/mcp-mesh/config.toml:1:1: unknown key `registry_prot`
            meshctl config unset registry_prot
        problem variables: MCP_MESH_STARTUP_TIMEOUT: `soon` is not a whole number of at least 1, or it is too large
            unset MCP_MESH_STARTUP_TIMEOUT
        problem log_level: MCP_MESH_LOG_LEVEL: `loud` is not one of TRACE, DEBUG, INFO, WARN, WARNING, ERROR, CRITICAL, FATAL
            unset MCP_MESH_LOG_LEVEL
        warning unknown_variables: nothing reads MCP_MESH_REGISTRI_URL: did you mean MCP_MESH_REGISTRY_URL?
            unset MCP_MESH_REGISTRI_URL
        warning unknown_variables: nothing of this release reads MCP_MESH_PID_FILE, MCP_MESH_UI_PORT
            unset MCP_MESH_PID_FILE MCP_MESH_UI_PORT
        warning registry: none runs at http://localhost:[PORT]; the port is free, and `start` starts one
            meshctl start --registry-only --detach
        ");
    let clinic = Clinic(&stage);
    stage_snapshot!(clinic, doctor(&stage).args(["--registry-url", "mesh", "--exit-code"]), @r"
        exit: 7
        ----- stdout -----
        Programs
          ✓ meshctl: meshctl [VERSION], [PROGRAMS]/meshctl
          ✓ path: the `meshctl` on the PATH is of this version
          ✓ registry program: mcp-mesh-registry [VERSION], [PROGRAMS]/mcp-mesh-registry

        Configuration
          ✗ config file: [HOME]/.config/mcp-mesh/config.toml:1:1: unknown key `registry_prot`
              → meshctl config unset registry_prot
          ✗ registry url: `mesh` (--registry-url) is not the URL of a registry: relative URL without a base
              → meshctl doctor --registry-url http://localhost:8000
          ✓ log level: INFO

        State directory
          ✓ state directory: [HOME]/.mcp-mesh is not there yet, the first `start` makes it

        Processes
          ✓ running: nothing that was started from here runs

        Agents in this folder
          ✓ python: Python 3.11 with mcp-mesh from its sources: [HOME]/.venv/bin/python

        Certificates
          ✓ tls: no certificates of one's own are set
        ----- stderr -----
        Error: 2 problems found
        Hint: `meshctl man troubleshooting` tells more
        ");
}

#[test]
fn whoever_sits_at_the_port_of_the_registry_is_named() {
    let stage = Stage::new();
    let server = ScriptedServer::start(|_| Script::body(404, "text/plain", "not here"));
    complaints_snapshot!(stage, doctor(&stage).args(["--registry-url", &server.url()]), @r"
        problem registry: what listens at http://[ENDPOINT] is no registry (it answers 404 to /health)
            meshctl start --registry-only --detach --registry-port [OTHER]
        ");
    if cfg!(target_os = "linux") {
        let found = complaints(doctor(&stage).args(["--registry-url", &server.url()]));
        let owner = format!(": process {}, `", std::process::id());
        assert!(found.contains(&owner), "{found}");
    }
    let server = ScriptedServer::start(|_| Script::default().send("SSH-2.0-x\r\n").close());
    complaints_snapshot!(stage, doctor(&stage).args(["--registry-url", &server.url()]), @r"
        problem registry: what listens at http://[ENDPOINT] is no registry (it does not speak HTTP as it should)
            meshctl start --registry-only --detach --registry-port [OTHER]
        ");
    complaints_snapshot!(
        stage,
        doctor(&stage).args(["--registry-url", "http://nowhere.invalid:8000"]),
        @r"
        problem registry: failed to reach the registry at `http://nowhere.invalid:8000`: failed to lookup address information: [REASON]
            curl -v http://nowhere.invalid:8000/health
        "
    );
}

#[test]
fn a_registry_of_another_release_and_a_wrong_clock_are_said() {
    let stage = Stage::new();
    let server = |release: &'static str| {
        ScriptedServer::start(move |request| match request.path.as_str() {
            "/health" => Script::json(
                r#"{"service": "mcp-mesh-registry", "status": "healthy", "version": "1.0.0",
                    "timestamp": "2020-01-01T00:00:00Z", "uptime_seconds": 7200}"#,
            ),
            "/agents" => {
                Script::json(r#"{"agents": [], "count": 0, "timestamp": "2020-01-01T00:00:00Z"}"#)
            }
            "/metrics" if !release.is_empty() => Script::body(
                200,
                "text/plain",
                format!("# TYPE x info\nmcp_mesh_build_info{{version=\"{release}\"}} 1\n"),
            ),
            _ => Script::body(404, "text/plain", "404 page not found"),
        })
    };
    let old = server("");
    let registry = |server: &ScriptedServer| {
        let mut command = doctor(&stage);
        command.args(["--registry-url", &server.url()]);
        let text = mesh_test::transcript(&mut command);
        let from = text.find("Registry\n").expect("the section is there");
        let section = text[from..].split("\n\n").next().unwrap_or_default();
        let mut shown = section.replace(&server.address().port().to_string(), "[PORT]");
        for word in shown.clone().split_whitespace() {
            if word.len() > 6 && word.bytes().all(|byte| byte.is_ascii_digit()) {
                shown = shown.replace(word, "[SECONDS]");
            }
        }
        shown.replace(mesh_core::VERSION, "[VERSION]").replace(
            "sudo sntp -sS time.apple.com",
            "sudo timedatectl set-ntp true",
        )
    };
    insta::assert_snapshot!(registry(&old), @r"
        Registry
          ✓ registry: http://127.0.0.1:[PORT] answers, a registry of release 3, which works, up for 2h
          ! clock: this machine's is [SECONDS] s ahead of the registry's
              → sudo timedatectl set-ntp true
        ");
    insta::assert_snapshot!(registry(&server("9.1.0")), @r"
        Registry
          ! registry: http://127.0.0.1:[PORT] answers, release 9.1.0, and this meshctl is [VERSION]
              → meshctl self update --check
          ! clock: this machine's is [SECONDS] s ahead of the registry's
              → sudo timedatectl set-ntp true
        ");
}

#[test]
fn who_died_is_missed_in_the_records_and_in_the_registry() {
    let stage = Stage::new().with_agent("greeter").with_agent("clock");
    stage.run(&["start", "-d", "greeter.py", "clock.py"]);
    let pid = stage.pid("clock").expect("it runs");
    kill(pid).expect("it is ours");
    stage.until("it is dead", |_| !mesh_test::runs(pid));
    complaints_snapshot!(stage, doctor(&stage), @r"
        warning records: 'clock' is recorded and no longer there: it crashed, or this machine was restarted
            meshctl logs clock --tail 20
        warning agents: the registry still lists as healthy what nobody serves on this machine: clock-[ID]
            meshctl list --all
        ");
    stage.run(&["stop"]);
    // A registry that knows nobody.
    let stage = Stage::new().with_agent("greeter");
    stage.run(&["start", "-d", "greeter.py"]);
    let other = test_context!().with_registry();
    let mut command = doctor(&stage);
    command.args(["--registry-url", &other.registry().url()]);
    let found =
        complaints(&mut command).replace(&other.registry().address().port().to_string(), "[OTHER]");
    insta::assert_snapshot!(found.replace(&stage.port.to_string(), "[PORT]"), @r"
        warning started_registry: the registry that was started here is at http://localhost:[PORT], and http://127.0.0.1:[OTHER] is asked
            meshctl doctor --registry-url http://localhost:[PORT]
        warning unregistered: 'greeter' is running, and the registry lists no such agent
            meshctl logs greeter --tail 20
        ");
    stage.run(&["stop"]);
}

#[test]
fn certificates_that_do_not_count_are_named() {
    let stage = Stage::new();
    for (name, text) in [
        ("ca.pem", include_str!("certificates/authority.pem")),
        ("old.pem", include_str!("certificates/expired.pem")),
        ("agent.pem", include_str!("certificates/agent.pem")),
    ] {
        stage.file(name, text);
    }
    stage.file(
        "agent.key",
        "-----BEGIN PRIVATE KEY-----\nbm8=\n-----END PRIVATE KEY-----\n",
    );
    set_mode(&stage.context.home().join("agent.key"), 0o644);
    let with = |ca: &str, certificate: &str, key: &str| {
        let mut command = doctor(&stage);
        command
            .env(EnvVars::MCP_MESH_TLS_CA, ca)
            .env(EnvVars::MCP_MESH_TLS_CERT, certificate)
            .env(EnvVars::MCP_MESH_TLS_KEY, key)
            .env(EnvVars::MCP_MESH_TLS_MODE, "auto");
        command
    };
    complaints_snapshot!(stage, with("old.pem", "nowhere.pem", "agent.key"), @r"
        warning registry: none runs at http://localhost:[PORT]; the port is free, and `start` starts one
            meshctl start --registry-only --detach
        problem authority: CN=Old CA expired on 2021-01-01: old.pem
            openssl x509 -noout -subject -dates -in old.pem
        problem certificate: nowhere.pem cannot be used: No such file or directory (os error 2)
            ls -l nowhere.pem
        warning key: other users can read agent.key
            chmod 600 agent.key
        ");
    complaints_snapshot!(stage, with("agent.pem", "agent.pem", ""), @r"
        warning registry: none runs at http://localhost:[PORT]; the port is free, and `start` starts one
            meshctl start --registry-only --detach
        problem tls_mode: MCP_MESH_TLS_MODE is `auto`, and MCP_MESH_TLS_KEY names no file
            export MCP_MESH_TLS_KEY=FILE.pem
        problem authority: agent.pem holds `CN=forecast,O=acme`, which is no authority
            openssl x509 -noout -subject -dates -in agent.pem
        warning issuer: `CN=Acme CA,O=acme` vouches for the certificate, and agent.pem holds `CN=forecast,O=acme`: peers with the same files refuse it
            openssl verify -CAfile agent.pem agent.pem
        ");
    complaints_snapshot!(stage, with("ca.pem", "agent.pem", "agent.key"), @r"
        warning registry: none runs at http://localhost:[PORT]; the port is free, and `start` starts one
            meshctl start --registry-only --detach
        warning key: other users can read agent.key
            chmod 600 agent.key
        problem tls: `agent.key`, which `MCP_MESH_TLS_KEY` names, cannot be used: unexpected error: failed to parse private key as RSA, ECDSA, or EdDSA
            unset MCP_MESH_TLS_CA MCP_MESH_TLS_CERT MCP_MESH_TLS_KEY
        ");
    stage.file(
        ".mcp-mesh/tls/entities/old.pem",
        include_str!("certificates/expired.pem"),
    );
    let mut command = doctor(&stage);
    command.env(EnvVars::MCP_MESH_TLS_SKIP_VERIFY, "1");
    complaints_snapshot!(stage, command, @r"
        warning registry: none runs at http://localhost:[PORT]; the port is free, and `start` starts one
            meshctl start --registry-only --detach
        warning verification: MCP_MESH_TLS_SKIP_VERIFY is set: whoever answers by https is believed
            unset MCP_MESH_TLS_SKIP_VERIFY
        warning entities: expired, soon to expire or unreadable: old
            meshctl entity list
        ");
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
}

#[test]
fn other_versions_on_the_path_are_named() {
    let stage = Stage::new();
    stage.file("old/meshctl", "#!/bin/sh\necho meshctl version 3.7.1\n");
    let program = stage.context.home().join("old/meshctl");
    set_mode(&program, 0o755);
    let command = stage.meshctl();
    let own = Path::new(command.get_program()).parent().expect("a folder");
    let old = program.parent().expect("a folder");
    let path = |folders: [&Path; 3]| std::env::join_paths(folders).expect("a PATH");
    let system = Path::new("/bin");
    complaints_snapshot!(stage, doctor(&stage).env("PATH", path([old, own, system])), @r#"
        warning path: the PATH leads to another version first: [HOME]/old/meshctl (3.7.1)
            export PATH="[PROGRAMS]:$PATH"
        warning registry: none runs at http://localhost:[PORT]; the port is free, and `start` starts one
            meshctl start --registry-only --detach
        "#);
    complaints_snapshot!(stage, doctor(&stage).env("PATH", path([own, old, system])), @r"
        warning path: other versions are on the PATH as well, behind this one: [HOME]/old/meshctl (3.7.1)
            type -a meshctl
        warning registry: none runs at http://localhost:[PORT]; the port is free, and `start` starts one
            meshctl start --registry-only --detach
        ");
    complaints_snapshot!(stage, doctor(&stage).env("PATH", ""), @r#"
        warning path: `meshctl` is not on the PATH
            export PATH="[PROGRAMS]:$PATH"
        warning registry: none runs at http://localhost:[PORT]; the port is free, and `start` starts one
            meshctl start --registry-only --detach
        "#);
}

#[test]
fn a_state_directory_that_is_none_is_a_problem() {
    let stage = Stage::new();
    stage.file("state", "");
    let mut command = doctor(&stage);
    command.env(EnvVars::MCP_MESH_HOME, stage.context.home().join("state"));
    complaints_snapshot!(stage, command, @r"
        problem state_directory: [HOME]/state is not a directory
            mv [HOME]/state [HOME]/state.old
        warning registry: none runs at http://localhost:[PORT]; the port is free, and `start` starts one
            meshctl start --registry-only --detach
        ");
}

#[test]
fn agents_of_the_folder_need_what_start_needs() {
    let context = test_context!();
    let stage = Stage {
        port: mesh_test::free_port().expect("a port is free"),
        context,
    };
    stage.file("greeter/main.py", "import mesh\n");
    stage.file("web/index.ts", "import { mesh } from \"@mcpmesh/sdk\";\n");
    stage.file("shop/pom.xml", "<artifactId>mcp-mesh-sdk</artifactId>");
    stage.file("notes/main.py", "print()\n");
    complaints_snapshot!(stage, doctor(&stage), @r"
        warning registry: none runs at http://localhost:[PORT]; the port is free, and `start` starts one
            meshctl start --registry-only --detach
        problem python: no Python interpreter found for `[HOME]/greeter/main.py`
            python3 -m venv .venv && .venv/bin/pip install mcp-mesh
        problem java: shop/pom.xml: `java` is neither in JAVA_HOME nor on the PATH
            install a JDK 17 or newer, such as Eclipse Temurin or the system's `openjdk-17-jdk`
        problem java: shop/pom.xml: `mvn` is not on the PATH, and no `mvnw` is beside the project
            install Maven, from https://maven.apache.org or the system's packages
        problem node: web/index.ts: `npx` is not on the PATH
            install Node.js 20 or newer, from https://nodejs.org or the system's packages
        problem node: web/index.ts: neither `package.json` nor `node_modules` is beside it or above
            cd [HOME]/web && npm init -y && npm install @mcpmesh/sdk
        ");
    // One of an earlier release.
    stage.file(".venv/pyvenv.cfg", "version = 3.12.1\n");
    stage.file(".venv/bin/python", "");
    stage.file(".venv/lib/python3.12/site-packages/mesh/__init__.py", "");
    stage.file(
        ".venv/lib/python3.12/site-packages/mcp_mesh-3.7.1.dist-info/METADATA",
        "",
    );
    fs::remove_dir_all(stage.context.home().join("web")).expect("it is ours");
    fs::remove_dir_all(stage.context.home().join("shop")).expect("it is ours");
    complaints_snapshot!(stage, doctor(&stage), @r"
        warning registry: none runs at http://localhost:[PORT]; the port is free, and `start` starts one
            meshctl start --registry-only --detach
        warning python: Python 3.12 with mcp-mesh 3.7.1, and this meshctl is [VERSION]: [HOME]/.venv/bin/python
            [HOME]/.venv/bin/python -m pip install --upgrade mcp-mesh
        ");
}

#[test]
fn an_agent_that_nobody_serves_is_found_by_its_address() {
    let port = mesh_test::free_port().expect("a port is free");
    let agent = fake::agent(
        "ghost",
        &format!("http://127.0.0.1:{port}"),
        vec![fake::tool("boo")],
    );
    let context = test_context!().with_registration(&agent);
    let url = context.registry().url();
    let stage = Stage { context, port };
    complaints_snapshot!(stage, doctor(&stage).args(["--registry-url", &url]), @r"
        warning agents: the registry still lists as healthy what nobody serves on this machine: ghost
            meshctl list --all
        ");
}

#[test]
fn a_proxy_on_the_way_is_mentioned_unless_there_is_an_exception() {
    let stage = Stage::new();
    let proxy = ScriptedServer::start(|_| Script::status(502));
    let remote = |exceptions: &str| {
        let mut command = doctor(&stage);
        command
            .args(["--registry-url", "http://mesh.invalid:8000"])
            .env("http_proxy", proxy.url())
            .env("NO_PROXY", exceptions);
        command
    };
    complaints_snapshot!(stage, remote("other.example"), @r#"
        warning proxy: http://mesh.invalid:8000 is asked through the proxy that http_proxy names
            export NO_PROXY="mesh.invalid,$NO_PROXY"
        problem registry: the registry at `http://mesh.invalid:8000` refused the request with 502: bad gateway
            curl -v http://mesh.invalid:8000/health
        "#);
    let found = complaints(&mut remote("other.example, .invalid"));
    assert!(!found.contains("proxy"), "{found}");
}

#[test]
fn a_watcher_whose_agent_ended_is_told_and_so_is_an_open_directory() {
    let stage = Stage::new().with_agent("greeter");
    stage.run(&["start", "-d", "-w", "greeter.py"]);
    let pid = stage.pid("greeter").expect("it runs");
    kill(pid).expect("it is ours");
    let log = stage.context.state().join("logs/greeter.log");
    stage.until("its end is told", |_| {
        fs::read_to_string(&log).is_ok_and(|text| text.contains("ended by itself"))
    });
    set_mode(&stage.context.state().join("pids"), 0o777);
    complaints_snapshot!(stage, doctor(&stage), @r"
        warning permissions: every user of this machine can write to [HOME]/.mcp-mesh/pids, and so decide what `stop` ends
            chmod -R o-w [HOME]/.mcp-mesh
        warning watchers: 'greeter' is not running: its watcher waits until a file changes
            meshctl logs greeter --tail 20
        warning agents: the registry still lists as healthy what nobody serves on this machine: greeter-[ID]
            meshctl list --all
        ");
    stage.run(&["stop"]);
}

#[test]
fn without_the_program_of_the_registry_none_can_be_started() {
    let stage = Stage::new();
    let program = stage.context.home().join("bin/meshctl");
    fs::create_dir(program.parent().expect("a folder")).expect("the home is writable");
    fs::copy(stage.meshctl().get_program(), &program).expect("the home is writable");
    let alone = |url: &str| {
        let mut command = Command::new(&program);
        command
            .args(["doctor", "--registry-url", url])
            .env_clear()
            .env("HOME", stage.context.home())
            .env("PATH", program.parent().expect("a folder"))
            .current_dir(stage.context.home());
        command
    };
    let here = format!("http://localhost:{}", stage.port);
    complaints_snapshot!(stage, alone(&here), @r"
        problem registry_program: `mcp-mesh-registry` is neither beside meshctl nor on the PATH
            meshctl man prerequisites
        warning registry: none runs at http://localhost:[PORT]; the port is free, and `start` starts one
            meshctl start --registry-only --detach --registry-port [OTHER]
        ");
    let elsewhere = complaints(&mut alone("http://mesh.invalid:8000"));
    assert!(!elsewhere.contains("registry_program"), "{elsewhere}");
}

/// Runs what stands behind an arrow, as whoever reads it would, and then `more` in the same shell.
fn take(stage: &Stage, cure: &str, more: &str) -> String {
    let told = doctor(stage);
    let variables = told
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)));
    let programs = Path::new(told.get_program()).parent().expect("a folder");
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", &format!("{cure} && {more}")])
        .env_clear()
        .envs(variables)
        .env("PATH", format!("{}:/usr/bin:/bin", programs.display()))
        .current_dir(stage.context.home());
    for (name, value) in told.get_envs() {
        if value.is_none() {
            shell.env_remove(name);
        }
    }
    let output = shell.output().expect("there is a shell");
    assert!(output.status.success(), "{cure} && {more}: {output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn a_registry_that_moves_is_found_whatever_said_where_it_was() {
    let stage = Stage::new();
    let server = ScriptedServer::start(|_| Script::body(404, "text/plain", "not here"));
    let port = server.address().port().to_string();
    let in_file = stage.context.write(".config/mcp-mesh/config.toml", "");
    let url = format!("http://127.0.0.1:{port}");
    let mut cures = Vec::new();
    for (file, variable, value) in [
        // A variable counts more than the file.
        (
            format!("registry_port = {port}\n"),
            EnvVars::MCP_MESH_REGISTRY_PORT,
            port.as_str(),
        ),
        (String::new(), EnvVars::MCP_MESH_REGISTRY_URL, url.as_str()),
        (format!("registry_port = {port}\n"), "", ""),
        (format!("registry_url = \"{url}\"\n"), "", ""),
    ] {
        fs::write(&in_file, file).expect("the home is writable");
        let mut command = doctor(&stage);
        command.env_remove(EnvVars::MCP_MESH_REGISTRY_PORT);
        if !variable.is_empty() {
            command.env(variable, value);
        }
        let found = complaints(&mut command);
        let cure = found.lines().nth(1).expect("a cure").trim().to_owned();
        let set = if variable.is_empty() {
            format!("unset {}", EnvVars::MCP_MESH_REGISTRY_PORT)
        } else {
            format!(
                "unset {}; export {variable}={value}",
                EnvVars::MCP_MESH_REGISTRY_PORT
            )
        };
        let after = take(
            &stage,
            &format!("{set}; {cure}"),
            "meshctl doctor && meshctl stop",
        );
        assert!(
            after.contains("No problems") || after.contains("Nothing is wrong"),
            "{after}"
        );
        let mut words = cure.split([' ', '=', ':']);
        let other = words.find(|word| word.parse::<u16>().is_ok());
        cures.push(cure.replace(other.expect("a port"), "[OTHER]"));
    }
    insta::assert_snapshot!(cures.join("\n"), @r"
        export MCP_MESH_REGISTRY_PORT=[OTHER] && meshctl start --registry-only --detach
        export MCP_MESH_REGISTRY_URL=http://localhost:[OTHER] && meshctl start --registry-only --detach
        meshctl config set registry_port [OTHER] && meshctl start --registry-only --detach
        meshctl config set registry_url http://localhost:[OTHER] && meshctl start --registry-only --detach
        ");
}

#[cfg(target_os = "linux")]
#[test]
fn what_runs_without_a_record_is_named_with_a_cure_that_ends_it() {
    let child = "import subprocess; subprocess.Popen(['/bin/sleep', '600'])";
    let stage = Stage::new()
        .with_agent("greeter")
        .with_changed_agent("parent", child);
    stage.run(&["start", "-d", "greeter.py", "parent.py"]);
    let (greeter, parent) = (stage.pid("greeter"), stage.pid("parent"));
    let (greeter, parent) = (greeter.expect("it runs"), parent.expect("it runs"));
    assert_eq!(complaints(&mut doctor(&stage)), "");
    for ending in ["pid", "group", "birth"] {
        let record = stage.context.state().join(format!("pids/greeter.{ending}"));
        fs::remove_file(record).expect("it was written");
    }
    kill(parent).expect("it is ours");
    stage.until("it is dead", |_| !mesh_test::runs(parent));
    let found = complaints(&mut doctor(&stage));
    let numbers: Vec<&str> = found
        .split("process ")
        .skip(1)
        .filter_map(|rest| rest.split(',').next())
        .collect();
    let told = found.lines().filter(|line| line.contains("process"));
    let mut shown = told.collect::<Vec<_>>().join("\n");
    for number in &numbers {
        shown = shown.replace(number, "[PID]");
    }
    // Which interpreter runs the agents is this machine's affair.
    let parts = shown.split('`').map(|part| match part.rsplit_once('/') {
        Some((_, program)) if program.starts_with("python") => "[PYTHON]",
        _ => part,
    });
    insta::assert_snapshot!(parts.collect::<Vec<_>>().join("`"), @r"
        warning orphans: 'parent' is gone, but processes that it started still run: process [PID], `/bin/sleep`
        warning strays: without a record, so that `stop` does not end it: process [PID], `[PYTHON]` of 'greeter'
        ");
    assert!(numbers.contains(&greeter.to_string().as_str()));
    let cures: Vec<&str> = found
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("kill ") || line.starts_with("meshctl stop "))
        .collect();
    take(&stage, &cures.join(" && "), "true");
    stage.until("they ended", |_| {
        let runs = |number: &&str| number.parse().is_ok_and(mesh_test::runs);
        !numbers.iter().any(runs)
    });
    let found = complaints(&mut doctor(&stage));
    assert!(
        !found.contains("strays") && !found.contains("orphans"),
        "{found}"
    );
    stage.run(&["stop"]);
}

#[cfg(target_os = "linux")]
#[test]
fn spans_that_nobody_reads_are_told_and_nothing_of_tracing_where_nobody_traces() {
    let mut redis = mesh_test::redis::Redis::start().expect("a Redis");
    let url = redis.url();
    let stage = Stage::new().with_agent("greeter");
    let tracing = |stage: &Stage| {
        let mut command = doctor(stage);
        let output = command.env(EnvVars::REDIS_URL, &url).output();
        let text = String::from_utf8(output.expect("it runs").stdout).expect("UTF-8");
        let lines = text.lines().skip_while(|line| !line.contains(" tracing: "));
        lines.take(2).collect::<Vec<_>>().join("\n")
    };
    let mut start = stage.meshctl();
    start.env(EnvVars::REDIS_URL, &url);
    start.args(["start", "--registry-only", "-d"]);
    assert!(start.output().expect("it runs").status.success());
    assert_eq!(tracing(&stage), "");
    let mut start = stage.meshctl();
    start.env(EnvVars::REDIS_URL, &url);
    start.args(["start", "-d", "--dte", "greeter.py"]);
    assert!(start.output().expect("it runs").status.success());
    let found = tracing(&stage);
    insta::assert_snapshot!(found, @r"
        ! tracing: 'greeter' publishes spans, and the registry reads none: traces are lost
            → meshctl stop --registry && meshctl start --registry-only --detach --dte
        ");
    let cure = found.split("→ ").nth(1).expect("a cure");
    let cure = format!("export {}={} && {cure}", EnvVars::REDIS_URL, url);
    take(&stage, &cure, "true");
    insta::assert_snapshot!(tracing(&stage).trim(), @"✓ tracing: the registry reads the spans that agents publish");
    redis.stop().expect("it runs");
    let port = url.rsplit(':').next().expect("a port");
    let mut command = doctor(&stage);
    let found = complaints(command.env(EnvVars::REDIS_URL, &url));
    let lines = found
        .lines()
        .skip_while(|line| !line.contains(" tracing: "));
    let lines = lines.take(2).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(lines.replace(port, "[PORT]"), @r"
        warning tracing: the registry cannot read the spans that agents publish: Redis, which holds the spans, does not answer: Connection refused (os error 111)
            redis-server --port [PORT] --daemonize yes
        ");
    stage.run(&["stop"]);
}
