//! Disks that take no more, or nothing at all. They are mounted for the test, which takes root on Linux:
//! `make test-rust` includes these tests where mounting works and lists them as skipped elsewhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use mesh_store::{Change, Store, StoreErrorKind};

use crate::fixture::{Home, agent};

/// A disk in memory; dropping it unmounts it.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(folder: PathBuf, size: &str) -> Self {
        fs::create_dir(&folder).expect("a folder to mount on");
        let options = format!("size={size}");
        assert!(
            mount(&["-t", "tmpfs", "-o", &options, "tmpfs"], &folder),
            "mounting a small disk takes root on Linux"
        );
        Self(folder)
    }

    fn make_read_only(&self) {
        assert!(mount(&["-o", "remount,ro"], &self.0));
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a worker thread of SQLite may still be closing its file.
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

fn mount(arguments: &[&str], folder: &Path) -> bool {
    Command::new("mount")
        .args(arguments)
        .arg(folder)
        .output()
        .is_ok_and(|output| output.status.success())
}

/// 20 agents of 4 kB in one transaction.
fn batch(round: usize) -> Vec<Change> {
    (0..20)
        .map(|n| {
            let mut row = agent(&format!("agent-{round}-{n}"));
            row.registration = format!("\"{}\"", "x".repeat(4096));
            Change::Put(row)
        })
        .collect()
}

async fn stored(store: &Store) -> usize {
    store
        .load_agents()
        .await
        .expect("the agents are loaded")
        .len()
}

#[tokio::test]
#[ignore = "mounts a disk, which takes root on Linux"]
async fn a_full_disk_loses_nothing_and_is_over_when_there_is_room() {
    let home = Home::new();
    let _disk = SmallDisk::mount(home.path("disk"), "2m");
    let ballast = home.path("disk/ballast");
    fs::write(&ballast, vec![0; 1024 * 1024]).unwrap();
    let store = home.open("disk/mesh.db").await;
    let mut written = 0;
    let error = loop {
        match store.apply(&batch(written)).await {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
    };
    insta::assert_snapshot!(home.told(&error), @r"
    failed to write changes in the database `[HOME]/disk/mesh.db`: the disk is full
    hint: free some space, or set `DATABASE_URL` to a file on another disk
    kind: Storage
    ");
    assert!(written > 0);
    assert_eq!(stored(&store).await, written * 20);
    assert_eq!(
        store.ping().await.unwrap_err().kind(),
        StoreErrorKind::Storage
    );

    fs::remove_file(ballast).unwrap();
    store.ping().await.unwrap();
    store.apply(&batch(written)).await.unwrap();
    store.close().await;
    let store = home.open("disk/mesh.db").await;
    assert_eq!(stored(&store).await, (written + 1) * 20);
    store.close().await;
}

#[tokio::test]
#[ignore = "mounts a disk, which takes root on Linux"]
async fn a_disk_that_is_full_from_the_start_is_refused() {
    let home = Home::new();
    let _disk = SmallDisk::mount(home.path("disk"), "64k");
    // Fills the disk to its last page.
    let _ = fs::write(home.path("disk/ballast"), vec![0; 1024 * 1024]);
    let error = home.try_open("disk/mesh.db").await.unwrap_err();
    insta::assert_snapshot!(home.told(&error), @r"
    failed to write the header in the database `[HOME]/disk/mesh.db`: the disk is full
    hint: free some space, or set `DATABASE_URL` to a file on another disk
    kind: Storage
    ");
}

#[tokio::test]
#[ignore = "mounts a disk, which takes root on Linux"]
async fn a_read_only_disk_is_refused() {
    let home = Home::new();
    let disk = SmallDisk::mount(home.path("disk"), "4m");
    home.open("disk/mesh.db").await.close().await;
    disk.make_read_only();
    let error = home.try_open("disk/mesh.db").await.unwrap_err();
    insta::assert_snapshot!(home.told(&error), @r"
    user [UID] cannot write the database `[HOME]/disk/mesh.db`: its file system is read-only
    hint: mount its folder for writing, or set `DATABASE_URL` to a file elsewhere
    kind: Storage
    ");
}

#[cfg(unix)]
#[tokio::test]
async fn a_read_only_file_is_refused() {
    use std::os::unix::fs::PermissionsExt;

    let home = Home::new();
    home.open("mesh.db").await.close().await;
    let path = home.path("mesh.db");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    // Permission bits do not bind root; the immutable flag does, where the file system has it.
    let binds = fs::OpenOptions::new().append(true).open(&path).is_err();
    if !binds && !immutable(&path, "+i") {
        eprintln!("skipped: root, on a file system without the immutable flag");
        return;
    }
    let outcome = home.try_open("mesh.db").await;
    immutable(&path, "-i");
    insta::assert_snapshot!(home.told(&outcome.unwrap_err()), @r"
    user [UID] has no permission to write the database `[HOME]/mesh.db`
    hint: give both to that user with `chown [UID] [HOME] [HOME]/mesh.db*`, or set `DATABASE_URL` to a file elsewhere
    kind: Storage
    ");
}

#[cfg(unix)]
fn immutable(path: &Path, flag: &str) -> bool {
    Command::new("chattr")
        .arg(flag)
        .arg(path)
        .output()
        .is_ok_and(|output| output.status.success())
}
