//! A real Redis server for tests.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use super::supervised::Supervised;
use crate::port::free_port;

/// How long a server may take to start, on a machine that is busy with other tests.
const LIMIT: Duration = Duration::from_mins(1);
/// How often another port is tried when somebody was faster.
const ATTEMPTS: usize = 5;

/// A Redis server on a free port of the loop-back address, in a folder of its own. It keeps nothing over
/// a stop.
#[derive(Debug)]
pub struct Redis {
    port: u16,
    folder: PathBuf,
    supervised: Supervised,
}

impl Redis {
    /// Starts a server.
    pub fn start() -> anyhow::Result<Self> {
        let found = Command::new("redis-server").arg("--version").output();
        found.context("Redis is not installed: run `make test-programs`")?;
        let folder = tempfile::Builder::new().prefix("mesh-redis-").tempdir()?;
        for attempt in 1.. {
            let port = free_port()?;
            let mut command = Command::new("redis-server");
            command.args(["--port", &port.to_string()]);
            command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
            let supervised = Supervised::prepare(folder.path(), &command, None, "KILL")?;
            let mut server = Self {
                port,
                folder: folder.path().to_owned(),
                supervised,
            };
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

    /// Stops the server as if it had crashed; its port stays for [`Redis::resume`].
    pub fn stop(&mut self) -> anyhow::Result<()> {
        self.supervised.end("KILL")
    }

    /// Starts the stopped server again and waits until it answers.
    pub fn resume(&mut self) -> anyhow::Result<()> {
        let log = || fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        let logged = log().len();
        self.supervised.start()?;
        let deadline = Instant::now() + LIMIT;
        loop {
            if self.answers() {
                return Ok(());
            }
            let said = log().split_off(logged);
            ensure!(
                !said.contains("Failed listening") && Instant::now() < deadline,
                "Redis did not start:\n{said}"
            );
            sleep(Duration::from_millis(5));
        }
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn answers(&self) -> bool {
        let ask = || {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
            stream.set_read_timeout(Some(Duration::from_secs(1)))?;
            stream.write_all(b"PING\r\n")?;
            let mut answer = [0; 7];
            stream.read_exact(&mut answer)?;
            Ok::<_, std::io::Error>(answer == *b"+PONG\r\n")
        };
        ask().unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_starts_stops_comes_back_and_leaves_nothing() {
        let mut server = Redis::start().unwrap();
        assert!(server.answers());
        server.stop().unwrap();
        assert!(!server.answers());
        server.resume().unwrap();
        let (folder, port) = (server.folder.clone(), server.port);
        drop(server);
        assert!(!folder.exists());
        assert!(crate::port::is_free(port));
    }
}
