//! Windows: console events and handles.

use std::io;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::os::windows::process::CommandExt;
use std::process::Command;

use windows_sys::Win32::Foundation::WAIT_TIMEOUT;
use windows_sys::Win32::System::Console::{CTRL_BREAK_EVENT, GenerateConsoleCtrlEvent};
use windows_sys::Win32::System::Threading::{
    CREATE_NEW_PROCESS_GROUP, OpenProcess, PROCESS_ACCESS_RIGHTS, PROCESS_SYNCHRONIZE,
    PROCESS_TERMINATE, TerminateProcess, WaitForSingleObject,
};

/// What a program needs of the environment to run at all: sockets are found through `SystemRoot`.
pub(crate) const ESSENTIAL: &[&str] = &["PATH", "SYSTEMROOT", "TEMP", "TMP"];

/// Only the leader of a group can be asked without asking everybody at this console.
pub(crate) fn lead_group(command: &mut Command) {
    command.creation_flags(CREATE_NEW_PROCESS_GROUP);
}

/// Asks a process that leads a group to end.
#[expect(unsafe_code, reason = "console events have no safe interface in std")]
pub(crate) fn terminate(pid: u32) -> io::Result<()> {
    // SAFETY: takes two numbers.
    check(unsafe { GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, pid) })
}

/// Ends a process as a power cut would.
#[expect(unsafe_code, reason = "std ends children only")]
pub fn kill(pid: u32) -> io::Result<()> {
    let process = open(pid, PROCESS_TERMINATE).ok_or_else(io::Error::last_os_error)?;
    // SAFETY: the handle is owned and open.
    check(unsafe { TerminateProcess(process.as_raw_handle(), 1) })
}

/// Whether a process with that number runs.
#[must_use]
#[expect(unsafe_code, reason = "std knows children only")]
pub fn runs(pid: u32) -> bool {
    open(pid, PROCESS_SYNCHRONIZE).is_some_and(|process| {
        // SAFETY: the handle is owned and open.
        unsafe { WaitForSingleObject(process.as_raw_handle(), 0) == WAIT_TIMEOUT }
    })
}

#[expect(unsafe_code, reason = "std knows children only")]
fn open(pid: u32, access: PROCESS_ACCESS_RIGHTS) -> Option<OwnedHandle> {
    // SAFETY: takes numbers; a handle that is not null is ours.
    unsafe {
        let process = OpenProcess(access, 0, pid);
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
