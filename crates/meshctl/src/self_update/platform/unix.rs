//! Unix: a file that runs can be replaced, by renaming.

use std::path::{Path, PathBuf};
use std::{fs, io};

use tokio::process::Command;

/// The one path of what `path` leads to.
pub(crate) fn canonical(path: &Path) -> io::Result<PathBuf> {
    fs::canonicalize(path)
}

/// Keeps `file` as `kept` while it also stays where it is; costs no room on the disk where it can.
pub(crate) fn set_aside(file: &Path, kept: &Path) -> io::Result<()> {
    fs::hard_link(file, kept).or_else(|_| fs::copy(file, kept).map(drop))
}

/// Puts what was kept back in its place, in one step.
pub(crate) fn put_back(kept: &Path, file: &Path) -> io::Result<()> {
    fs::rename(kept, file)
}

/// The command that runs an installer, wherever scripts may be executed from.
pub(crate) fn run(installer: &Path) -> Command {
    let mut command = Command::new("sh");
    command.arg(installer);
    command
}

/// What `ldd --version` prints; nothing where there is no such program.
pub(crate) fn ldd() -> String {
    let output = std::process::Command::new("ldd").arg("--version").output();
    // musl's speaks on standard error.
    output.map_or_else(
        |_| String::new(),
        |output| {
            [output.stdout, output.stderr]
                .map(|text| String::from_utf8_lossy(&text).into_owned())
                .concat()
        },
    )
}

/// Whether this is a program for Intel on a Mac that has none.
pub(crate) fn is_translated() -> bool {
    cfg!(target_os = "macos")
        && std::process::Command::new("sysctl")
            .args(["-n", "hw.optional.arm64"])
            .output()
            .is_ok_and(|output| output.stdout.trim_ascii() == b"1")
}
