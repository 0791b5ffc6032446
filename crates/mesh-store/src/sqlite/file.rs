//! The database as a file: its folder, its permissions, who uses it, and moving it out of the way.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mesh_core::Timestamp;
use tokio::time::{Instant, sleep};

use super::failure::Place;
use super::platform::{private_file, private_folder, sync_names};
use super::user::User;
use crate::error::StoreError;

/// How often we look whether the other process has let go.
const LOCK_POLL: Duration = Duration::from_millis(25);

/// Makes sure that the folder stands and that no folder stands in the file's place. What is made is for
/// this user only: registrations may hold what is nobody else's business.
pub(super) fn prepare_folder(place: &Place) -> Result<(), StoreError> {
    let path = place.path();
    if path.is_dir() || path.file_name().is_none() {
        return Err(StoreError::Folder {
            path: path.to_owned(),
        });
    }
    let Some(folder) = path.parent().filter(|folder| !folder.is_dir()) else {
        return Ok(());
    };
    if let Some(file) = folder.ancestors().find(|above| above.is_file()) {
        return Err(StoreError::NotAFolder {
            path: file.to_owned(),
        });
    }
    private_folder()
        .recursive(true)
        .create(folder)
        .map_err(|source| match source.kind() {
            io::ErrorKind::PermissionDenied => StoreError::FolderDenied {
                folder: folder.to_owned(),
                user: User::of_process(),
            },
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::StorageFull => {
                place.failed_io("create the folder", source)
            }
            _ => Place::new(folder).failed_io("create the folder", source),
        })
}

/// Claims the database for this process, waiting up to `patience` for one that is shutting down.
///
/// Memory decides, so two registries on one file would each undo what the other wrote. The claim is a
/// lock on `<file>.lock`, which the system drops with the process; on the database itself it would get
/// in the way of SQLite's own locks. `None` where the file system has no locks.
pub(super) async fn claim(place: &Place, patience: Duration) -> Result<Option<File>, StoreError> {
    let failed = |source| place.failed_io("create the lock file", source);
    let file = open_private(&beside(place.path(), ".lock")).map_err(failed)?;
    let deadline = Instant::now() + patience;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => sleep(LOCK_POLL).await,
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::InUse {
                    path: place.path().to_owned(),
                });
            }
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                return Ok(None);
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
    }
}

/// Creates the file if it is missing and proves that it can be written: SQLite itself would silently
/// fall back to reading.
pub(super) fn prepare_file(place: &Place) -> Result<(), StoreError> {
    open_private(place.path())
        .map(drop)
        .map_err(|error| place.failed_io("create the file", error))
}

/// Renames the file, and what may be left of its log, to `<stem>.upstream-<time>.db` beside it.
pub(super) fn keep_aside(place: &Place, now: Timestamp) -> Result<PathBuf, StoreError> {
    let path = place.path();
    let target = name_aside(path, "upstream", now);
    for suffix in ["", "-wal", "-shm"] {
        let from = beside(path, suffix);
        if suffix.is_empty() || from.exists() {
            fs::rename(&from, beside(&target, suffix))
                .map_err(|source| place.failed_io("move the earlier database aside", source))?;
        }
    }
    Ok(target)
}

/// Gives the file a second name, `<stem>.replaced-<time>.db`, so that its place is never empty until
/// another takes it; what may be left of its log is only renamed, or the other would inherit it.
pub(super) fn link_aside(place: &Place, now: Timestamp) -> Result<PathBuf, StoreError> {
    let failed = |source| place.failed_io("keep the replaced database", source);
    let path = place.path();
    let target = name_aside(path, "replaced", now);
    // Not every file system has second names.
    if fs::hard_link(path, &target).is_err() {
        fs::rename(path, &target).map_err(failed)?;
    }
    for suffix in ["-wal", "-shm", "-journal"] {
        let from = beside(path, suffix);
        if from.exists() {
            fs::rename(&from, beside(&target, suffix)).map_err(failed)?;
        }
    }
    Ok(target)
}

/// A name beside `path` that nothing has yet.
fn name_aside(path: &Path, word: &str, now: Timestamp) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let time = Timestamp::from_seconds(now.as_seconds())
        .to_string()
        .replace(['-', ':'], "");
    let name = |suffix: &str| path.with_file_name(format!("{stem}.{word}-{time}{suffix}.db"));
    let mut target = name("");
    for number in 2.. {
        if !target.exists() {
            break;
        }
        target = name(&format!("-{number}"));
    }
    target
}

/// A file that becomes another when it is whole; dropping it earlier deletes it.
pub(super) struct Draft {
    target: PathBuf,
    path: PathBuf,
}

impl Draft {
    /// Creates an empty file beside `target`, for this user only.
    pub(super) fn create(target: &Path) -> io::Result<Self> {
        let path = beside(target, &format!(".{}.part", std::process::id()));
        // What a killed process of the same number left.
        remove(&path)?;
        open_private(&path)?;
        Ok(Self {
            target: target.to_owned(),
            path,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the contents durable and says how many bytes they are.
    pub(super) fn settle(&self) -> io::Result<u64> {
        let file = open_private(&self.path)?;
        file.sync_all()?;
        Ok(file.metadata()?.len())
    }

    /// Becomes the target unless there is one.
    pub(super) fn publish_new(self) -> io::Result<()> {
        match fs::hard_link(&self.path, &self.target) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
            Ok(()) => {}
            // Not every file system has second names.
            Err(_) if self.target.exists() => return Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => fs::rename(&self.path, &self.target)?,
        }
        sync_folder(&self.target)
    }

    /// Becomes the target, in one step, whatever is there.
    pub(super) fn replace(self) -> io::Result<()> {
        fs::rename(&self.path, &self.target)?;
        sync_folder(&self.target)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        for suffix in ["", "-journal"] {
            // Nothing is left to do about a file that cannot be deleted.
            let _ = remove(&beside(&self.path, suffix));
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes a new name in the folder of `path` durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    sync_names(folder)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// Opens for writing without touching what is there; a new file is this user's only.
fn open_private(path: &Path) -> io::Result<File> {
    private_file()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
}
