//! A container daemon and a registry of the rehearsal's own, on loopback, as `make container-tools`
//! unpacked them. Its bridges are those of the network namespace that the rehearsal runs in.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use mesh_core::env::Environment;
use mesh_test::free_port;
use tempfile::TempDir;

use crate::release::Tool;
use crate::root;

/// What a start or a stop may take on a busy machine; either takes a second or two.
const PATIENCE: Duration = Duration::from_mins(1);

/// The running pair. Dropping it stops both, and what they run.
pub(super) struct Containers {
    /// Sockets and process ids: their paths must be short.
    short: TempDir,
    /// Images, layers and logs.
    folder: PathBuf,
    registry_port: u16,
    daemon: Option<Child>,
    registry: Option<Child>,
}

impl Containers {
    /// Whether `make container-tools` was here.
    pub(super) fn are_set_up() -> bool {
        tools().join(".stamp").exists()
    }

    /// Starts both with nothing in them but the base image; their state is kept in `folder`.
    pub(super) fn start(folder: &Path) -> anyhow::Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(folder)
                .with_context(|| format!("failed to remove `{}`", folder.display()))?;
        }
        fs::create_dir_all(folder)
            .with_context(|| format!("failed to create `{}`", folder.display()))?;
        let mut containers = Self {
            short: tempfile::Builder::new().prefix("mesh-").tempdir()?,
            folder: folder.to_owned(),
            registry_port: free_port().context("there is no free port")?,
            daemon: None,
            registry: None,
        };
        containers.start_registry()?;
        containers.start_daemon()?;
        // The daemon takes the registry for a mirror, so `FROM python:3.11-slim` is found there.
        Tool::new("skopeo")
            .args([
                "--insecure-policy",
                "copy",
                "--quiet",
                "--all",
                "--dest-tls-verify=false",
            ])
            .arg(format!(
                "oci:{}:3.11-slim",
                tools().join("base/python").display()
            ))
            .arg(format!(
                "docker://{}/library/python:3.11-slim",
                containers.registry()
            ))
            .output()?;
        Ok(containers)
    }

    fn start_registry(&mut self) -> anyhow::Result<()> {
        let settings = serde_json::json!({
            "version": "0.1",
            "log": {"level": "error"},
            "storage": {
                "filesystem": {"rootdirectory": self.folder.join("registry")},
                "delete": {"enabled": true},
            },
            "http": {"addr": self.registry()},
        });
        let file = self.write("registry.json", &settings)?;
        let program = tools().join("usr/bin/docker-registry");
        let registry = self.spawn(&program, &["serve"], &file, "registry.log")?;
        self.registry = Some(registry);
        Ok(())
    }

    fn start_daemon(&mut self) -> anyhow::Result<()> {
        let mirror = format!("http://{}", self.registry());
        let settings = serde_json::json!({
            "features": {"containerd-snapshotter": true},
            "registry-mirrors": [mirror],
            "insecure-registries": [self.registry()],
            "data-root": self.folder.join("data"),
            "exec-root": self.short.path().join("exec"),
            "hosts": [self.docker_host()],
            "pidfile": self.short.path().join("docker.pid"),
            "bip": "10.203.0.1/24",
            "default-address-pools": [{"base": "10.204.0.0/16", "size": 24}],
        });
        let file = self.write("daemon.json", &settings)?;
        let plugins = serde_json::json!({
            "cliPluginsExtraDirs": [tools().join("usr/libexec/docker/cli-plugins")],
        });
        fs::create_dir_all(self.docker_config())?;
        self.write("config/config.json", &plugins)?;
        let program = tools().join("usr/sbin/dockerd");
        let daemon = self.spawn(&program, &["--config-file"], &file, "daemon.log")?;
        self.daemon = Some(daemon);
        let deadline = Instant::now() + PATIENCE;
        while self.docker(&["info"]).output().is_err() {
            let ended = self
                .daemon
                .as_mut()
                .and_then(|child| child.try_wait().ok().flatten());
            if ended.is_some() || Instant::now() > deadline {
                bail!(
                    "the daemon does not start; `{}` says why",
                    self.folder.join("daemon.log").display()
                );
            }
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// `127.0.0.1:PORT`, the registry's address and the first part of its images' names.
    pub(super) fn registry(&self) -> String {
        format!("127.0.0.1:{}", self.registry_port)
    }

    /// What `DOCKER_HOST` says.
    pub(super) fn docker_host(&self) -> String {
        format!("unix://{}", self.short.path().join("docker.sock").display())
    }

    /// Lets `tool` find the daemon, and the programs that belong to it before any others.
    pub(super) fn reach(&self, tool: Tool) -> anyhow::Result<Tool> {
        Ok(tool
            .env("DOCKER_HOST", self.docker_host())
            .env("DOCKER_CONFIG", self.docker_config())
            .env("PATH", path()?))
    }

    /// Removes what builds have left, so that the next one starts from nothing.
    pub(super) fn forget_builds(&self) -> anyhow::Result<()> {
        self.docker(&["buildx", "prune", "--all", "--force"])
            .output()?;
        Ok(())
    }

    /// Stops both, and says if that failed.
    pub(super) fn stop(mut self) -> anyhow::Result<()> {
        self.end()
    }

    fn end(&mut self) -> anyhow::Result<()> {
        if self.daemon.is_some() {
            // Containers outlive their daemon.
            let running = self
                .docker(&["ps", "--all", "--quiet"])
                .output()
                .unwrap_or_default();
            for container in running.lines() {
                self.docker(&["rm", "--force", "--volumes", container])
                    .output()?;
            }
        }
        for child in [self.daemon.take(), self.registry.take()] {
            terminate(child)?;
        }
        Ok(())
    }

    fn docker(&self, arguments: &[&str]) -> Tool {
        Tool::at(&tools().join("usr/bin/docker"))
            .env("DOCKER_HOST", self.docker_host())
            .env("DOCKER_CONFIG", self.docker_config())
            .args(arguments)
    }

    fn docker_config(&self) -> PathBuf {
        self.folder.join("config")
    }

    fn write(&self, name: &str, settings: &serde_json::Value) -> anyhow::Result<PathBuf> {
        let file = self.folder.join(name);
        fs::write(&file, settings.to_string())
            .with_context(|| format!("failed to write `{}`", file.display()))?;
        Ok(file)
    }

    fn spawn(
        &self,
        program: &Path,
        arguments: &[&str],
        settings: &Path,
        log: &str,
    ) -> anyhow::Result<Child> {
        let log = self.folder.join(log);
        let log =
            File::create(&log).with_context(|| format!("failed to write `{}`", log.display()))?;
        Command::new(program)
            .args(arguments)
            .arg(settings)
            .env("PATH", path()?)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("failed to run `{}`", program.display()))
    }
}

impl Drop for Containers {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = self.end();
    }
}

/// Asks `child` to stop, and waits until it did.
fn terminate(child: Option<Child>) -> anyhow::Result<()> {
    let Some(mut child) = child else {
        return Ok(());
    };
    Tool::new("kill").arg(child.id().to_string()).output()?;
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait()?.is_none() {
        if Instant::now() > deadline {
            child.kill()?;
            bail!(
                "process {} of the rehearsal's containers had to be killed",
                child.id()
            );
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn tools() -> PathBuf {
    root::checkout().join(".tools/containers")
}

/// The programs of the daemon, then everybody's.
fn path() -> anyhow::Result<OsString> {
    let environment = Environment::of_process();
    let others = environment.get("PATH").unwrap_or_default().to_owned();
    let folders = [tools().join("usr/bin"), tools().join("usr/sbin")];
    env::join_paths(folders.into_iter().chain(env::split_paths(&others)))
        .context("PATH cannot be extended")
}
