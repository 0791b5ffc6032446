//! Asking a process to end: Ctrl-Break, which reaches only the processes of one's own console.
//!
//! What meshctl starts has a console of its own, so we go there for a moment. The console belongs to
//! the whole process; only one thread stops processes, and nothing is printed meanwhile.

use std::io;
use std::ptr;

use windows_sys::Win32::Foundation::{GENERIC_READ, GENERIC_WRITE, HANDLE, INVALID_HANDLE_VALUE};
use windows_sys::Win32::Storage::FileSystem::{
    CreateFileW, FILE_SHARE_READ, FILE_SHARE_WRITE, OPEN_EXISTING,
};
use windows_sys::Win32::System::Console::{
    AttachConsole, CTRL_BREAK_EVENT, FreeConsole, GenerateConsoleCtrlEvent, GetConsoleMode,
    GetConsoleProcessList, GetStdHandle, STD_ERROR_HANDLE, STD_HANDLE, STD_INPUT_HANDLE,
    STD_OUTPUT_HANDLE, SetStdHandle,
};

use super::super::super::process::Pid;
use super::check;

/// Sends Ctrl-Break to the group that `pid` leads.
pub(super) fn send_break(pid: Pid) -> io::Result<()> {
    let neighbours = neighbours();
    if neighbours.contains(&pid.as_u32()) {
        return break_here(pid);
    }
    let _visit = Visit::to(pid, &neighbours)?;
    break_here(pid)
}

#[expect(unsafe_code, reason = "console events have no safe interface in std")]
fn break_here(pid: Pid) -> io::Result<()> {
    // SAFETY: takes two numbers.
    check(unsafe { GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, pid.as_u32()) })
}

/// The processes of our console; none if we have none.
#[expect(unsafe_code, reason = "consoles have no safe interface in std")]
fn neighbours() -> Vec<u32> {
    let mut pids = vec![0; 16];
    loop {
        let room = u32::try_from(pids.len()).unwrap_or(u32::MAX);
        // SAFETY: the list is as long as the call is told.
        let count = unsafe { GetConsoleProcessList(pids.as_mut_ptr(), room) } as usize;
        if count <= pids.len() {
            pids.truncate(count);
            return pids;
        }
        pids.resize(count, 0);
    }
}

/// While it lives, we are at the console of another process.
struct Visit {
    /// Somebody at our own console, through whom we come back to it.
    host: Option<u32>,
    handles: [StandardHandle; 3],
}

impl Visit {
    #[expect(unsafe_code, reason = "consoles have no safe interface in std")]
    fn to(pid: Pid, neighbours: &[u32]) -> io::Result<Self> {
        let own = std::process::id();
        let host = neighbours.iter().copied().find(|other| *other != own);
        let handles =
            [STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE].map(StandardHandle::of);
        if host.is_none() && handles.iter().any(|handle| handle.is_console) {
            // The console would close behind us, and with it what the user reads.
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        let visit = Self { host, handles };
        // SAFETY: takes a number; fails if we have no console to leave, which is as good.
        unsafe {
            FreeConsole();
            check(AttachConsole(pid.as_u32()))?;
        }
        Ok(visit)
    }
}

impl Drop for Visit {
    #[expect(unsafe_code, reason = "consoles have no safe interface in std")]
    fn drop(&mut self) {
        // SAFETY: takes a number. If the way back is gone, so is everybody who could read.
        unsafe {
            FreeConsole();
            if let Some(host) = self.host {
                AttachConsole(host);
            }
        }
        for handle in &self.handles {
            handle.restore();
        }
    }
}

/// Where standard input or output went before the visit.
struct StandardHandle {
    number: STD_HANDLE,
    handle: HANDLE,
    is_console: bool,
}

impl StandardHandle {
    #[expect(unsafe_code, reason = "standard handles have no safe interface in std")]
    fn of(number: STD_HANDLE) -> Self {
        let mut mode = 0;
        // SAFETY: the pointer is to a local of the right type; a handle that is none is refused.
        unsafe {
            let handle = GetStdHandle(number);
            let is_console = GetConsoleMode(handle, &raw mut mode) != 0;
            Self {
                number,
                handle,
                is_console,
            }
        }
    }

    /// A handle of a console is worth nothing once we left it; any other stays, though attaching may
    /// have replaced it.
    #[expect(unsafe_code, reason = "standard handles have no safe interface in std")]
    fn restore(&self) {
        // SAFETY: the name is NUL-terminated and outlives the call; the handle stays open for good.
        unsafe {
            let handle = if self.is_console {
                let name = if self.number == STD_INPUT_HANDLE {
                    "CONIN$\0"
                } else {
                    "CONOUT$\0"
                };
                let name: Vec<u16> = name.encode_utf16().collect();
                CreateFileW(
                    name.as_ptr(),
                    GENERIC_READ | GENERIC_WRITE,
                    FILE_SHARE_READ | FILE_SHARE_WRITE,
                    ptr::null(),
                    OPEN_EXISTING,
                    0,
                    ptr::null_mut(),
                )
            } else {
                self.handle
            };
            if handle != INVALID_HANDLE_VALUE {
                SetStdHandle(self.number, handle);
            }
        }
    }
}
