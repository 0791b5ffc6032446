//! Finds processes that a test run left behind: they carry the run's mark in their environment,
//! whoever adopted them.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use mesh_test::RUN_MARK;

/// A process of the run that is still there.
#[derive(Debug)]
pub(super) struct Leftover {
    pub(super) pid: u32,
    pub(super) command: String,
}

/// Ends and returns whatever is left of run `id`; `None` where processes cannot be listed this way.
pub(super) fn end_all(id: &str) -> Option<Vec<Leftover>> {
    let mut found = find(id)?;
    // Something that was just told to stop may need a moment.
    for _ in 0..30 {
        if found.is_empty() {
            break;
        }
        thread::sleep(Duration::from_millis(100));
        found = find(id)?;
    }
    for leftover in &found {
        // It may end by itself in between; the report names it either way.
        let _ = Command::new("kill")
            .args(["-KILL", &leftover.pid.to_string()])
            .status();
    }
    Some(found)
}

fn find(id: &str) -> Option<Vec<Leftover>> {
    let mark = format!("{RUN_MARK}={id}");
    let processes = fs::read_dir("/proc").ok()?;
    Some(
        processes
            .flatten()
            .filter_map(|entry| {
                let pid = entry.file_name().to_str()?.parse().ok()?;
                marked(&entry.path(), &mark).then(|| Leftover {
                    pid,
                    command: command_line(&entry.path()),
                })
            })
            .collect(),
    )
}

/// Whether the process at `path` was started with `mark`; an unreadable or ended one was not.
fn marked(path: &Path, mark: &str) -> bool {
    fs::read(path.join("environ")).is_ok_and(|environment| {
        environment
            .split(|byte| *byte == 0)
            .any(|variable| variable == mark.as_bytes())
    })
}

fn command_line(path: &Path) -> String {
    let bytes = fs::read(path.join("cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes)
        .replace('\0', " ")
        .trim()
        .to_owned()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_left_behind_is_found_and_ended() {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let mut child = Command::new("sleep")
            .arg("600")
            .env(RUN_MARK, &id)
            .spawn()
            .unwrap();
        // A process that has just been started shows its environment a moment later.
        while find(&id).unwrap().is_empty() {
            thread::yield_now();
        }
        let found = end_all(&id).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].pid, child.id());
        assert_eq!(found[0].command, "sleep 600");
        assert!(!child.wait().unwrap().success());
        assert!(end_all(&id).unwrap().is_empty());
    }
}
