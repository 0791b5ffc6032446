//! A server for tests that is never left behind, whatever happens to the test.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, ensure};

use crate::environment::essential_environment;

/// A user of this machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct User {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// A supervisor that holds one server, ends it and deletes its folder as soon as this process lets go
/// of a pipe, be it killed.
#[derive(Debug)]
pub(super) struct Supervised {
    /// What ends the server at once.
    last: &'static str,
    supervisor: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Supervised {
    /// Prepares `server`, which keeps its things and its log in `folder`, runs as `user` and is ended
    /// at once by the signal `last`.
    pub(super) fn prepare(
        folder: &Path,
        server: &Command,
        user: Option<User>,
        last: &'static str,
    ) -> anyhow::Result<Self> {
        let mut command = Command::new("sh");
        command
            .args(["-c", include_str!("supervisor.sh"), "supervisor"])
            .arg(folder)
            .arg(last)
            .arg(server.get_program())
            .args(server.get_args());
        if let Some(user) = user {
            command.uid(user.uid).gid(user.gid);
        }
        let mut supervisor = command
            .env_clear()
            .envs(essential_environment())
            .current_dir(folder)
            // Whoever interrupts the tests interrupts them alone; the supervisor then does its work.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("failed to start a supervisor")?;
        let orders = supervisor.stdin.take();
        let answers = supervisor.stdout.take().context("a pipe was asked for")?;
        Ok(Self {
            last,
            supervisor,
            orders,
            answers: BufReader::new(answers),
        })
    }

    /// Starts the server.
    pub(super) fn start(&mut self) -> anyhow::Result<()> {
        self.order("start")
    }

    /// Sends the server a signal, such as `INT`, and waits for its end.
    pub(super) fn end(&mut self, signal: &str) -> anyhow::Result<()> {
        self.order(signal)
    }

    /// Ends a supervisor whose server did not start, and keeps the folder for the next.
    pub(super) fn abandon(mut self) -> anyhow::Result<()> {
        self.end(self.last)?;
        self.supervisor.kill()?;
        self.supervisor.wait()?;
        self.orders = None;
        Ok(())
    }

    fn order(&mut self, order: &str) -> anyhow::Result<()> {
        let orders = self.orders.as_mut().context("the supervisor has ended")?;
        writeln!(orders, "{order}")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        ensure!(answer.trim_end() == order, "the supervisor has ended");
        Ok(())
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        // The end of its input ends the supervisor, and that the server.
        drop(self.orders.take());
        let _ = self.supervisor.wait();
    }
}
