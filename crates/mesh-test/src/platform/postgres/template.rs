//! A data directory made once and copied for every server: `initdb` takes a second, a copy a tenth.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

use super::USER;
use super::programs::Programs;
use crate::environment::essential_environment;
use crate::platform::supervised::User;

/// Who may log in: the superuser just so, others with their password.
const ACCESS: &str =
    "local all all trust\nhost all mesh all trust\nhost all all all scram-sha-256\n";

/// Copies a fresh data directory to `target`.
pub(super) fn copy(programs: &Programs, target: &Path) -> anyhow::Result<()> {
    let cache = cache()?;
    fs::create_dir_all(&cache)?;
    let name: String = programs
        .version()?
        .chars()
        .map(|letter| {
            if letter.is_ascii_alphanumeric() || letter == '.' {
                letter
            } else {
                '-'
            }
        })
        .collect();
    let template = cache.join(&name);
    let lock = File::create(cache.join("lock"))?;
    lock.lock().context("failed to wait for another test")?;
    if !template.exists() {
        make(programs, &template)?;
    }
    drop(lock);
    duplicate(&template, target, programs.user())
}

/// Beside the tests' own programs, so that `cargo clean` takes it along.
fn cache() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let folder = program
        .ancestors()
        .find(|path| path.ends_with("deps"))
        .and_then(Path::parent)
        .context("tests run from a target directory")?;
    Ok(folder.join("postgres-templates"))
}

fn make(programs: &Programs, template: &Path) -> anyhow::Result<()> {
    // Not in the target directory, which another user may not even enter.
    let folder = tempfile::Builder::new().prefix("mesh-pg-").tempdir()?;
    let data = folder.path().join("data");
    let mut command = Command::new(programs.path("initdb"));
    if let Some(user) = programs.user() {
        chown(folder.path(), Some(user.uid), Some(user.gid))?;
        command.uid(user.uid).gid(user.gid);
    }
    let output = command
        .arg("-D")
        .arg(&data)
        .args(["--username", USER, "--auth", "trust", "--encoding", "UTF8"])
        .args(["--locale", "C", "--no-sync", "--wal-segsize", "1"])
        .env_clear()
        .envs(essential_environment())
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .context("failed to start `initdb`")?;
    ensure!(
        output.status.success(),
        "`initdb` failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    fs::write(data.join("pg_hba.conf"), ACCESS)?;
    let partial = template.with_extension("partial");
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    duplicate(&data, &partial, None)?;
    fs::rename(&partial, template)?;
    Ok(())
}

/// Copies a folder with all that is in it, for `owner`.
fn duplicate(from: &Path, to: &Path, owner: Option<User>) -> anyhow::Result<()> {
    let own = |path: &Path| match owner {
        Some(user) => chown(path, Some(user.uid), Some(user.gid)),
        None => Ok(()),
    };
    fs::create_dir(to)?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o700))?;
    own(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            duplicate(&entry.path(), &target, owner)?;
        } else {
            fs::copy(entry.path(), &target)?;
            own(&target)?;
        }
    }
    Ok(())
}
