//! A real PostgreSQL server for tests.

mod programs;
mod template;

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{fs, str};

use anyhow::{Context as _, ensure};

use self::programs::Programs;
use super::supervised::Supervised;
use crate::environment::essential_environment;
use crate::port::free_port;

/// How long a server may take to start, on a machine that is busy with other tests.
const LIMIT: Duration = Duration::from_mins(1);
/// How often another port is tried when somebody was faster.
const ATTEMPTS: usize = 5;
/// The superuser of every server; its password is never asked for. Other users need theirs.
const USER: &str = "mesh";

/// What a server does with `fsync`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// As in production.
    Full,
    /// Survives a killed server, but no power cut.
    Fast,
}

/// How a server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Sessions are ended, then it writes everything down: `pg_ctl stop --mode fast`.
    Fast,
    /// As if it had crashed: `pg_ctl stop --mode immediate`.
    Immediate,
}

/// A PostgreSQL server on a free port of the loop-back address, in a folder of its own.
#[derive(Debug)]
pub struct Postgres {
    programs: Programs,
    folder: PathBuf,
    port: u16,
    supervised: Supervised,
}

static SHARED: LazyLock<Postgres> = LazyLock::new(|| {
    Postgres::start(Durability::Fast).expect("a PostgreSQL server starts for this process")
});
static NUMBER: AtomicU32 = AtomicU32::new(1);

impl Postgres {
    /// The server that all tests of this process share, each with databases of its own.
    #[must_use]
    pub fn shared() -> &'static Self {
        &SHARED
    }

    /// Starts another server, for a test that stops it or changes how it is set up.
    pub fn start(durability: Durability) -> anyhow::Result<Self> {
        let programs = Programs::find()?;
        // The system's own folder: the path of a socket is short.
        let folder = tempfile::Builder::new().prefix("mesh-pg-").tempdir()?;
        template::copy(&programs, &folder.path().join("data"))?;
        if let Some(user) = programs.user() {
            chown(folder.path(), Some(user.uid), Some(user.gid))?;
        }
        for attempt in 1.. {
            let mut server = Self::supervise(&programs, folder.path(), free_port()?, durability)?;
            match server.resume() {
                Ok(()) => {
                    // The supervisor deletes it from now on.
                    let _ = folder.keep();
                    return Ok(server);
                }
                Err(error) if attempt == ATTEMPTS => return Err(error),
                Err(_) => server.supervised.abandon()?,
            }
        }
        unreachable!("the last attempt returns")
    }

    fn supervise(
        programs: &Programs,
        folder: &Path,
        port: u16,
        durability: Durability,
    ) -> anyhow::Result<Self> {
        let fsync = match durability {
            Durability::Full => "on",
            Durability::Fast => "off",
        };
        let mut command = Command::new(programs.path("postgres"));
        command.arg("-D").arg(folder.join("data"));
        for (name, value) in [
            ("listen_addresses", "127.0.0.1"),
            ("port", &port.to_string()),
            ("unix_socket_directories", &folder.display().to_string()),
            ("fsync", fsync),
            ("shared_buffers", "16MB"),
            ("max_connections", "200"),
            // In the folder, so that it vanishes with it.
            ("dynamic_shared_memory_type", "mmap"),
            ("autovacuum", "off"),
            ("wal_level", "minimal"),
            ("max_wal_senders", "0"),
        ] {
            command.args(["-c", &format!("{name}={value}")]);
        }
        Ok(Self {
            programs: programs.clone(),
            folder: folder.to_owned(),
            port,
            supervised: Supervised::prepare(folder, &command, programs.user(), "QUIT")?,
        })
    }

    /// Stops the server; its port and data stay for [`Postgres::resume`].
    pub fn stop(&mut self, how: Stop) -> anyhow::Result<()> {
        self.supervised.end(match how {
            Stop::Fast => "INT",
            Stop::Immediate => "QUIT",
        })
    }

    /// Starts the stopped server again and waits until it lets users in.
    pub fn resume(&mut self) -> anyhow::Result<()> {
        // What a crash leaves would look like a server that is ready.
        let status = self.folder.join("data/postmaster.pid");
        let _ = fs::remove_file(&status);
        let logged = self.log().len();
        self.supervised.start()?;
        let deadline = Instant::now() + LIMIT;
        loop {
            let lines = fs::read_to_string(&status).unwrap_or_default();
            if lines
                .lines()
                .nth(7)
                .is_some_and(|line| line.starts_with("ready"))
            {
                return Ok(());
            }
            let said = self.log().split_off(logged);
            ensure!(
                !said.contains("FATAL:  could not") && Instant::now() < deadline,
                "PostgreSQL did not start:\n{said}"
            );
            sleep(Duration::from_millis(5));
        }
    }

    /// Makes an empty database and returns its URL.
    pub fn database(&self) -> anyhow::Result<String> {
        let name = format!("mesh_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.run("postgres", &format!("CREATE DATABASE {name}"))?;
        Ok(self.url(&name))
    }

    /// The URL of a database for the superuser.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{database}", self.port)
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of its socket, its log and, in `data`, its files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Runs SQL as the superuser and returns the rows, unaligned.
    pub fn run(&self, database: &str, sql: &str) -> anyhow::Result<String> {
        let output = Command::new(self.programs.path("psql"))
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
            .args(["--set", "ON_ERROR_STOP=1", "--username", USER])
            .args(["--port", &self.port.to_string(), "--dbname", database])
            .arg("--host")
            .arg(&self.folder)
            .args(["--command", sql])
            .env_clear()
            .envs(essential_environment())
            .stdin(Stdio::null())
            .output()
            .context("failed to start `psql`")?;
        ensure!(
            output.status.success(),
            "`{sql}` failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(str::from_utf8(&output.stdout)?.trim_end().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_starts_stops_comes_back_and_leaves_nothing() {
        let mut server = Postgres::start(Durability::Full).unwrap();
        let url = server.database().unwrap();
        let name = url.rsplit('/').next().unwrap();
        server.run(name, "CREATE TABLE t AS SELECT 1 AS x").unwrap();
        server.stop(Stop::Immediate).unwrap();
        assert!(server.run(name, "SELECT 1").is_err());
        server.resume().unwrap();
        assert_eq!(server.run(name, "SELECT x FROM t").unwrap(), "1");
        let (folder, port) = (server.folder().to_owned(), server.port());
        drop(server);
        assert!(!folder.exists());
        assert!(crate::port::is_free(port));
    }
}
