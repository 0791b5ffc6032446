//! A program that goes on, and whose lines are read as they come.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

/// How long a line may take; a busy machine needs some of it, a line that never comes all.
const PATIENCE: Duration = Duration::from_mins(1);

/// A program whose stdout is a pipe; it is killed when this is dropped.
#[derive(Debug)]
pub struct Piped {
    child: Child,
    lines: Receiver<String>,
}

impl Piped {
    /// Starts `command`.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    #[must_use]
    pub fn new(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it runs");
        let stdout = child.stdout.take().expect("it is piped");
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                // The test may have seen enough.
                if sender.send(line.expect("UTF-8")).is_err() {
                    break;
                }
            }
        });
        Self { child, lines }
    }

    /// The next line, without its end.
    ///
    /// # Panics
    ///
    /// If there is none in time.
    #[must_use]
    pub fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("another line")
    }

    /// The program.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }
}

impl Drop for Piped {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
