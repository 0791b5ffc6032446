//! A process and everything that it starts, in one job object.
//!
//! The process itself holds the one handle that lasts. While it lives, its job can be opened by name;
//! when it ends, however it does, the system ends whatever is left in the job.

use std::io;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::process::Child;
use std::ptr;

use windows_sys::Win32::Foundation::{
    DUPLICATE_SAME_ACCESS, DuplicateHandle, ERROR_NO_MORE_FILES, HANDLE, INVALID_HANDLE_VALUE,
};
use windows_sys::Win32::System::Diagnostics::ToolHelp::{
    CreateToolhelp32Snapshot, TH32CS_SNAPTHREAD, THREADENTRY32, Thread32First, Thread32Next,
};
use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
    JOBOBJECT_BASIC_ACCOUNTING_INFORMATION, JOBOBJECT_EXTENDED_LIMIT_INFORMATION,
    JobObjectBasicAccountingInformation, JobObjectExtendedLimitInformation, OpenJobObjectW,
    QueryInformationJobObject, SetInformationJobObject, TerminateJobObject,
};
use windows_sys::Win32::System::SystemServices::{JOB_OBJECT_QUERY, JOB_OBJECT_TERMINATE};
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, OpenThread, ResumeThread, THREAD_SUSPEND_RESUME,
};

use super::super::super::process::Pid;
use super::check;

/// Puts `child`, which has not run yet, into a job of its own.
#[expect(unsafe_code, reason = "job objects have no safe interface in std")]
pub(super) fn keep_together(pid: Pid, child: &Child) -> io::Result<()> {
    let name = name(pid);
    let process = child.as_raw_handle();
    // SAFETY: the name is NUL-terminated and outlives the call, a structure of integers may be all
    // zeros and its size is passed along, the handles are open.
    unsafe {
        let job = CreateJobObjectW(ptr::null(), name.as_ptr());
        if job.is_null() {
            return Err(io::Error::last_os_error());
        }
        let job = OwnedHandle::from_raw_handle(job);
        let mut limits: JOBOBJECT_EXTENDED_LIMIT_INFORMATION = std::mem::zeroed();
        limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
        check(SetInformationJobObject(
            job.as_raw_handle(),
            JobObjectExtendedLimitInformation,
            (&raw const limits).cast(),
            size_of_u32(&limits),
        ))?;
        check(AssignProcessToJobObject(job.as_raw_handle(), process))?;
        let mut kept: HANDLE = ptr::null_mut();
        check(DuplicateHandle(
            GetCurrentProcess(),
            job.as_raw_handle(),
            process,
            &raw mut kept,
            0,
            0,
            DUPLICATE_SAME_ACCESS,
        ))
    }
}

/// Lets a process run that was created suspended: its one thread.
#[expect(unsafe_code, reason = "std keeps the thread's handle to itself")]
pub(super) fn resume(pid: Pid) -> io::Result<()> {
    // SAFETY: the handles are owned and open, the entry says its own size.
    unsafe {
        let snapshot = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
        if snapshot == INVALID_HANDLE_VALUE {
            return Err(io::Error::last_os_error());
        }
        let snapshot = OwnedHandle::from_raw_handle(snapshot);
        let mut entry: THREADENTRY32 = std::mem::zeroed();
        entry.dwSize = size_of_u32(&entry);
        let mut found = Thread32First(snapshot.as_raw_handle(), &raw mut entry);
        while found != 0 {
            if entry.th32OwnerProcessID == pid.as_u32() {
                let thread = OpenThread(THREAD_SUSPEND_RESUME, 0, entry.th32ThreadID);
                if thread.is_null() {
                    return Err(io::Error::last_os_error());
                }
                let thread = OwnedHandle::from_raw_handle(thread);
                return if ResumeThread(thread.as_raw_handle()) == u32::MAX {
                    Err(io::Error::last_os_error())
                } else {
                    Ok(())
                };
            }
            found = Thread32Next(snapshot.as_raw_handle(), &raw mut entry);
        }
    }
    Err(io::Error::from_raw_os_error(
        ERROR_NO_MORE_FILES.cast_signed(),
    ))
}

/// Whether processes live in the job of `pid`.
#[expect(unsafe_code, reason = "job objects have no safe interface in std")]
pub(super) fn is_populated(pid: Pid) -> bool {
    let Some(job) = open(pid) else {
        return false;
    };
    // SAFETY: a structure of integers may be all zeros; its size is passed along.
    unsafe {
        let mut information: JOBOBJECT_BASIC_ACCOUNTING_INFORMATION = std::mem::zeroed();
        QueryInformationJobObject(
            job.as_raw_handle(),
            JobObjectBasicAccountingInformation,
            (&raw mut information).cast(),
            size_of_u32(&information),
            ptr::null_mut(),
        ) != 0
            && information.ActiveProcesses > 0
    }
}

/// Ends all that is in the job of `pid`; whether there is one.
#[expect(unsafe_code, reason = "job objects have no safe interface in std")]
pub(super) fn terminate(pid: Pid) -> io::Result<bool> {
    let Some(job) = open(pid) else {
        return Ok(false);
    };
    // SAFETY: the handle is owned and open.
    check(unsafe { TerminateJobObject(job.as_raw_handle(), 1) })?;
    Ok(true)
}

#[expect(unsafe_code, reason = "job objects have no safe interface in std")]
fn open(pid: Pid) -> Option<OwnedHandle> {
    let name = name(pid);
    // SAFETY: the name is NUL-terminated and outlives the call; a handle that is not null is ours.
    unsafe {
        let job = OpenJobObjectW(JOB_OBJECT_QUERY | JOB_OBJECT_TERMINATE, 0, name.as_ptr());
        (!job.is_null()).then(|| OwnedHandle::from_raw_handle(job))
    }
}

fn name(pid: Pid) -> Vec<u16> {
    format!("Local\\mcp-mesh-{pid}\0").encode_utf16().collect()
}

fn size_of_u32<T>(value: &T) -> u32 {
    u32::try_from(size_of_val(value)).expect("these structures have some dozens of bytes")
}
