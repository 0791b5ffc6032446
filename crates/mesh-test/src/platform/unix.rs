//! Unix: signals.

use std::fs;
use std::io;
use std::process::Command;

/// What a program needs of the environment to run at all.
pub(crate) const ESSENTIAL: &[&str] = &["PATH"];

/// Signals reach a process whatever group it is in.
pub(crate) fn lead_group(_command: &mut Command) {}

/// Asks a process to end.
pub(crate) fn terminate(pid: u32) -> io::Result<()> {
    signal("-TERM", pid)
}

/// Ends a process as a power cut would.
pub fn kill(pid: u32) -> io::Result<()> {
    signal("-KILL", pid)
}

/// Whether a process with that number runs; always `false` where there is no `/proc`.
#[must_use]
pub fn runs(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn signal(signal: &str, pid: u32) -> io::Result<()> {
    let status = Command::new("kill")
        .args([signal, &pid.to_string()])
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other(format!("`kill` failed ({status})")))
    }
}
