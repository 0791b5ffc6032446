//! Windows: a file that runs can be renamed, but neither replaced nor deleted.

use std::path::{Component, Path, PathBuf, Prefix};
use std::{fs, io};

use tokio::process::Command;

/// The one path of what `path` leads to, as people write it: `C:\\…` without `\\\\?\\` before it, which
/// other programs do not take.
pub(crate) fn canonical(path: &Path) -> io::Result<PathBuf> {
    let path = fs::canonicalize(path)?;
    let mut components = path.components();
    let drive = match components.next() {
        Some(Component::Prefix(prefix)) => match prefix.kind() {
            Prefix::VerbatimDisk(letter) => char::from(letter),
            _ => return Ok(path),
        },
        _ => return Ok(path),
    };
    Ok(Path::new(&format!("{drive}:")).join(components.as_path()))
}

/// Moves `file` to `kept`; its place is free then.
pub(crate) fn set_aside(file: &Path, kept: &Path) -> io::Result<()> {
    fs::rename(file, kept)
}

/// Puts what was kept back in its place.
pub(crate) fn put_back(kept: &Path, file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::rename(kept, file)
}

/// The command that runs an installer. Scripts are not run by default; a policy of the organisation
/// still holds.
pub(crate) fn run(installer: &Path) -> Command {
    let mut command = Command::new("powershell");
    command
        .args(["-NoProfile", "-ExecutionPolicy", "ByPass", "-File"])
        .arg(installer)
        // Modules of a newer PowerShell, which may have started us, do not load in this one.
        .env_remove("PSModulePath");
    command
}

/// There is one C library here.
pub(crate) fn ldd() -> String {
    String::new()
}

/// The installer, too, takes what runs natively or what we are.
pub(crate) fn is_translated() -> bool {
    false
}
