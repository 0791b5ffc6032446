//! Where PostgreSQL's programs are, and who may run them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::platform::supervised::User;

/// Names the folder of PostgreSQL's programs, where they are nowhere else.
const VARIABLE: &str = "MESH_TEST_POSTGRES_BIN";
/// Where systems keep them.
const FOLDERS: [(&str, &str); 3] = [
    ("/usr/lib/postgresql", "bin"),
    ("/opt/homebrew/opt", "bin"),
    ("/usr/local/opt", "bin"),
];

/// PostgreSQL's programs.
#[derive(Debug, Clone)]
pub(super) struct Programs {
    folder: PathBuf,
    user: Option<User>,
}

impl Programs {
    pub(super) fn find() -> anyhow::Result<Self> {
        let named = std::env::vars_os().find(|(name, _)| name == VARIABLE);
        let folder = match named {
            Some((_, folder)) => Some(PathBuf::from(folder)),
            None => installed().or_else(on_path),
        };
        let folder = folder.filter(|folder| complete(folder)).with_context(|| {
            format!(
                "PostgreSQL is not installed: run `make test-programs`, or set `{VARIABLE}` to the \
                     folder of its programs"
            )
        })?;
        let user = if is_root()? {
            Some(unprivileged()?)
        } else {
            None
        };
        Ok(Self { folder, user })
    }

    pub(super) fn path(&self, program: &str) -> PathBuf {
        self.folder.join(program)
    }

    /// Whom the server runs as if this process is root, which PostgreSQL refuses.
    pub(super) fn user(&self) -> Option<User> {
        self.user
    }

    /// Such as `postgres (PostgreSQL) 15.18`.
    pub(super) fn version(&self) -> anyhow::Result<String> {
        let output = Command::new(self.path("postgres"))
            .arg("--version")
            .output()?;
        ensure!(output.status.success(), "`postgres --version` failed");
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }
}

fn complete(folder: &Path) -> bool {
    ["initdb", "postgres", "psql"]
        .iter()
        .all(|program| folder.join(program).is_file())
}

/// The newest that a package manager has installed.
fn installed() -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = FOLDERS
        .iter()
        .filter_map(|(folder, below)| Some((fs::read_dir(folder).ok()?, below)))
        .flat_map(|(entries, below)| entries.flatten().map(move |entry| entry.path().join(below)))
        .filter(|folder| complete(folder))
        .collect();
    found.sort();
    found.pop()
}

fn on_path() -> Option<PathBuf> {
    let (_, path) = std::env::vars_os().find(|(name, _)| name == "PATH")?;
    std::env::split_paths(&path).find(|folder| complete(folder))
}

fn is_root() -> anyhow::Result<bool> {
    let output = Command::new("id").arg("-u").output()?;
    Ok(output.stdout.trim_ascii() == b"0")
}

/// The user that the package made for its servers, or nobody.
fn unprivileged() -> anyhow::Result<User> {
    let users = fs::read_to_string("/etc/passwd").context("failed to read `/etc/passwd`")?;
    let user = |wanted: &str| {
        let line = users
            .lines()
            .find(|line| line.split(':').next() == Some(wanted))?;
        let mut fields = line.split(':').skip(2);
        Some(User {
            uid: fields.next()?.parse().ok()?,
            gid: fields.next()?.parse().ok()?,
        })
    };
    user("postgres")
        .or_else(|| user("nobody"))
        .context("neither `postgres` nor `nobody` is a user here, and PostgreSQL refuses root")
}
