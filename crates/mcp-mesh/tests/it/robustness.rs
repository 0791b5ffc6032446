//! What goes wrong around `start` and `stop`: nothing is orphaned, nothing of somebody else's is
//! ended, and the state directory heals itself.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mesh_core::env::EnvVars;
use mesh_test::Random;

use crate::stage::{Stage, runs, stage_snapshot};

const SEED: u64 = 0x004d_4553_4843_544c;
const KILLS: usize = 8;

impl Stage {
    /// Nothing runs, and no file says that something does.
    fn assert_clean(&self) {
        assert_eq!(self.context.strays(), []);
        assert_eq!(self.left_in("pids"), [] as [String; 0]);
        assert_eq!(self.left_in("registry/deps"), [] as [String; 0]);
    }
}

#[test]
fn a_start_that_is_killed_leaves_nothing_that_nobody_knows() {
    println!("seed {SEED:#x}");
    let mut random = Random::from_seed(SEED);
    let names: Vec<String> = (0..10).map(|number| format!("agent{number}")).collect();
    let stage = names
        .iter()
        .fold(Stage::new(), |stage, name| stage.with_agent(name));
    let scripts: Vec<String> = names.iter().map(|name| format!("{name}.py")).collect();
    stage.run(&["start", "--registry-only", "-d"]);
    let mut started = 0;
    for _ in 0..KILLS {
        // So many are recorded by then.
        let enough = usize::try_from(random.below(names.len() as u64)).unwrap();
        let mut start = stage
            .meshctl()
            .args(["start", "-d"])
            .args(&scripts)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        stage.until("some agents are recorded", |stage| {
            names
                .iter()
                .filter(|name| stage.pid(name).is_some())
                .count()
                >= enough
        });
        start.kill().unwrap();
        start.wait().unwrap();
        // The registry aside.
        started += stage.context.strays().len() - 1;
        stage.run(&["stop", "--agents", "--force"]);
        assert_eq!(
            stage.context.strays().len(),
            1,
            "{:?}",
            stage.context.strays()
        );
        let mut left = stage.left_in("pids");
        left.retain(|name| !name.starts_with("registry."));
        assert_eq!(left, [] as [String; 0]);
    }
    println!("{started} agents ran when their start was killed");
    stage.run(&["stop"]);
    stage.assert_clean();
}

#[test]
fn a_process_that_was_started_and_not_recorded_is_found() {
    let stage = Stage::new();
    stage.run(&["stop"]);
    let pids = stage.context.state().join("pids");
    let mut lost = Command::new("sleep")
        .arg("600")
        .env(EnvVars::MCP_MESH_RECORD, pids.join("lost.pid"))
        .env(EnvVars::MCP_MESH_GROUP_ID, "1-2-3")
        .process_group(0)
        .spawn()
        .unwrap();
    fs::write(pids.join("lost.starting"), "1-2-3").unwrap();
    fs::write(pids.join("never.starting"), "1-2-3").unwrap();
    stage_snapshot!(stage, stage.meshctl().arg("stop"), @r"
    exit: 0
    ----- stdout -----
    Stopping 1 agent(s) in parallel...
    Agent 'lost' stopped
    Stopped 1 agent(s)
    ----- stderr -----
    ");
    lost.wait().unwrap();
    stage.assert_clean();
}

#[test]
fn what_earlier_runs_left_is_swept_and_nobody_else_is_touched() {
    let stage = Stage::new().with_agent("greeter");
    let mut bystander = Command::new("sleep").arg("60").spawn().unwrap();
    let number = bystander.id().to_string();
    for (name, text) in [
        ("pids/gone.pid", "4194000"),
        ("pids/gone.group", "1-2-3"),
        ("pids/gone.watcher.pid", "4194001"),
        ("pids/empty.pid", ""),
        ("pids/everybody.pid", "-1"),
        ("pids/init.pid", "1"),
        ("pids/reused.pid", &number),
        ("pids/reused.birth", "long ago"),
        ("pids/reused.watcher.pid", &number),
        ("pids/registry.pid", &number),
        ("registry/deps/1-2-3", "gone\n"),
    ] {
        stage.file(&format!(".mcp-mesh/{name}"), text);
    }
    stage_snapshot!(stage, stage.meshctl().arg("stop"), @r"
    exit: 0
    ----- stdout -----
    No agents running in background
    GC: cleaned 8 pid file(s), 1 dependency line(s)
    ----- stderr -----
    ");
    assert!(bystander.try_wait().unwrap().is_none());
    stage.assert_clean();
    stage.run(&["start", "-d", "greeter.py"]);
    stage.run(&["stop"]);
    stage.assert_clean();
    bystander.kill().unwrap();
    bystander.wait().unwrap();
}

#[test]
fn two_starts_and_a_stop_at_once_end_in_one_truth() {
    let stage = Stage::new().with_agent("greeter");
    for _ in 0..3 {
        let commands: [&[&str]; 3] = [
            &["start", "-d", "greeter.py"],
            &["start", "-d", "greeter.py"],
            &["stop"],
        ];
        let all = commands.map(|arguments| {
            let mut command = stage.meshctl();
            command.args(arguments);
            command.stdout(Stdio::null()).stderr(Stdio::piped());
            command.spawn().unwrap()
        });
        for child in all {
            let output = child.wait_with_output().unwrap();
            let told = String::from_utf8(output.stderr).unwrap();
            let is_expected = output.status.success()
                || told.contains("is already running")
                // The stop came while it waited for its agent.
                || told.contains("ended before it registered");
            assert!(is_expected, "{told}");
        }
        // What runs is what is recorded.
        let agents = stage.context.strays();
        let agents = agents
            .iter()
            .filter(|it| it.command_line.contains("greeter.py"));
        let agents: Vec<u32> = agents.map(|stray| stray.pid).collect();
        let recorded: Vec<u32> = stage
            .pid("greeter")
            .filter(|pid| runs(*pid))
            .into_iter()
            .collect();
        assert_eq!(agents, recorded);
        stage.run(&["stop"]);
        stage.assert_clean();
    }
}

#[test]
fn two_files_that_declare_one_name_are_refused() {
    let stage = Stage::new().with_agent("greeter");
    let script = fs::read_to_string(stage.context.home().join("greeter.py")).unwrap();
    stage.file("copy/main.py", &script);
    stage_snapshot!(stage, stage.meshctl().args(["start", "-d", "greeter.py", "copy"]), @r#"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    Error: two agents are called 'greeter': `[HOME]/greeter.py` and `[HOME]/copy/main.py`
    Hint: give each its own name in `@mesh.agent(name="…")`
    "#);
    stage.run(&["start", "-d", "greeter.py"]);
    stage_snapshot!(stage, stage.meshctl().args(["start", "-d", "copy"]), @r"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    Error: agent 'greeter' is already running (PID [PID]). Stop it first with 'meshctl stop greeter'.
    ");
}

#[test]
fn a_state_directory_that_cannot_be_written_is_named() {
    let stage = Stage::new().with_agent("greeter");
    stage.file("occupied", "");
    let mut start = stage.meshctl();
    let occupied = stage.context.home().join("occupied/state");
    start.env(EnvVars::MCP_MESH_HOME, occupied);
    stage_snapshot!(stage, start.args(["start", "-d", "greeter.py"]), @r"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    Error: cannot create `[HOME]/occupied/state/pids`: Not a directory (os error 20)
    Hint: set `MCP_MESH_HOME` to a directory that can be written
    ");
}

#[test]
fn a_stubborn_agent_delays_nobody_but_itself() {
    let stubborn = "signal.signal(signal.SIGTERM, signal.SIG_IGN)";
    let stage = Stage::new()
        .with_agent("polite")
        .with_changed_agent("stubborn", stubborn);
    stage.run(&["start", "-d", "polite.py", "stubborn.py"]);
    let pid = stage.pid("polite").unwrap();
    let mut stop = stage
        .meshctl()
        .args(["stop", "--timeout", "600"])
        .spawn()
        .unwrap();
    let stubborn = stage.pid("stubborn").unwrap();
    stage.until("the polite one ended", |_| !runs(pid));
    assert!(stop.try_wait().unwrap().is_none());
    assert!(runs(stubborn));
    assert!(mesh_test::kill(stubborn).is_ok());
    assert!(stop.wait().unwrap().success());
    stage.assert_clean();
}

#[test]
fn a_second_interrupt_kills_and_a_registry_that_others_use_stays() {
    let stubborn = "signal.signal(signal.SIGTERM, signal.SIG_IGN)";
    let stage = Stage::new()
        .with_changed_agent("stubborn", stubborn)
        .with_agent("other");
    let mut foreground = stage
        .meshctl()
        .args(["start", "stubborn.py"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    stage.until("it is listed", |stage| {
        stage.run(&["list"]).contains("1 healthy")
    });
    stage.run(&["start", "-d", "other.py"]);
    let interrupt = || {
        let pid = foreground.id().to_string();
        let status = Command::new("kill").args(["-INT", &pid]).status();
        assert!(status.unwrap().success());
    };
    let begin = Instant::now();
    interrupt();
    // It waits for the agent, and holds the lock meanwhile.
    let lock = fs::File::open(stage.context.state().join("lifecycle.lock")).unwrap();
    let is_held = || lock.try_lock().map(|()| lock.unlock().unwrap()).is_err();
    stage.until("the first is heard", |_| is_held());
    interrupt();
    assert!(foreground.wait().unwrap().success());
    assert!(
        begin.elapsed() < Duration::from_secs(25),
        "{:?}",
        begin.elapsed()
    );
    let output = foreground.wait_with_output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(
        shown.ends_with("The registry keeps running for: other\n"),
        "{shown}"
    );
    assert!(stage.run(&["list"]).contains("other-"));
    stage.run(&["stop"]);
    stage.assert_clean();
}

#[cfg(target_os = "linux")]
#[test]
fn the_state_may_be_on_another_file_system() {
    let stage = Stage::new().with_agent("greeter");
    let elsewhere = tempfile::tempdir_in("/dev/shm").unwrap();
    // Where the context looks for it.
    std::os::unix::fs::symlink(elsewhere.path(), stage.context.state()).unwrap();
    for _ in 0..2 {
        stage.run(&["start", "-d", "greeter.py"]);
        stage.run(&["stop"]);
    }
    stage.assert_clean();
    assert!(stage.context.state().join("logs/greeter.1.log").exists());
}

#[test]
fn twenty_rounds_with_two_agents_leave_nothing() {
    let stage = Stage::new().with_agent("one").with_agent("two");
    for _ in 0..20 {
        stage.run(&["start", "-d", "one.py", "two.py"]);
        let stopped = stage.run(&["stop"]);
        assert!(!stopped.contains("failed"), "{stopped}");
        stage.assert_clean();
    }
}

/// A disk in memory; dropping it unmounts it.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(folder: PathBuf, size: &str) -> Self {
        fs::create_dir_all(&folder).expect("a folder to mount on");
        let options = format!("size={size}");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(&folder)
            .status();
        assert!(mount.is_ok_and(|status| status.success()));
        Self(folder)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process that was killed may still be closing its files.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "mounts a disk, which takes root on Linux"]
fn a_full_disk_of_its_own_fails_a_start_and_hinders_no_stop() {
    let stage = Stage::new().with_agent("early").with_agent("late");
    let disk = SmallDisk::mount(stage.context.state(), "8m");
    stage.run(&["start", "-d", "early.py"]);
    fs::write(disk.0.join("ballast"), vec![0; 16 << 20]).expect_err("the disk is small");
    let late = mesh_test::transcript(stage.meshctl().args(["start", "-d", "late.py"]));
    assert!(late.starts_with("exit: 1"), "{late}");
    assert!(
        late.contains("No space left on device") && late.contains(".mcp-mesh/"),
        "{late}"
    );
    let pids: Vec<_> = stage.context.strays();
    assert!(
        !pids
            .iter()
            .any(|stray| stray.command_line.contains("late.py")),
        "{pids:?}"
    );
    stage.run(&["stop"]);
    assert_eq!(stage.context.strays(), []);
    fs::remove_file(disk.0.join("ballast")).unwrap();
    stage.run(&["start", "-d", "late.py"]);
    stage.run(&["stop"]);
    stage.assert_clean();
}
