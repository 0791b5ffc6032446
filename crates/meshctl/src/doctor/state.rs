//! The state directory: whether it can be written, by whom, and how much fits.

use std::path::Path;

use mesh_core::env::EnvVars;

use super::{Finding, Subject, platform};

const CHECK: &str = "state_directory";
const MEGABYTE: u64 = 1 << 20;
/// What a registry and the logs of some agents need for a while.
const LITTLE: u64 = 500 * MEGABYTE;
/// SQLite soon fails to write.
const NOTHING: u64 = 20 * MEGABYTE;

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
            Some(above) if platform::is_writable(above) => vec![Finding::ok(
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
        .find(|folder| folder.exists() && !platform::is_writable(folder));
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

/// Who can write here decides which processes `stop` ends.
fn openness(root: &Path) -> Option<Finding> {
    let shown = root.display();
    let folders = [root.to_owned(), root.join("pids")];
    let open = folders
        .iter()
        .find(|folder| platform::is_open_to_all(folder))?;
    let message = format!(
        "every user of this machine can write to {}, and so decide what `stop` ends",
        open.display()
    );
    Some(Finding::warning("permissions", message).cure(format!("chmod -R o-w {shown}")))
}

fn space(root: &Path) -> Option<Finding> {
    let check = "disk_space";
    let free = platform::free_space(root)?;
    let cure = format!("du -ah {} | sort -h | tail", root.display());
    let megabytes = free / MEGABYTE;
    let gigabytes = megabytes / 1024;
    Some(if free < NOTHING {
        let message = format!("{megabytes} MB are free: databases and logs cannot be written");
        Finding::problem(check, message).cure(cure)
    } else if free < LITTLE {
        Finding::warning(check, format!("only {megabytes} MB are free")).cure(cure)
    } else if gigabytes == 0 {
        Finding::ok(check, format!("{megabytes} MB are free"))
    } else {
        Finding::ok(check, format!("{gigabytes} GB are free"))
    })
}
