//! The real registry as a child process: started, killed, started again on the same data.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader, PipeReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use mesh_core::env::EnvVars;

use crate::environment::essential_environment;
use crate::http1::HttpConnection;
use crate::platform::{lead_group, terminate};
use crate::port::{free_port, is_free};

/// How long a registry may take to answer, on a machine that is busy with other tests.
const LIMIT: Duration = Duration::from_secs(30);
/// How often another port is tried when somebody was faster.
const ATTEMPTS: usize = 5;

/// How a registry lets its parent know that it serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// It writes a line to the pipe that `MCP_MESH_READY_FD` names.
    Pipe,
    /// It says nothing; `/health` is asked until it answers.
    Poll,
}

/// How to start a registry.
#[derive(Debug, Clone)]
pub struct RegistryCommand {
    program: PathBuf,
    home: PathBuf,
    readiness: Readiness,
    env: BTreeMap<String, String>,
}

impl RegistryCommand {
    /// Runs `program` with its database, its log and `HOME` in the folder `home`, and nothing else
    /// of this process's environment but what programs need to run.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>, home: &Path) -> Self {
        let command = Self {
            program: program.into(),
            home: home.to_owned(),
            readiness: if cfg!(windows) {
                // Standard input has no number there.
                Readiness::Poll
            } else {
                Readiness::Pipe
            },
            env: BTreeMap::new(),
        };
        let database = command.database().display().to_string();
        command.env(EnvVars::DATABASE_URL, &database)
    }

    /// Sets a variable of the registry's environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Chooses how readiness is learnt.
    #[must_use]
    pub fn readiness(mut self, readiness: Readiness) -> Self {
        self.readiness = readiness;
        self
    }

    /// The database file.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.home.join("registry.db")
    }

    /// What the registry prints, of all its starts.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.home.join("registry.log")
    }

    /// Starts on a free port of the loop-back address and waits until it serves.
    pub fn start(&self) -> anyhow::Result<RegistryProcess> {
        for attempt in 1.. {
            let port = free_port()?;
            let mut process = self.spawn(port)?;
            match process.wait_until_ready() {
                Ok(()) => return Ok(process),
                // Somebody was faster; any other failure would repeat itself.
                Err(_) if attempt < ATTEMPTS && !is_free(port) => {}
                Err(error) => return Err(error),
            }
        }
        unreachable!("the last attempt returns")
    }

    /// Starts on `port` and does not wait.
    pub fn spawn(&self, port: u16) -> anyhow::Result<RegistryProcess> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log())
            .with_context(|| format!("failed to open `{}`", self.log().display()))?;
        let mut command = Command::new(&self.program);
        command
            .args(["--host", "127.0.0.1", "--port", &port.to_string()])
            .env_clear()
            .env("HOME", &self.home)
            .envs(essential_environment())
            .envs(&self.env)
            .current_dir(&self.home)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let pipe = if self.readiness == Readiness::Pipe {
            let (reader, writer) = std::io::pipe()?;
            // The pipe travels as standard input, which a server does not read: the one way to
            // hand down a descriptor without unsafe code.
            command.stdin(writer).env(EnvVars::MCP_MESH_READY_FD, "0");
            Some(reader)
        } else {
            None
        };
        lead_group(&mut command);
        let child = command
            .spawn()
            .with_context(|| format!("failed to start `{}`", self.program.display()))?;
        // `command` holds the writing end until here; closing it lets the reader see the end.
        drop(command);
        Ok(RegistryProcess {
            command: self.clone(),
            port,
            child: Some(child),
            line: pipe.map(first_line),
        })
    }
}

fn first_line(pipe: PipeReader) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut line = String::new();
        if BufReader::new(pipe).read_line(&mut line).is_ok() {
            // The process may have been dropped meanwhile; then nobody wants the line.
            let _ = sender.send(line);
        }
    });
    receiver
}

/// A registry that runs, or ran. Dropping it kills it and waits for its end.
#[derive(Debug)]
pub struct RegistryProcess {
    command: RegistryCommand,
    port: u16,
    child: Option<Child>,
    line: Option<Receiver<String>>,
}

impl RegistryProcess {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Its process id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// How it was started.
    #[must_use]
    pub fn command(&self) -> &RegistryCommand {
        &self.command
    }

    /// Connects to it.
    pub fn connect(&self) -> anyhow::Result<HttpConnection> {
        HttpConnection::open(self.address(), LIMIT)
            .with_context(|| format!("failed to connect to the registry at `{}`", self.url()))
    }

    /// Waits until it serves; the error carries its own words.
    pub fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let verdict = match self.line.take() {
            Some(line) => match line.recv_timeout(LIMIT) {
                Ok(line) if line.starts_with(r#"{"ready""#) => return Ok(()),
                Ok(line) => format!("reported `{}`", line.trim_end()),
                Err(RecvTimeoutError::Timeout) => format!("was silent for {LIMIT:?}"),
                Err(RecvTimeoutError::Disconnected) => "ended without a word".to_owned(),
            },
            None => match self.poll() {
                Ok(()) => return Ok(()),
                Err(error) => format!("did not answer: {error:#}"),
            },
        };
        let log = std::fs::read_to_string(self.command.log()).unwrap_or_default();
        self.kill_9()?;
        bail!("the registry {verdict}; its log:\n{log}")
    }

    /// How it ended, if it did so by itself.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        let child = self.child.as_mut().context("the registry was killed")?;
        Ok(child.try_wait()?)
    }

    fn poll(&mut self) -> anyhow::Result<()> {
        let start = Instant::now();
        loop {
            let answer = HttpConnection::open(self.address(), LIMIT)
                .and_then(|mut connection| connection.send("GET", "/health", b""));
            match answer {
                Ok(answer) if answer.status == 200 => return Ok(()),
                Ok(answer) => bail!("{}: {}", answer.status, answer.text()),
                Err(error) if start.elapsed() > LIMIT => return Err(error.into()),
                Err(_) => {
                    if let Some(status) = self.ended()? {
                        bail!("it ended with {status}");
                    }
                    thread::sleep(Duration::from_millis(2));
                }
            }
        }
    }

    /// Kills it as a power cut would, and waits until it is gone.
    pub fn kill_9(&mut self) -> anyhow::Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().context("failed to kill the registry")?;
            child.wait().context("failed to wait for the registry")?;
        }
        Ok(())
    }

    /// Asks it to end, and waits until it did, at most `limit`.
    pub fn terminate(&mut self, limit: Duration) -> anyhow::Result<ExitStatus> {
        let child = self.child.as_mut().context("the registry does not run")?;
        terminate(child.id()).context("failed to ask the registry to end")?;
        let start = Instant::now();
        loop {
            if let Some(status) = child.try_wait()? {
                self.child = None;
                return Ok(status);
            }
            if start.elapsed() > limit {
                bail!("the registry still runs {limit:?} after it was asked to end");
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Starts it again on the same database and port, and waits until it serves.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.kill_9()?;
        *self = self.command.spawn(self.port)?;
        self.wait_until_ready()
    }
}

impl Drop for RegistryProcess {
    fn drop(&mut self) {
        // A test that already panics must not panic again; the kill of a child cannot be refused.
        let _ = self.kill_9();
    }
}
