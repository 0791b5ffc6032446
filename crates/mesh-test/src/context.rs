//! What a test of the commands starts with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use mesh_core::env::EnvVars;
use mesh_core::wire::Registration;
use tempfile::TempDir;

use crate::environment::essential_environment;
use crate::fake;
use crate::platform::{kill, runs};
use crate::registry::{RegistryCommand, RegistryProcess};

/// The programs under test. Cargo offers their paths to the tests of their own package only, so
/// those tests hand them in: [`test_context!`](crate::test_context) does.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The command line.
    pub meshctl: PathBuf,
    /// The server.
    pub registry: PathBuf,
}

/// A context without a registry yet, for the tests of the package that builds the two programs.
#[macro_export]
macro_rules! test_context {
    () => {
        $crate::TestContext::new($crate::Programs {
            meshctl: env!("CARGO_BIN_EXE_meshctl").into(),
            registry: env!("CARGO_BIN_EXE_mcp-mesh-registry").into(),
        })
    };
}

/// An empty home, `meshctl` pointed at it, and a registry of its own when asked for one.
///
/// Dropping it ends the registry and everything that `meshctl` started from this home, and
/// deletes the home.
#[derive(Debug)]
pub struct TestContext {
    programs: Programs,
    registry: Option<RegistryProcess>,
    home: TempDir,
}

/// A process that was started from a context's home and still runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stray {
    /// Its id.
    pub pid: u32,
    /// What it runs.
    pub command_line: String,
}

impl TestContext {
    /// An empty home for these programs.
    #[must_use]
    pub fn new(programs: Programs) -> Self {
        let home = TempDir::with_prefix("mesh-test-").expect("the temporary folder is writable");
        Self {
            programs,
            registry: None,
            home,
        }
    }

    /// Starts a registry on a free port, with its database in the home.
    #[must_use]
    pub fn with_registry(self) -> Self {
        self.with_registry_env(&[])
    }

    /// Starts a registry with these variables in its environment.
    #[must_use]
    pub fn with_registry_env(mut self, env: &[(&str, &str)]) -> Self {
        let mut command = RegistryCommand::new(&self.programs.registry, self.home.path());
        for (name, value) in env {
            command = command.env(name, value);
        }
        self.registry = Some(command.start().expect("the registry starts"));
        self
    }

    /// Registers an agent that offers one capability of its own name; starts the registry if
    /// there is none.
    #[must_use]
    pub fn with_agent(self, name: &str, endpoint: &str) -> Self {
        self.with_registration(&fake::agent(name, endpoint, vec![fake::tool(name)]))
    }

    /// Registers an agent; starts the registry if there is none.
    #[must_use]
    pub fn with_registration(self, registration: &Registration) -> Self {
        let context = if self.registry.is_none() {
            self.with_registry()
        } else {
            self
        };
        let body = serde_json::to_vec(registration).expect("a registration is JSON");
        let answer = context
            .registry()
            .connect()
            .expect("the registry listens")
            .send("POST", "/heartbeat", &body)
            .expect("the registry answers");
        let text = answer.text();
        assert!(
            answer.status == 200 && text.contains(r#""status":"success""#),
            "the registration of `{}` was refused with {}: {text}",
            registration.agent_id,
            answer.status
        );
        context
    }

    /// The registry.
    ///
    /// # Panics
    ///
    /// If this context has none.
    #[must_use]
    pub fn registry(&self) -> &RegistryProcess {
        self.registry
            .as_ref()
            .expect("`with_registry` was called before")
    }

    /// The registry, to be killed and restarted.
    ///
    /// # Panics
    ///
    /// If this context has none.
    #[must_use]
    pub fn registry_mut(&mut self) -> &mut RegistryProcess {
        self.registry
            .as_mut()
            .expect("`with_registry` was called before")
    }

    /// The home folder, which is also the current folder of [`Self::meshctl`].
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Writes a file below the home and returns its path.
    ///
    /// # Panics
    ///
    /// If it cannot be written.
    #[must_use]
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home().join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).expect("the home is writable");
        }
        fs::write(&path, text).expect("the home is writable");
        path
    }

    /// `meshctl` in this home, pointed at this registry, with nothing else of the test's
    /// environment but what programs need to run.
    #[must_use]
    pub fn meshctl(&self) -> Command {
        let mut command = Command::new(&self.programs.meshctl);
        command
            .env_clear()
            .envs(essential_environment())
            .env("HOME", self.home())
            .env("USERPROFILE", self.home())
            .env("APPDATA", self.home().join("AppData"))
            .env(EnvVars::MCP_MESH_HOME, self.state())
            .env("NO_COLOR", "1")
            .current_dir(self.home());
        if let Some(registry) = &self.registry {
            command.env(EnvVars::MCP_MESH_REGISTRY_URL, registry.url());
        }
        command
    }

    /// `meshctl`'s state folder.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.home().join(".mcp-mesh")
    }

    /// What varies from run to run, as pattern and replacement.
    #[must_use]
    pub fn filters(&self) -> Vec<(String, String)> {
        let mut filters = Vec::new();
        let mut add = |pattern: &str, name: &str| filters.push((pattern.into(), name.into()));
        if let Some(registry) = &self.registry {
            let port = registry.address().port();
            add(
                &format!(r"http://(127\.0\.0\.1|localhost):{port}\b"),
                "[REGISTRY]",
            );
            add(
                &format!(r"(127\.0\.0\.1|localhost):{port}\b"),
                "[REGISTRY ADDRESS]",
            );
            if let Some(pid) = registry.pid() {
                add(&format!(r"\b{pid}\b"), "[REGISTRY PID]");
            }
        }
        let home = self.home().display().to_string();
        add(&escaped(&home), "[HOME]");
        if cfg!(windows) {
            // As JSON has it.
            add(&escaped(&home.replace('\\', r"\\")), "[HOME]");
            // Below the home, paths look like elsewhere; each pass mends one separator.
            for _ in 0..6 {
                add(r"(\[HOME\][\w./-]*)\\+", "$1/");
            }
        }
        add(r"\b(pid|PID)([ :=]+)\d+", "$1$2[PID]");
        add(
            r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?",
            "[TIMESTAMP]",
        );
        add(r"\b\d+(\.\d+)?(µs|ms|s)\b", "[DURATION]");
        // Of two in a table, the first is padded by how many digits it has.
        add(r"\[DURATION\] +\[DURATION\]", "[DURATION]   [DURATION]");
        // Each system has words and a number of its own.
        add(
            r"(Connection refused|No connection could be made[^(]*it)\.? \(os error \d+\)",
            "Connection refused",
        );
        add(
            &format!(r"\b{}\b", escaped(mesh_core::VERSION)),
            "[VERSION]",
        );
        filters
    }

    /// What was started from this home and still runs, the context's own registry aside.
    ///
    /// Looks for the home in the environment of every process, so a process is found even when
    /// nobody wrote down its id; where there is no `/proc`, only those whose id `meshctl` wrote down.
    #[must_use]
    pub fn strays(&self) -> Vec<Stray> {
        let mark = format!("{}={}", EnvVars::MCP_MESH_HOME, self.state().display());
        let own = self.registry.as_ref().and_then(RegistryProcess::pid);
        if cfg!(windows) {
            return self.recorded();
        }
        let Ok(entries) = fs::read_dir("/proc") else {
            return self.recorded();
        };
        entries
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let pid = path.file_name()?.to_str()?.parse().ok()?;
                // Other users' processes, and those that end meanwhile, cannot be read.
                let environment = fs::read(path.join("environ")).ok()?;
                let ours = environment
                    .split(|byte| *byte == 0)
                    .any(|pair| pair == mark.as_bytes());
                let command_line = fs::read(path.join("cmdline")).ok()?;
                (ours && Some(pid) != own).then(|| Stray {
                    pid,
                    command_line: String::from_utf8_lossy(&command_line)
                        .trim_end_matches('\0')
                        .replace('\0', " "),
                })
            })
            .collect()
    }

    /// The processes in `meshctl`'s pid files that run.
    fn recorded(&self) -> Vec<Stray> {
        let Ok(entries) = fs::read_dir(self.state().join("pids")) else {
            return Vec::new();
        };
        entries
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let is_pid = path.extension().is_some_and(|extension| extension == "pid");
                let pid = fs::read_to_string(&path).ok()?.trim().parse().ok()?;
                (is_pid && runs(pid)).then(|| Stray {
                    pid,
                    command_line: path.file_stem().unwrap_or_default().display().to_string(),
                })
            })
            .collect()
    }
}

/// `text` as a pattern that matches just it.
fn escaped(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            (!c.is_alphanumeric() && c != '/')
                .then_some('\\')
                .into_iter()
                .chain([c])
        })
        .collect()
}

impl Drop for TestContext {
    fn drop(&mut self) {
        let start = Instant::now();
        // More than once, because what is killed may just have started something.
        loop {
            let strays = self.strays();
            if strays.is_empty() {
                return;
            }
            for stray in &strays {
                // It may have ended by itself.
                let _ = kill(stray.pid);
            }
            if start.elapsed() > Duration::from_secs(10) {
                assert!(
                    thread::panicking(),
                    "these processes survive their test: {strays:?}"
                );
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn shell() -> TestContext {
        TestContext::new(Programs {
            meshctl: "/bin/sh".into(),
            registry: "/bin/false".into(),
        })
    }

    #[test]
    fn a_transcript_shows_what_the_user_sees() {
        let context = shell();
        crate::mesh_snapshot!(
            context,
            context.meshctl().args(["-c", "echo pid 123 in $HOME after 1.5s; echo sorry >&2; exit 3"]),
            @r"
        exit: 3
        ----- stdout -----
        pid [PID] in [HOME] after [DURATION]
        ----- stderr -----
        sorry
        "
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_a_command_leaves_running_ends_with_the_context() {
        let context = shell();
        let status = context
            .meshctl()
            .args(["-c", "sleep 300 >/dev/null 2>&1 &"])
            .status()
            .unwrap();
        assert!(status.success());
        let strays = context.strays();
        assert_eq!(strays.len(), 1, "{strays:?}");
        // The shell's copy may not have become `sleep` yet.
        assert!(strays[0].command_line.contains("sleep 300"), "{strays:?}");
        let stray = PathBuf::from(format!("/proc/{}/environ", strays[0].pid));
        drop(context);
        assert!(fs::read(stray).unwrap_or_default().is_empty());
    }
}
