//! Windows: job objects, console events, inherited handles.
//!
//! * `job` keeps a process and what it starts together.
//! * `console` asks a process to end, wherever its console is.

mod console;
mod job;

use std::io::{self, PipeWriter};
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::os::windows::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};

use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown};
use windows_sys::Win32::Foundation::{
    ERROR_INVALID_PARAMETER, FILETIME, HANDLE_FLAG_INHERIT, SetHandleInformation, WAIT_TIMEOUT,
};
use windows_sys::Win32::System::Console::{
    GetStdHandle, STD_ERROR_HANDLE, STD_INPUT_HANDLE, STD_OUTPUT_HANDLE,
};
use windows_sys::Win32::System::Threading::{
    CREATE_NEW_PROCESS_GROUP, CREATE_NO_WINDOW, CREATE_SUSPENDED, GetProcessTimes, OpenProcess,
    PROCESS_ACCESS_RIGHTS, PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_SYNCHRONIZE,
    PROCESS_TERMINATE, TerminateProcess, WaitForSingleObject,
};

use super::super::dependents::GroupId;
use super::super::identity::Identity;
use super::super::marked::Marked;
use super::super::process::{Birth, Pid};
use super::{Demand, ProcessGroups};

/// Process groups as job objects.
pub(crate) struct Windows;

impl ProcessGroups for Windows {
    fn lead_group(command: &mut Command) {
        keep_standard_handles();
        // A console of its own, without a window: closing the user's must not end what outlives us. Not
        // a step before it is in its job, or what it starts would escape.
        command.creation_flags(CREATE_NEW_PROCESS_GROUP | CREATE_NO_WINDOW | CREATE_SUSPENDED);
    }

    fn become_other(_command: &mut Command, _identity: Identity) {
        // Refused where identities are resolved.
    }

    fn adopt(child: &Child) -> io::Result<()> {
        let Some(pid) = Pid::new(child.id()) else {
            return Ok(());
        };
        job::keep_together(pid, child)?;
        job::resume(pid)
    }

    #[expect(unsafe_code, reason = "process times have no safe interface in std")]
    fn birth(pid: Pid) -> Option<Birth> {
        let process = open(pid, PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_SYNCHRONIZE)?;
        let handle = process.as_raw_handle();
        let zero = FILETIME {
            dwLowDateTime: 0,
            dwHighDateTime: 0,
        };
        let (mut created, mut exited, mut kernel, mut user) = (zero, zero, zero, zero);
        // SAFETY: the handle is owned and open, the pointers are to locals of the right types.
        let (alive, known) = unsafe {
            let alive = WaitForSingleObject(handle, 0) == WAIT_TIMEOUT;
            let times = GetProcessTimes(
                handle,
                &raw mut created,
                &raw mut exited,
                &raw mut kernel,
                &raw mut user,
            );
            (alive, times != 0)
        };
        let time = (u64::from(created.dwHighDateTime) << 32) | u64::from(created.dwLowDateTime);
        (alive && known).then(|| Birth::new(time.to_string()))
    }

    fn has_descendants(pid: Pid, _group: &GroupId) -> bool {
        // What a process started ends with it, but not in the same instant.
        job::is_populated(pid)
    }

    fn find_launched(_pid_file: &Path) -> Option<Pid> {
        // Nobody tells the environment of another process; one that was not yet resumed never runs.
        None
    }

    fn marked(_pids: &Path) -> Option<Vec<Marked>> {
        None
    }

    fn demand(pid: Pid, demand: Demand) -> io::Result<()> {
        match demand {
            // Whoever cannot be asked would only be waited for before the same end.
            Demand::Terminate => console::send_break(pid).or_else(|_| kill(pid)),
            Demand::Kill => kill(pid),
        }
    }

    fn was_terminated(status: ExitStatus) -> bool {
        // STATUS_CONTROL_C_EXIT
        status.code() == Some(0xC000_013A_u32.cast_signed())
    }

    #[expect(unsafe_code, reason = "inheritance has no safe interface in std")]
    fn share(writer: &PipeWriter) -> io::Result<String> {
        // As on Unix, nothing else is spawned between this and the launch that it is for.
        let handle = writer.as_raw_handle();
        // SAFETY: the handle is borrowed from its owner, and open.
        check(unsafe { SetHandleInformation(handle, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT) })?;
        Ok(handle.addr().to_string())
    }

    fn interrupted() -> impl Future<Output = io::Result<()>> {
        let (interrupt, request) = (ctrl_c(), ctrl_break());
        // The window is closed, or the user logs off: the system waits some seconds for us.
        let (close, shutdown) = (ctrl_close(), ctrl_shutdown());
        async move {
            let (mut interrupt, mut request) = (interrupt?, request?);
            let (mut close, mut shutdown) = (close?, shutdown?);
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = request.recv() => {}
                _ = close.recv() => {}
                _ = shutdown.recv() => {}
            }
            Ok(())
        }
    }
}

/// Lets nobody inherit our standard handles but as its own: a process that outlives us would hold the
/// pipe of whoever reads our output, who then waits for the end of both.
#[expect(unsafe_code, reason = "inheritance has no safe interface in std")]
fn keep_standard_handles() {
    for number in [STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE] {
        // SAFETY: takes numbers; a handle that is none is refused, and inherited by nobody.
        unsafe {
            SetHandleInformation(GetStdHandle(number), HANDLE_FLAG_INHERIT, 0);
        }
    }
}

/// Ends the process and everything that it started.
#[expect(unsafe_code, reason = "std ends children only")]
fn kill(pid: Pid) -> io::Result<()> {
    if job::terminate(pid)? {
        return Ok(());
    }
    // Its job has a name in its own logon session only; the process ends everywhere, and its job with
    // it.
    let Some(process) = open(pid, PROCESS_TERMINATE) else {
        let error = io::Error::last_os_error();
        let gone = error.raw_os_error() == Some(ERROR_INVALID_PARAMETER.cast_signed());
        return if gone { Ok(()) } else { Err(error) };
    };
    // SAFETY: the handle is owned and open.
    check(unsafe { TerminateProcess(process.as_raw_handle(), 1) })
}

#[expect(unsafe_code, reason = "std knows children only")]
fn open(pid: Pid, access: PROCESS_ACCESS_RIGHTS) -> Option<OwnedHandle> {
    // SAFETY: takes numbers; a handle that is not null is ours.
    unsafe {
        let process = OpenProcess(access, 0, pid.as_u32());
        (!process.is_null()).then(|| OwnedHandle::from_raw_handle(process))
    }
}

fn check(success: i32) -> io::Result<()> {
    if success == 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
