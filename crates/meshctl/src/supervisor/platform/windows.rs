//! Windows: job objects.
//!
//! Each process lives in a named job. The process itself inherits a handle to it, so that the
//! name, which the system forgets with the last handle, lasts as long as the process does.

use std::io::{self, PipeWriter};
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::os::windows::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::ptr;

use windows_sys::Win32::Foundation::{
    DUPLICATE_SAME_ACCESS, DuplicateHandle, FILETIME, HANDLE, STILL_ACTIVE,
};
use windows_sys::Win32::System::Console::{CTRL_BREAK_EVENT, GenerateConsoleCtrlEvent};
use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, JOBOBJECT_BASIC_ACCOUNTING_INFORMATION,
    JobObjectBasicAccountingInformation, OpenJobObjectW, QueryInformationJobObject,
    TerminateJobObject,
};
use windows_sys::Win32::System::Threading::{
    CREATE_NEW_PROCESS_GROUP, GetCurrentProcess, GetExitCodeProcess, GetProcessTimes, OpenProcess,
    PROCESS_QUERY_LIMITED_INFORMATION,
};

use super::super::dependents::GroupId;
use super::super::process::{Birth, Pid};
use super::{Demand, ProcessGroups};

/// `JOB_OBJECT_ALL_ACCESS`.
const ALL_ACCESS: u32 = 0x001F_001F;

/// Process groups as job objects.
pub(crate) struct Windows;

impl ProcessGroups for Windows {
    fn lead_group(command: &mut Command) {
        command.creation_flags(CREATE_NEW_PROCESS_GROUP);
    }

    #[expect(unsafe_code, reason = "job objects have no safe interface in std")]
    fn adopt(child: &Child) -> io::Result<()> {
        let Some(pid) = Pid::new(child.id()) else {
            return Ok(());
        };
        let name = job_name(pid);
        // SAFETY: the name is NUL-terminated and outlives the call; both handles are open.
        unsafe {
            let job = CreateJobObjectW(ptr::null(), name.as_ptr());
            if job.is_null() {
                return Err(io::Error::last_os_error());
            }
            let job = OwnedHandle::from_raw_handle(job);
            let process = child.as_raw_handle();
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

    #[expect(unsafe_code, reason = "process times have no safe interface in std")]
    fn birth(pid: Pid) -> Option<Birth> {
        let zero = FILETIME {
            dwLowDateTime: 0,
            dwHighDateTime: 0,
        };
        let (mut created, mut exited, mut kernel, mut user) = (zero, zero, zero, zero);
        let mut code = 0;
        // SAFETY: the handle is owned and open, the pointers are to locals of the right types.
        unsafe {
            let process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, 0, pid.as_u32());
            if process.is_null() {
                return None;
            }
            let process = OwnedHandle::from_raw_handle(process);
            let handle = process.as_raw_handle();
            check(GetExitCodeProcess(handle, &raw mut code)).ok()?;
            check(GetProcessTimes(
                handle,
                &raw mut created,
                &raw mut exited,
                &raw mut kernel,
                &raw mut user,
            ))
            .ok()?;
        }
        let time = (u64::from(created.dwHighDateTime) << 32) | u64::from(created.dwLowDateTime);
        (code == STILL_ACTIVE as u32).then(|| Birth::new(time.to_string()))
    }

    #[expect(unsafe_code, reason = "job objects have no safe interface in std")]
    fn has_descendants(pid: Pid, _group: &GroupId) -> bool {
        let Some(job) = open_job(pid) else {
            return false;
        };
        // SAFETY: a structure of integers may be all zeros; its size is passed along.
        unsafe {
            let mut information: JOBOBJECT_BASIC_ACCOUNTING_INFORMATION = std::mem::zeroed();
            QueryInformationJobObject(
                job.as_raw_handle(),
                JobObjectBasicAccountingInformation,
                (&raw mut information).cast(),
                u32::try_from(size_of_val(&information)).unwrap_or(0),
                ptr::null_mut(),
            ) != 0
                && information.ActiveProcesses > 0
        }
    }

    #[expect(unsafe_code, reason = "job objects have no safe interface in std")]
    fn demand(pid: Pid, demand: Demand) -> io::Result<()> {
        match demand {
            Demand::Terminate => {
                // Reaches processes of this console only; whoever does not hear it is killed
                // when its time is over.
                // SAFETY: takes two numbers.
                unsafe { GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, pid.as_u32()) };
                Ok(())
            }
            Demand::Kill => match open_job(pid) {
                // SAFETY: the handle is owned and open.
                Some(job) => check(unsafe { TerminateJobObject(job.as_raw_handle(), 1) }),
                None => Ok(()),
            },
        }
    }

    fn was_terminated(status: ExitStatus) -> bool {
        // STATUS_CONTROL_C_EXIT
        status.code() == Some(0xC000_013A_u32.cast_signed())
    }

    fn share(_writer: &PipeWriter) -> io::Result<String> {
        // A handle's number means nothing to a C runtime; readiness is polled here instead.
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn interrupted() -> io::Result<()> {
        tokio::signal::ctrl_c().await
    }
}

#[expect(unsafe_code, reason = "job objects have no safe interface in std")]
fn open_job(pid: Pid) -> Option<OwnedHandle> {
    let name = job_name(pid);
    // SAFETY: the name is NUL-terminated and outlives the call; a handle that is not null is ours.
    unsafe {
        let job = OpenJobObjectW(ALL_ACCESS, 0, name.as_ptr());
        (!job.is_null()).then(|| OwnedHandle::from_raw_handle(job))
    }
}

fn job_name(pid: Pid) -> Vec<u16> {
    format!("Local\\mcp-mesh-{pid}\0").encode_utf16().collect()
}

fn check(success: i32) -> io::Result<()> {
    if success == 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
