//! What systems tell of files and ports, each as far as it does.

#[cfg(target_os = "linux")]
mod port_owner;

use std::fs;
use std::path::Path;

/// Whether this user can make files in `folder`.
#[cfg(unix)]
pub(super) fn is_writable(folder: &Path) -> bool {
    use rustix::fs::{Access, access};

    access(folder, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

/// Whether nothing forbids to make files in `folder`.
#[cfg(not(unix))]
pub(super) fn is_writable(folder: &Path) -> bool {
    fs::metadata(folder).is_ok_and(|data| !data.permissions().readonly())
}

/// Whether every user of this machine may write to `folder`.
#[cfg(unix)]
pub(super) fn is_open_to_all(folder: &Path) -> bool {
    mode(folder).is_some_and(|mode| mode & 0o002 != 0)
}

/// Lists of access are not looked into.
#[cfg(not(unix))]
pub(super) fn is_open_to_all(_folder: &Path) -> bool {
    false
}

/// Whether others than its owner may read `file`.
#[cfg(unix)]
pub(super) fn is_readable_by_others(file: &Path) -> bool {
    mode(file).is_some_and(|mode| mode & 0o077 != 0)
}

/// As above.
#[cfg(not(unix))]
pub(super) fn is_readable_by_others(_file: &Path) -> bool {
    false
}

#[cfg(unix)]
fn mode(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;

    Some(fs::metadata(path).ok()?.permissions().mode())
}

/// How many bytes this user can write where `folder` is.
#[cfg(unix)]
pub(super) fn free_space(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Nobody is asked.
#[cfg(not(unix))]
pub(super) fn free_space(_folder: &Path) -> Option<u64> {
    None
}

/// Which process listens at `port`, and its command line.
#[cfg(target_os = "linux")]
pub(super) fn port_owner(port: u16) -> Option<String> {
    port_owner::of(port)
}

/// Nobody is asked.
#[cfg(not(target_os = "linux"))]
pub(super) fn port_owner(_port: u16) -> Option<String> {
    None
}
