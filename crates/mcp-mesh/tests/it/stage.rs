//! A home with a Python environment and agents in it, and `meshctl` pointed at a free port.
//!
//! The agents are real processes that speak the real protocol, in plain Python: what the commands do
//! with them does not depend on any package.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use mesh_core::env::EnvVars;
use mesh_test::{TestContext, free_port, test_context};

const AGENT: &str = include_str!("agent.py");
/// How long anything may take that a test waits for.
const PATIENCE: Duration = Duration::from_mins(1);

/// Where `meshctl start` finds what it needs, and where it starts its registry.
pub(crate) struct Stage {
    pub(crate) context: TestContext,
    pub(crate) port: u16,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let context = test_context!();
        make_environment(context.home());
        let port = free_port().expect("a port is free");
        Self { context, port }
    }

    /// Adds an agent called `name`, in a file of that name.
    pub(crate) fn with_agent(self, name: &str) -> Self {
        self.with_changed_agent(name, "pass")
    }

    /// Adds an agent that does `change` before it registers.
    pub(crate) fn with_changed_agent(self, name: &str, change: &str) -> Self {
        let script = AGENT
            .replace("NAME", name)
            // The variable keeps its own.
            .replace(&format!("MCP_MESH_AGENT_{name}"), "MCP_MESH_AGENT_NAME")
            .replace("pass  # noqa: PIE790 CHANGE", change);
        self.file(&format!("{name}.py"), &script);
        self
    }

    /// `meshctl` in this home.
    pub(crate) fn meshctl(&self) -> Command {
        let mut command = self.context.meshctl();
        command.env(EnvVars::MCP_MESH_REGISTRY_PORT, self.port.to_string());
        command
    }

    /// Runs `meshctl`, which must succeed; what it printed.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = self.meshctl().args(arguments).output();
        let output = output.expect("meshctl can be run");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).expect("our output is UTF-8")
    }

    /// Writes a file below the home.
    pub(crate) fn file(&self, name: &str, text: &str) {
        let path = self.context.write(name, text);
        assert!(path.starts_with(self.context.home()));
    }

    /// The number in a pid file.
    pub(crate) fn pid(&self, name: &str) -> Option<u32> {
        let file = self.context.state().join(format!("pids/{name}.pid"));
        fs::read_to_string(file).ok()?.parse().ok()
    }

    /// The names of the files in a folder of the state.
    pub(crate) fn left_in(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.context.state().join(folder)).expect("the folder exists");
        let names = entries.map(|entry| entry.expect("it can be read").file_name());
        names.map(|name| name.display().to_string()).collect()
    }

    /// Waits for `happened`.
    pub(crate) fn until(&self, what: &str, happened: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !happened(self) {
            assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// What varies from run to run.
    pub(crate) fn filters(&self) -> Vec<(String, String)> {
        let mut filters = self.context.filters();
        for (pattern, name) in [
            (format!(r"\b{}\b", self.port), "[PORT]"),
            (r"-[0-9a-f]{8}\b".to_owned(), "-[ID]"),
            (r"127\.0\.0\.1:\d{5}".to_owned(), "[ENDPOINT]"),
            (r#""pid": \d+"#.to_owned(), r#""pid": [PID]"#),
            (r"\b\d\.\d (KB|B)|\b\d+ B".to_owned(), "[SIZE]"),
        ] {
            filters.push((pattern, name.to_owned()));
        }
        filters
    }
}

pub(crate) use mesh_test::mesh_snapshot as stage_snapshot;

pub(crate) use mesh_test::runs;

/// An environment that has the package as far as its files tell; the agents never import it.
#[cfg(unix)]
fn make_environment(home: &Path) {
    let python = interpreter();
    let root = home.join(".venv");
    let package = root.join("lib/python3.11/site-packages/mesh");
    fs::create_dir_all(&package).expect("the home is writable");
    fs::create_dir_all(root.join("bin")).expect("the home is writable");
    fs::write(package.join("__init__.py"), "").expect("the home is writable");
    let base = python.parent().expect("it lies in a folder").display();
    fs::write(
        root.join("pyvenv.cfg"),
        format!("home = {base}\nversion = 3.11.0\n"),
    )
    .expect("the home is writable");
    std::os::unix::fs::symlink(&python, root.join("bin/python")).expect("the home is writable");
}

/// The same where nobody has to have Python: our own program is what runs the agents.
#[cfg(windows)]
fn make_environment(home: &Path) {
    let root = home.join(".venv");
    let package = root.join("Lib/site-packages/mesh");
    fs::create_dir_all(&package).expect("the home is writable");
    fs::create_dir_all(root.join("Scripts")).expect("the home is writable");
    fs::write(package.join("__init__.py"), "").expect("the home is writable");
    fs::write(root.join("pyvenv.cfg"), "version = 3.11.0\n").expect("the home is writable");
    fs::copy(interpreter(), root.join("Scripts/python.exe"))
        .expect("`cargo test` builds the examples");
}

#[cfg(windows)]
fn interpreter() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_meshctl"))
        .with_file_name("examples")
        .join("stand-in-agent.exe")
}

#[cfg(unix)]
fn interpreter() -> PathBuf {
    let path = std::env::vars_os()
        .find_map(|(name, value)| (name == "PATH").then_some(value))
        .expect("there is a PATH");
    let python = std::env::split_paths(&path)
        .map(|folder| folder.join("python3"))
        .find(|path| path.is_file())
        .expect("the tests need `python3`");
    fs::canonicalize(python).expect("the interpreter exists")
}
