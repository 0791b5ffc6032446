//! Files get written as a whole or not at all.
//!
//! Everything is written beside its place first; only then is it moved there, and what was there
//! before is kept until all is in place.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::tree::Tree;
use crate::error::{CliError, Kind, unnamed};
use crate::platform;

/// What becomes of files that are there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overwriting {
    /// They stay, and nothing is written.
    Refused,
    /// They are replaced.
    Allowed,
}

/// What an agent is known by, in the order in which a message names one.
const ENTRIES: [&str; 3] = ["main.py", "src/index.ts", "pom.xml"];

/// Writes `tree` below `folder`, which need not exist. Either all files are new afterwards, or
/// everything is as it was.
pub(crate) fn write(tree: &Tree, folder: &Path, overwriting: Overwriting) -> Result<(), CliError> {
    if overwriting == Overwriting::Refused {
        refuse_existing(tree, folder)?;
    }
    if tree.files().next().is_none() {
        return Ok(());
    }
    // In the folder itself where it is there: nobody may have a right to more.
    let parent = match folder.parent() {
        _ if folder.is_dir() => folder,
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let made = Made::folders(parent)?;
    let workshop = tempfile::Builder::new()
        .prefix(".meshctl-")
        .tempdir_in(parent)
        .map_err(|error| failure("make a folder in", parent, unnamed(error)))?;
    let staged = workshop.path().join("new");
    stage(tree, &staged)?;
    if fs::symlink_metadata(folder).is_ok() {
        exchange(tree, &staged, folder, &workshop)?;
    } else {
        fs::rename(&staged, folder).map_err(|error| failure("create", folder, error))?;
    }
    made.keep();
    Ok(())
}

fn refuse_existing(tree: &Tree, folder: &Path) -> Result<(), CliError> {
    let mut there: Vec<_> = tree
        .files()
        .map(|(path, _)| path)
        .filter(|path| fs::symlink_metadata(folder.join(path)).is_ok())
        .collect();
    there.sort_by_key(|path| !ENTRIES.contains(path));
    let shown = folder.display();
    match there.as_slice() {
        [] if folder.is_dir() || fs::symlink_metadata(folder).is_err() => Ok(()),
        [] => Err(
            CliError::new(format!("`{shown}` is there and is no folder"))
                .hint("choose another name, or another folder with `--output`"),
        ),
        [first, rest @ ..] => {
            let more = match rest.len() {
                0 => String::new(),
                1 => " and another file".to_owned(),
                more => format!(" and {more} other files"),
            };
            Err(CliError::new(format!(
                "`{shown}` has `{first}`{more} already; nothing was written"
            ))
            .of_kind(Kind::Conflict)
            .hint("choose another name or `--output`, or replace the files with `--force`"))
        }
    }
}

/// Writes all files into a new folder.
fn stage(tree: &Tree, staged: &Path) -> Result<(), CliError> {
    // Not the temporary folder itself, which is its owner's alone.
    fs::create_dir(staged).map_err(|error| failure("create", staged, error))?;
    for (name, text) in tree.files() {
        let path = staged.join(name);
        let parent = path.parent().unwrap_or(staged);
        fs::create_dir_all(parent).map_err(|error| failure("create", parent, error))?;
        let written = if tree.is_private(name) {
            platform::write_private(&path, text)
        } else {
            fs::write(&path, text)
        };
        written.map_err(|error| failure("write", &path, error))?;
    }
    Ok(())
}

/// Moves all files into `folder`, and back again if one of them does not go.
fn exchange(tree: &Tree, staged: &Path, folder: &Path, workshop: &TempDir) -> Result<(), CliError> {
    let kept = workshop.path().join("old");
    let mut done: Vec<(PathBuf, Option<PathBuf>)> = Vec::new();
    let result = tree.files().enumerate().try_for_each(|(at, (path, _))| {
        let target = folder.join(path);
        let parent = target.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(|error| failure("create", parent, error))?;
        if target.is_dir() {
            let error = io::Error::from(io::ErrorKind::IsADirectory);
            return Err(failure("replace", &target, error));
        }
        let old = if fs::symlink_metadata(&target).is_ok() {
            fs::create_dir_all(&kept).map_err(|error| failure("create", &kept, error))?;
            let old = kept.join(at.to_string());
            fs::rename(&target, &old).map_err(|error| failure("replace", &target, error))?;
            Some(old)
        } else {
            None
        };
        done.push((target.clone(), old));
        fs::rename(staged.join(path), &target).map_err(|error| failure("write", &target, error))
    });
    if result.is_err() {
        for (target, old) in done.iter().rev() {
            // It may not have got there, and there is no second cure.
            let _ = fs::remove_file(target);
            if let Some(old) = old {
                let _ = fs::rename(old, target);
            }
        }
    }
    result
}

fn failure(verb: &str, path: &Path, error: io::Error) -> CliError {
    let hint = match error.kind() {
        io::ErrorKind::PermissionDenied => Some("choose a folder of yours with `--output`"),
        io::ErrorKind::StorageFull => Some("make room on the disk"),
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            Some("part of that path is a file")
        }
        _ => None,
    };
    let failure = CliError::new(format!("cannot {verb} `{}`", path.display())).because(error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// Folders that were made on the way, and that go again if nothing comes into them.
struct Made(Vec<PathBuf>);

impl Made {
    fn folders(folder: &Path) -> Result<Self, CliError> {
        let missing: Vec<PathBuf> = folder
            .ancestors()
            .take_while(|path| !path.as_os_str().is_empty() && !path.exists())
            .map(Path::to_owned)
            .collect();
        let made = Self(missing);
        fs::create_dir_all(folder).map_err(|error| failure("create", folder, error))?;
        Ok(made)
    }

    fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for folder in &self.0 {
            // One that somebody has put something into stays.
            let _ = fs::remove_dir(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        let mut tree = Tree::default();
        tree.add("a.txt", "new a");
        tree.add("deep/b.txt", "new b");
        tree
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn folders_are_made_on_the_way() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("x/y/agent");
        write(&tree(), &folder, Overwriting::Refused).unwrap();
        assert_eq!(
            fs::read_to_string(folder.join("deep/b.txt")).unwrap(),
            "new b"
        );
        assert_eq!(names(&home.path().join("x/y")), ["agent"]);
    }

    #[test]
    fn what_is_there_is_kept_unless_it_may_be_replaced() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("agent");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("a.txt"), "old").unwrap();
        fs::write(folder.join("mine.txt"), "mine").unwrap();
        let error = write(&tree(), &folder, Overwriting::Refused).unwrap_err();
        assert!(error.to_string().contains("has `a.txt` already"), "{error}");
        assert_eq!(names(&folder), ["a.txt", "mine.txt"]);
        write(&tree(), &folder, Overwriting::Allowed).unwrap();
        assert_eq!(fs::read_to_string(folder.join("a.txt")).unwrap(), "new a");
        assert_eq!(names(&folder), ["a.txt", "deep", "mine.txt"]);
        assert_eq!(names(home.path()), ["agent"]);
    }

    #[test]
    fn a_file_that_does_not_go_takes_the_others_back() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("agent");
        fs::create_dir_all(folder.join("deep/b.txt")).unwrap();
        fs::write(folder.join("a.txt"), "old").unwrap();
        write(&tree(), &folder, Overwriting::Allowed).unwrap_err();
        assert_eq!(fs::read_to_string(folder.join("a.txt")).unwrap(), "old");
        assert_eq!(names(home.path()), ["agent"]);
    }

    #[test]
    fn nothing_stays_of_what_could_not_begin() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("file"), "").unwrap();
        let folder = home.path().join("file/agent");
        write(&tree(), &folder, Overwriting::Refused).unwrap_err();
        assert_eq!(names(home.path()), ["file"]);
    }
}
