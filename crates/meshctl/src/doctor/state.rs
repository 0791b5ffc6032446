//! The state directory: whether it can be written, by whom, and how much fits.

use std::path::Path;

use mesh_core::env::EnvVars;

use super::{Finding, Subject};

const CHECK: &str = "state_directory";

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let root = match &subject.home {
        Ok(home) => home.root(),
        Err(error) => {
            let cure = format!("export {}=/somewhere/to/write", EnvVars::MCP_MESH_HOME);
            return vec![Finding::failure(CHECK, error).cure(cure)];
        }
    };
    let shown = root.display();
    if !root.exists() {
        // It will be made in the nearest folder that is there.
        let above = root.ancestors().skip(1).find(|folder| folder.exists());
        return match above {
            Some(above) if writable(above) => vec![Finding::ok(
                CHECK,
                format!("{shown} is not there yet, the first `start` makes it"),
            )],
            _ => vec![
                Finding::problem(CHECK, format!("{shown} is not there and cannot be made"))
                    .cure(format!("sudo install -d -o \"$(id -un)\" {shown}")),
            ],
        };
    }
    if !root.is_dir() {
        let message = format!("{shown} is not a directory");
        return vec![Finding::problem(CHECK, message).cure(format!("mv {shown} {shown}.old"))];
    }
    // What `start` writes to, as far as it is there.
    let folders = ["", "pids", "logs", "registry/deps"].map(|folder| root.join(folder));
    let locked = folders
        .iter()
        .find(|folder| folder.exists() && !writable(folder));
    let mut findings = vec![match locked {
        Some(folder) => Finding::problem(
            CHECK,
            format!("{} cannot be written by this user", folder.display()),
        )
        .cure(format!("sudo chown -R \"$(id -un)\" {shown}")),
        None => Finding::ok(CHECK, format!("{shown} can be written")),
    }];
    findings.extend(openness(root));
    findings.extend(space(root));
    findings
}

#[cfg(unix)]
fn writable(folder: &Path) -> bool {
    use rustix::fs::{Access, access};

    access(folder, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

#[cfg(not(unix))]
fn writable(folder: &Path) -> bool {
    std::fs::metadata(folder).is_ok_and(|data| !data.permissions().readonly())
}

/// Who can write here decides which processes `stop` ends.
#[cfg(unix)]
fn openness(root: &Path) -> Option<Finding> {
    use std::os::unix::fs::PermissionsExt as _;

    let check = "permissions";
    let shown = root.display();
    let open = [root.to_owned(), root.join("pids")]
        .into_iter()
        .find(|folder| {
            let data = std::fs::metadata(folder);
            data.is_ok_and(|data| data.permissions().mode() & 0o002 != 0)
        })?;
    let message = format!(
        "every user of this machine can write to {}, and so decide what `stop` ends",
        open.display()
    );
    Some(Finding::warning(check, message).cure(format!("chmod -R o-w {shown}")))
}

#[cfg(not(unix))]
fn openness(_root: &Path) -> Option<Finding> {
    None
}

#[cfg(unix)]
fn space(root: &Path) -> Option<Finding> {
    const MEGABYTE: u64 = 1 << 20;
    /// A registry and the logs of some agents for a while.
    const LITTLE: u64 = 500 * MEGABYTE;
    /// SQLite soon fails to write.
    const NOTHING: u64 = 20 * MEGABYTE;

    let check = "disk_space";
    let disk = rustix::fs::statvfs(root).ok()?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let cure = format!("du -ah {} | sort -h | tail", root.display());
    let megabytes = free / MEGABYTE;
    Some(if free < NOTHING {
        let message = format!("{megabytes} MB are free: databases and logs cannot be written");
        Finding::problem(check, message).cure(cure)
    } else if free < LITTLE {
        Finding::warning(check, format!("only {megabytes} MB are free")).cure(cure)
    } else {
        let gigabytes = megabytes / 1024;
        Finding::ok(
            check,
            if gigabytes > 0 {
                format!("{gigabytes} GB are free")
            } else {
                format!("{megabytes} MB are free")
            },
        )
    })
}

#[cfg(not(unix))]
fn space(_root: &Path) -> Option<Finding> {
    None
}
