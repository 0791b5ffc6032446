//! Unix: process groups, signals, `/proc`.

use std::io::{self, PipeWriter};
use std::os::fd::AsRawFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus};

use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};
use rustix::process::{Signal, kill_process_group};
use tokio::signal::unix::{SignalKind, signal};

use super::super::dependents::GroupId;
use super::super::identity::Identity;
use super::super::marked::Marked;
use super::super::process::{Birth, Pid};
use super::{Demand, ProcessGroups};

/// Process groups as POSIX has them.
pub(crate) struct Unix;

impl ProcessGroups for Unix {
    fn lead_group(command: &mut Command) {
        command.process_group(0);
    }

    fn become_other(command: &mut Command, identity: Identity) {
        let Identity { user, group } = identity;
        if let Some(group) = group {
            command.gid(group);
        }
        if let Some(user) = user {
            command.uid(user);
        }
    }

    fn adopt(_child: &Child) -> io::Result<()> {
        Ok(())
    }

    fn birth(pid: Pid) -> Option<Birth> {
        status::birth(pid)
    }

    fn has_descendants(pid: Pid, group: &GroupId) -> bool {
        rustix_pid(pid)
            .is_some_and(|leader| rustix::process::test_kill_process_group(leader).is_ok())
            && status::has_member(pid, group)
    }

    fn find_launched(pid_file: &Path) -> Option<Pid> {
        status::launched_for(pid_file)
    }

    fn marked(pids: &Path) -> Option<Vec<Marked>> {
        status::marked(pids)
    }

    fn demand(pid: Pid, demand: Demand) -> io::Result<()> {
        let signal = match demand {
            Demand::Terminate => Signal::TERM,
            Demand::Kill => Signal::KILL,
        };
        let Some(leader) = rustix_pid(pid) else {
            return Ok(());
        };
        match kill_process_group(leader, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn was_terminated(status: ExitStatus) -> bool {
        status.signal() == Some(Signal::TERM.as_raw())
    }

    fn share(writer: &PipeWriter) -> io::Result<String> {
        // Nothing else is spawned between this and the launch that it is for: one thread starts
        // processes, and it closes the writer right afterwards.
        let flags = fcntl_getfd(writer)?;
        fcntl_setfd(writer, flags - FdFlags::CLOEXEC)?;
        Ok(writer.as_raw_fd().to_string())
    }

    fn interrupted() -> impl Future<Output = io::Result<()>> {
        let interrupt = signal(SignalKind::interrupt());
        let terminate = signal(SignalKind::terminate());
        let hang_up = signal(SignalKind::hangup());
        async move {
            let (mut interrupt, mut terminate, mut hang_up) = (interrupt?, terminate?, hang_up?);
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
            Ok(())
        }
    }
}

fn rustix_pid(pid: Pid) -> Option<rustix::process::Pid> {
    rustix::process::Pid::from_raw(i32::try_from(pid.as_u32()).ok()?)
}

#[cfg(target_os = "linux")]
mod status {
    //! `/proc` tells more than signals do: zombies are dead, and a start time is an identity.

    use std::fs;
    use std::path::Path;

    use mesh_core::env::EnvVars;

    use super::{Birth, GroupId, Marked, Pid};
    use crate::settings::is_true;

    /// The fields of `/proc/<pid>/stat` that matter here.
    struct Stat {
        alive: bool,
        group: u32,
        start_time: u64,
    }

    fn stat(pid: u32) -> Option<Stat> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field is the program's name in brackets, which may hold anything.
        let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace();
        let state = fields.next()?;
        Some(Stat {
            alive: !matches!(state, "Z" | "X" | "x"),
            group: fields.nth(1)?.parse().ok()?,
            start_time: fields.nth(16)?.parse().ok()?,
        })
    }

    pub(super) fn birth(pid: Pid) -> Option<Birth> {
        let stat = stat(pid.as_u32()).filter(|stat| stat.alive)?;
        // Ticks since boot say nothing across two boots.
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        Some(Birth::new(format!("{}:{}", boot.trim(), stat.start_time)))
    }

    pub(super) fn has_member(leader: Pid, group: &GroupId) -> bool {
        let mark = format!("{}={group}", EnvVars::MCP_MESH_GROUP_ID);
        processes()
            .filter(|(_, stat)| stat.group == leader.as_u32())
            // The group's number may be somebody else's by now; the mark is ours alone.
            .any(|(pid, _)| is_marked(pid, &mark))
    }

    pub(super) fn launched_for(pid_file: &Path) -> Option<Pid> {
        let mark = format!("{}={}", EnvVars::MCP_MESH_RECORD, pid_file.display());
        processes()
            .filter(|(pid, stat)| stat.group == *pid && is_marked(*pid, &mark))
            // Whatever it started itself carries the mark as well, and is younger.
            .min_by_key(|(_, stat)| stat.start_time)
            .and_then(|(pid, _)| Pid::new(pid))
    }

    #[expect(clippy::unnecessary_wraps, reason = "other systems cannot tell")]
    pub(super) fn marked(pids: &Path) -> Option<Vec<Marked>> {
        let of = |(pid, stat): (u32, Stat)| {
            let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
            let variable = |name: &str| {
                let mut variables = environment.split(|byte| *byte == 0);
                let value = variables.find_map(|variable| {
                    let value = variable.strip_prefix(name.as_bytes())?;
                    value.strip_prefix(b"=")
                });
                value.map(String::from_utf8_lossy)
            };
            let record = variable(EnvVars::MCP_MESH_RECORD)?;
            let record = Path::new(&*record);
            let traces = variable(EnvVars::MCP_MESH_DISTRIBUTED_TRACING_ENABLED);
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let program = line.split(|byte| *byte == 0).next().unwrap_or_default();
            Some(Marked {
                pid: Pid::new(pid)?,
                leader: stat.group,
                record: record
                    .file_stem()
                    .filter(|_| record.parent() == Some(pids))?
                    .to_string_lossy()
                    .into_owned(),
                group: variable(EnvVars::MCP_MESH_GROUP_ID).and_then(|text| GroupId::parse(&text)),
                program: crate::error::one_line(&String::from_utf8_lossy(program)),
                traces: traces.is_some_and(|text| is_true(&text)),
            })
        };
        Some(processes().filter_map(of).collect())
    }

    /// Those that run.
    fn processes() -> impl Iterator<Item = (u32, Stat)> {
        fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter_map(|pid| Some((pid, stat(pid).filter(|stat| stat.alive)?)))
    }

    fn is_marked(pid: u32, mark: &str) -> bool {
        fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environment| {
            environment
                .split(|byte| *byte == 0)
                .any(|variable| variable == mark.as_bytes())
        })
    }
}

#[cfg(not(target_os = "linux"))]
mod status {
    //! Without `/proc`, `ps` is asked.

    use std::path::Path;
    use std::process::{Command, Stdio};

    use super::{Birth, GroupId, Marked, Pid};

    fn ps(arguments: &[&str]) -> Option<String> {
        let output = Command::new("/bin/ps")
            .args(arguments)
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .output()
            .ok()?;
        String::from_utf8(output.stdout).ok()
    }

    pub(super) fn birth(pid: Pid) -> Option<Birth> {
        let text = ps(&["-o", "stat=,lstart=", "-p", &pid.to_string()])?;
        let (state, start) = text.trim().split_once(char::is_whitespace)?;
        (!state.starts_with('Z')).then(|| Birth::new(start.trim()))
    }

    /// Nobody tells the environment of another process in a form that can be relied on.
    pub(super) fn launched_for(_pid_file: &Path) -> Option<Pid> {
        None
    }

    pub(super) fn marked(_pids: &Path) -> Option<Vec<Marked>> {
        None
    }

    pub(super) fn has_member(leader: Pid, _group: &GroupId) -> bool {
        ps(&["-A", "-o", "pgid=,stat="]).is_some_and(|text| {
            text.lines().any(|line| {
                let mut fields = line.split_ascii_whitespace();
                fields.next() == Some(&leader.to_string())
                    && fields.next().is_some_and(|state| !state.starts_with('Z'))
            })
        })
    }
}
