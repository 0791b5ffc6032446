//! A Windows of one's own, by Wine: a copy of the one that `make wine` sets up.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use mesh_core::env::EnvVars;
use mesh_core::wire::Registration;
use mesh_test::http1::{HttpAnswer, HttpConnection};

use crate::release::Tool;

/// How long anything may take that is waited for: programs start slowly in a fresh Windows.
const PATIENCE: Duration = Duration::from_mins(1);
const SERVER: &str = "/usr/lib/wine/wineserver64";

/// Waits until it `happened`.
pub(super) fn patiently(what: &str, mut happened: impl FnMut() -> bool) -> anyhow::Result<()> {
    let start = Instant::now();
    while !happened() {
        ensure!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

pub(super) struct Machine {
    folder: PathBuf,
    run: PathBuf,
    port: u16,
}

impl Machine {
    /// Whether `template` is what `make wine` leaves.
    pub(super) fn is_set_up(template: &Path) -> bool {
        template.join("prefix/.complete").is_file() && Path::new(SERVER).is_file()
    }

    /// A copy of `template` in `folder`.
    pub(super) fn new(template: &Path, folder: &Path) -> anyhow::Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(folder)
                .with_context(|| format!("failed to remove `{}`", folder.display()))?;
        }
        fs::create_dir_all(folder)
            .with_context(|| format!("failed to create `{}`", folder.display()))?;
        Tool::new("cp")
            .args(["-a", "--reflink=auto"])
            .args([template.join("prefix"), folder.join("prefix")])
            .output()?;
        Ok(Self {
            folder: folder.to_owned(),
            run: template.join("run"),
            port: mesh_test::free_port()?,
        })
    }

    /// The port of its registry.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    fn drive(&self) -> PathBuf {
        self.folder.join("prefix/drive_c")
    }

    /// The folder of its one user.
    pub(super) fn user_folder(&self) -> PathBuf {
        self.drive().join("users/mesh")
    }

    fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.run);
        command
            .arg(program)
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", &self.folder)
            .env("WINEPREFIX", self.folder.join("prefix"))
            .env(EnvVars::MCP_MESH_HOME, r"C:\users\mesh\.mcp-mesh")
            .env(EnvVars::DATABASE_URL, r"C:\users\mesh\alone.db")
            .env(EnvVars::MCP_MESH_REGISTRY_PORT, self.port.to_string())
            .current_dir(self.drive())
            .stdin(Stdio::null());
        command
    }

    /// Runs a program to its end: the code, and all that it said.
    pub(super) fn run(
        &self,
        program: &Path,
        arguments: &[&str],
    ) -> anyhow::Result<(Option<i32>, String)> {
        let mut running = self.start(program, arguments)?;
        let code = running.ends_within(PATIENCE)?;
        Ok((code, running.said()?))
    }

    /// Starts a program.
    pub(super) fn start(&self, program: &Path, arguments: &[&str]) -> anyhow::Result<Running> {
        // To a file: what it leaves running would hold a pipe open.
        let name = format!("said-{}", uuid::Uuid::new_v4());
        let said = self.folder.join(name);
        let file = File::create(&said)
            .with_context(|| format!("failed to create `{}`", said.display()))?;
        let child = self
            .command(program, arguments)
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("failed to run `{}`", self.run.display()))?;
        Ok(Running { child, said })
    }

    fn ask(&self, method: &str, path: &str, body: &[u8]) -> std::io::Result<HttpAnswer> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        HttpConnection::open(address, Duration::from_secs(10))?.send(method, path, body)
    }

    /// Whether its registry answers, here on the host.
    pub(super) fn registry_answers(&self) -> bool {
        self.ask("GET", "/health", b"")
            .is_ok_and(|answer| answer.status == 200)
    }

    /// Registers an agent with its registry.
    pub(super) fn register(&self, registration: &Registration) -> anyhow::Result<()> {
        let body = serde_json::to_vec(registration)?;
        let answer = self.ask("POST", "/heartbeat", &body)?;
        ensure!(answer.status == 200, "{}", answer.text());
        Ok(())
    }

    fn pid_files(&self) -> PathBuf {
        self.user_folder().join(".mcp-mesh/pids")
    }

    /// The files that meshctl keeps of what it started.
    pub(super) fn recorded(&self) -> anyhow::Result<Vec<String>> {
        let folder = self.pid_files();
        fs::read_dir(&folder)
            .with_context(|| format!("failed to read `{}`", folder.display()))?
            .map(|entry| Ok(entry?.file_name().display().to_string()))
            .collect()
    }

    /// Kills what meshctl recorded as `name`, as Windows' own command does.
    pub(super) fn kill_recorded(&self, name: &str) -> anyhow::Result<()> {
        let file = self.pid_files().join(format!("{name}.pid"));
        let pid = fs::read_to_string(&file)
            .with_context(|| format!("failed to read `{}`", file.display()))?;
        let taskkill = self.drive().join("windows/system32/taskkill.exe");
        let (code, said) = self.run(&taskkill, &["/F", "/PID", pid.trim()])?;
        ensure!(code == Some(0), "`taskkill` says `{said}`");
        Ok(())
    }

    /// Ends everything in it and deletes it.
    pub(super) fn remove(&self) -> anyhow::Result<()> {
        self.end()?;
        fs::remove_dir_all(&self.folder)
            .with_context(|| format!("failed to remove `{}`", self.folder.display()))
    }

    fn end(&self) -> anyhow::Result<()> {
        for argument in ["--kill", "--wait"] {
            let mut server = Command::new(SERVER);
            server
                .arg(argument)
                .env("WINEPREFIX", self.folder.join("prefix"));
            // Where nothing runs any more, there is nothing to kill.
            server
                .status()
                .with_context(|| format!("failed to run `{SERVER}`"))?;
        }
        Ok(())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // After a failure, too, nothing keeps running; the folder stays to be looked at.
        if self.folder.exists() {
            let _ = self.end();
        }
    }
}

/// A program that runs there.
pub(super) struct Running {
    child: Child,
    said: PathBuf,
}

impl Running {
    /// Wine turns the signal into what the console sends.
    pub(super) fn press_ctrl_c(&self) -> anyhow::Result<()> {
        let pid = self.child.id().to_string();
        Tool::new("kill").args(["-INT", &pid]).output()?;
        Ok(())
    }

    /// Waits for its end; its exit code.
    pub(super) fn ends_within(&mut self, limit: Duration) -> anyhow::Result<Option<i32>> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status.code());
            }
            if start.elapsed() > limit {
                bail!("it still runs after {limit:?}, and said `{}`", self.said()?);
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends it as a power cut would.
    pub(super) fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// All that it wrote so far.
    pub(super) fn said(&self) -> anyhow::Result<String> {
        let bytes = fs::read(&self.said)
            .with_context(|| format!("failed to read `{}`", self.said.display()))?;
        Ok(String::from_utf8_lossy(&bytes).replace("\r\n", "\n"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
