//! Windows: the volume and the file's number on it.
//!
//! The time of creation would not do: a file that takes the name of one that was renamed a moment ago
//! is given its time, too.

use std::fs::File;
use std::io;
use std::os::windows::io::AsRawHandle;
use std::path::Path;

use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, GetFileInformationByHandle,
};

/// Equal for the same file only.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    volume: u32,
    index: (u32, u32),
}

/// The file that is called so now.
pub(crate) fn identity_at(path: &Path) -> io::Result<Identity> {
    identity_of(&File::open(path)?)
}

/// An open file, whatever it is called by now.
#[expect(
    unsafe_code,
    reason = "file numbers have no safe interface in stable std"
)]
pub(crate) fn identity_of(file: &File) -> io::Result<Identity> {
    // SAFETY: a structure of integers may be all zeros; the handle is borrowed from its owner, and open.
    unsafe {
        let mut information: BY_HANDLE_FILE_INFORMATION = std::mem::zeroed();
        if GetFileInformationByHandle(file.as_raw_handle(), &raw mut information) == 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Identity {
            volume: information.dwVolumeSerialNumber,
            index: (information.nFileIndexHigh, information.nFileIndexLow),
        })
    }
}
