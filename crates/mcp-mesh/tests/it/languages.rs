//! `meshctl start` with agents that are not in Python.
//!
//! The SDKs of the other languages are not at hand, so a module of ours stands in for
//! `@mcpmesh/sdk`, and shell scripts for `tsx` and `mvn`; `node` is the real one.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use mesh_core::env::EnvVars;

use crate::stage::{Stage, runs, stage_snapshot};

/// Stands in for `@mcpmesh/sdk`: registers, answers every request and stays.
const SDK: &str = include_str!("sdk.js");
const AGENT: &str = "const { mesh } = require('@mcpmesh/sdk');\n\
    mesh({}, { name: 'speaker', version: '1.0.0' });\n";
/// Runs the agent in `agent.py` for `spring-boot:run`, and finds mistakes in the word `mistake`.
const MAVEN: &str = "#!/bin/sh\n\
    case $1 in\n\
    compile) ! grep -rn mistake src >&2 ;;\n\
    *) exec ./../.venv/bin/python ../inner.py ;;\n\
    esac\n";

impl Stage {
    fn with_sdk(self) -> Self {
        self.file("node_modules/@mcpmesh/sdk/index.js", SDK);
        self
    }

    fn program(&self, name: &str, text: &str) {
        self.file(name, text);
        let path = self.context.home().join(name);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("it was just written");
    }

    fn lists(&self, name: &str) -> bool {
        self.run(&["list"]).contains(&format!("{name}-"))
    }
}

#[test]
fn a_javascript_agent_runs_with_node_and_restarts_by_itself() {
    let stage = Stage::new().with_sdk();
    stage.file("speaker/index.js", AGENT);
    stage_snapshot!(stage, stage.meshctl().args(["start", "-d", "speaker"]), @r"
    exit: 0
    ----- stdout -----
    Registry started (PID: [PID])
    Registry URL: http://localhost:[PORT]
    Started 'speaker' in detach
      Logs: meshctl logs speaker
      Stop: meshctl stop speaker
    ----- stderr -----
    ╭ Running
    │ speaker   healthy  http://[ENDPOINT]  [HOME]/.mcp-mesh/logs/speaker.log  PID [PID]
    │ registry  started  http://localhost:[PORT]  PID [PID]
    ├ Next
    │ meshctl list  who is in the mesh
    ╰
    ");
    assert!(stage.lists("speaker"));
    let pid = stage.pid("speaker").unwrap();
    let command_line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
    assert!(
        command_line.starts_with("node") || command_line.contains("/node\0"),
        "{command_line}"
    );
    stage.run(&["stop"]);
    assert!(!runs(pid));
    stage.run(&["start", "-d", "-w", "speaker"]);
    stage.file("speaker/index.js", &AGENT.replace("1.0.0", "2.0.0"));
    let log = stage.context.state().join("logs/speaker.log");
    stage.until("node runs the new code", |_| {
        fs::read_to_string(&log)
            .unwrap()
            .contains("speaker 2.0.0 registered")
    });
    assert_eq!(stage.pid("speaker.watcher"), None);
    stage.run(&["stop"]);
    assert_eq!(stage.context.strays(), []);
}

#[test]
fn a_typescript_agent_runs_through_the_projects_own_tsx() {
    let stage = Stage::new().with_sdk();
    stage.program(
        "node_modules/.bin/tsx",
        "#!/bin/sh\necho tsx \"$@\"\nexec node \"$@\"\n",
    );
    stage.file("speaker/src/index.ts", AGENT);
    stage.run(&["start", "-d", "speaker"]);
    let log = fs::read_to_string(stage.context.state().join("logs/speaker.log")).unwrap();
    assert!(log.starts_with("tsx /"), "{log}");
    stage.run(&["stop"]);
    assert_eq!(stage.context.strays(), []);
}

#[test]
fn what_is_missing_is_shown_with_its_cure() {
    let stage = Stage::new();
    stage.file("speaker/src/index.ts", AGENT);
    stage.file(
        "java/pom.xml",
        "<project><artifactId>baker</artifactId></project>",
    );
    stage_snapshot!(
        stage,
        stage.meshctl().env("PATH", "/nowhere").args(["start", "-d", "speaker"]),
        @r"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    ╭ `[HOME]/speaker/src/index.ts` cannot run: a TypeScript agent needs more
    │ ✗ `npx` is not on the PATH
    │     install Node.js 20 or newer, from https://nodejs.org or the system's packages
    │ ✗ neither `package.json` nor `node_modules` is beside it or above
    │     cd [HOME]/speaker/src && npm init -y && npm install @mcpmesh/sdk
    ╰
    Error: prerequisite check failed
    Hint: do what stands beside each line, then start the agent again
    "
    );
    stage_snapshot!(
        stage,
        stage.meshctl().env("PATH", "/nowhere").args(["start", "-d", "java"]),
        @r"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    ╭ `[HOME]/java/pom.xml` cannot run: a Java agent needs more
    │ ✗ `java` is neither in JAVA_HOME nor on the PATH
    │     install a JDK 17 or newer, such as Eclipse Temurin or the system's `openjdk-17-jdk`
    │ ✗ `mvn` is not on the PATH, and no `mvnw` is beside the project
    │     install Maven, from https://maven.apache.org or the system's packages
    ╰
    Error: prerequisite check failed
    Hint: do what stands beside each line, then start the agent again
    "
    );
}

#[test]
fn a_maven_project_runs_and_starts_anew_when_its_sources_compile() {
    let stage = Stage::new().with_agent("baker");
    let script = fs::read_to_string(stage.context.home().join("baker.py")).unwrap();
    stage.file("inner.py", &script);
    stage.file(
        "java/pom.xml",
        "<project><artifactId>project</artifactId></project>",
    );
    let source = "java/src/main/java/Baker.java";
    stage.file(source, "@MeshAgent(name = \"baker\")\nclass Baker {}\n");
    stage.program("bin/mvn", MAVEN);
    stage.program("bin/java", "#!/bin/sh\n");
    let path = format!("{}/bin:/usr/bin:/bin", stage.context.home().display());
    let mut start = stage.meshctl();
    start
        .env("PATH", path)
        .env(EnvVars::MCP_MESH_RELOAD_DEBOUNCE, "0.1");
    let done = start.args(["start", "-d", "-w", "java"]).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    let pid = stage.pid("baker").unwrap();
    let log = stage.context.state().join("logs/baker.log");
    stage.file(
        source,
        "@MeshAgent(name = \"baker\")\nclass Baker { mistake }\n",
    );
    stage.until("the mistake is told", |_| {
        fs::read_to_string(&log)
            .unwrap()
            .contains("Baker.java:2:class Baker { mistake }")
    });
    assert_eq!(stage.pid("baker"), Some(pid));
    stage.file(
        source,
        "@MeshAgent(name = \"baker\")\nclass Baker { int a; }\n",
    );
    stage.until("the agent is another", |stage| {
        stage
            .pid("baker")
            .is_some_and(|now| now != pid && runs(now))
    });
    stage.run(&["stop"]);
    assert_eq!(stage.context.strays(), []);
}
