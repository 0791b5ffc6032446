//! `meshctl start --watch`: new code answers soon, on the same port; a mistake ends nothing.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use mesh_core::env::EnvVars;

use crate::stage::{Stage, runs, stage_snapshot};

/// What scripts that use `--watch` wait after a `sed -i`.
const CONTRACT: Duration = Duration::from_secs(8);
/// Longer than a watcher needs to notice whatever there is.
const LONG_ENOUGH: Duration = Duration::from_millis(1500);

impl Stage {
    /// Starts `greeter` in the background, watched.
    fn with_watched_greeter(self) -> Self {
        let stage = self.with_agent("greeter");
        stage.run(&["start", "-d", "-w", "greeter.py"]);
        stage
    }

    fn log(&self, name: &str) -> String {
        fs::read_to_string(self.context.state().join(format!("logs/{name}.log")))
            .unwrap_or_default()
    }

    /// Replaces text in the agent's script, as `sed -i` does: a new file in the place of the old.
    fn edit(&self, name: &str, from: &str, to: &str) {
        let path = self.context.home().join(format!("{name}.py"));
        let status = Command::new("sed")
            .args(["-i", &format!("s/{from}/{to}/")])
            .arg(path)
            .status();
        assert!(status.is_ok_and(|status| status.success()));
    }

    fn endpoint(&self, name: &str) -> Option<String> {
        let list: serde_json::Value =
            serde_json::from_str(&self.run(&["list", "--json"])).expect("JSON");
        let agents = list["agents"].as_array().expect("a list");
        let agent = agents.iter().find(|agent| agent["name"] == name)?;
        Some(agent["endpoint"].as_str().expect("a URL").to_owned())
    }
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    let status = Command::new("kill").args([name, &pid]).status();
    assert!(status.is_ok_and(|status| status.success()));
}

#[test]
fn changed_code_answers_within_the_contracts_time_on_the_same_port() {
    let stage = Stage::new().with_watched_greeter();
    let (pid, watcher) = (
        stage.pid("greeter").unwrap(),
        stage.pid("greeter.watcher").unwrap(),
    );
    assert!(runs(watcher));
    let endpoint = stage.endpoint("greeter").unwrap();
    let edited = Instant::now();
    stage.edit("greeter", "\\\"z\\\":1.50", "\\\"z\\\":2.75");
    stage.until("the new code answers", |stage| {
        let call = stage
            .meshctl()
            .args(["call", "greeter_hello"])
            .output()
            .unwrap();
        String::from_utf8_lossy(&call.stdout).contains("\"z\": 2.75")
    });
    assert!(edited.elapsed() < CONTRACT, "{:?}", edited.elapsed());
    assert_eq!(stage.endpoint("greeter"), Some(endpoint));
    let fresh = stage.pid("greeter").unwrap();
    assert!(fresh != pid && !runs(pid) && runs(fresh));
    assert_eq!(stage.pid("greeter.watcher"), Some(watcher));
    let log = stage.log("greeter");
    assert!(
        log.contains("[watch] greeter.py changed; the agent starts anew\n"),
        "{log}"
    );
    assert!(stage.log("greeter.1").contains("leaving"), "rotated");
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
    assert_eq!(stage.left_in("pids"), [] as [String; 0]);
}

#[test]
fn a_mistake_keeps_the_running_agent_and_its_correction_ends_it() {
    let stage = Stage::new().with_watched_greeter();
    let pid = stage.pid("greeter").unwrap();
    stage.edit("greeter", "^import json", "import json (");
    stage.until("the mistake is told", |stage| {
        stage.log("greeter").contains("SyntaxError")
    });
    let log = stage.log("greeter");
    assert!(
        log.contains("[watch] greeter.py changed, but cannot be compiled; the agent keeps running as it was:\n"),
        "{log}"
    );
    assert!(log.contains("greeter.py\", line 5"), "{log}");
    assert_eq!(stage.pid("greeter"), Some(pid));
    assert!(runs(pid));
    stage.edit("greeter", "^import json (", "import json # again");
    stage.until("the agent is another", |stage| {
        stage
            .pid("greeter")
            .is_some_and(|now| now != pid && runs(now))
    });
}

#[test]
fn what_changes_nothing_restarts_nothing() {
    let stage = Stage::new().with_watched_greeter();
    let pid = stage.pid("greeter").unwrap();
    let script = stage.context.home().join("greeter.py");
    fs::File::options()
        .append(true)
        .open(&script)
        .unwrap()
        .set_modified(std::time::SystemTime::UNIX_EPOCH)
        .unwrap();
    for name in [
        "notes.txt",
        ".greeter.py.swp",
        "greeter.py~",
        ".hidden.py",
        "__pycache__/greeter.py",
        "state.db",
    ] {
        stage.file(name, "x");
    }
    thread::sleep(LONG_ENOUGH);
    assert_eq!(stage.pid("greeter"), Some(pid));
    assert!(
        !stage.log("greeter").contains("[watch]"),
        "{}",
        stage.log("greeter")
    );
    // Whereas a new module in a new folder is one that may be imported.
    stage.file("more/module.py", "");
    stage.until("the agent is another", |stage| {
        stage
            .log("greeter")
            .contains("[watch] more/module.py changed; the agent starts anew")
    });
    stage.file("more/module.py", "A = 1");
    stage.until("the new folder is watched", |stage| {
        stage
            .pid("greeter")
            .is_some_and(|now| now != pid && runs(now))
            && stage.log("greeter.2").contains("hello")
    });
}

#[test]
fn an_agent_that_ended_by_itself_comes_back_with_the_next_change_and_can_be_stopped_before() {
    let stage = Stage::new().with_watched_greeter();
    let pid = stage.pid("greeter").unwrap();
    let killed = Command::new("kill")
        .args(["-KILL", &pid.to_string()])
        .status();
    assert!(killed.unwrap().success());
    stage.until("its end is told", |stage| {
        stage
            .log("greeter")
            .contains("[watch] the agent ended by itself; it starts anew when a file changes")
    });
    stage_snapshot!(stage, stage.meshctl().args(["start", "-d", "greeter.py"]), @r"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    Error: agent 'greeter' ended, and is started anew when its files change (PID [PID]). Stop it first with 'meshctl stop greeter'.
    ");
    stage.edit("greeter", "^import json", "import json # once more");
    stage.until("it runs again", |stage| {
        stage.pid("greeter").is_some_and(runs)
    });
    let pid = stage.pid("greeter").unwrap();
    assert!(
        Command::new("kill")
            .args(["-KILL", &pid.to_string()])
            .status()
            .unwrap()
            .success()
    );
    stage.until("it is dead", |_| !runs(pid));
    let watcher = stage.pid("greeter.watcher").unwrap();
    stage.run(&["stop", "greeter"]);
    assert!(!runs(watcher));
    assert_eq!(stage.context.strays(), []);
    assert_eq!(stage.left_in("pids"), [] as [String; 0]);
}

#[test]
fn the_foreground_watches_as_well_and_lets_others_stop_its_agents() {
    let stage = Stage::new().with_agent("one").with_agent("two");
    let mut foreground = stage
        .meshctl()
        .args(["start", "-w", "one.py", "two.py"])
        .env(EnvVars::MCP_MESH_RELOAD_DEBOUNCE, "0.1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    stage.until("both are listed", |stage| {
        stage.run(&["list"]).contains("2 healthy")
    });
    assert_eq!(stage.pid("one.watcher"), Some(foreground.id()));
    let pid = stage.pid("one").unwrap();
    stage.edit("one", "^import json", "import json # again");
    stage.until("the agent is another", |stage| {
        stage.pid("one").is_some_and(|now| now != pid && runs(now))
    });
    stage.run(&["stop", "one"]);
    assert!(foreground.try_wait().unwrap().is_none());
    assert!(stage.pid("two").is_some_and(runs));
    signal(&foreground, "-INT");
    assert!(foreground.wait().unwrap().success());
    let output = foreground.wait_with_output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(
        shown.contains("[watch] one.py changed; the agent starts anew"),
        "{shown}"
    );
    assert_eq!(stage.context.strays(), []);
    assert_eq!(stage.left_in("pids"), [] as [String; 0]);
}

#[test]
fn a_wrong_pause_is_refused() {
    let stage = Stage::new().with_agent("greeter");
    stage_snapshot!(
        stage,
        stage.meshctl().env(EnvVars::MCP_MESH_RELOAD_DEBOUNCE, "soon").args(["start", "-w", "greeter.py"]),
        @r"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    Error: MCP_MESH_RELOAD_DEBOUNCE: `soon` is not a number of seconds up to 60
    Hint: correct or unset `MCP_MESH_RELOAD_DEBOUNCE`
    "
    );
}
