//! The old programs, for the case that the new ones do not work.

use std::path::{Path, PathBuf};
use std::{fs, io};

use super::receipt::Receipt;
use super::{UpdateError, platform};

/// A folder beside the programs, so that putting them back is renaming. A fixed name: what an update
/// that was killed left there is found, and removed by the next one.
const FOLDER: &str = ".mcp-mesh-previous";

/// What an installation consisted of before it was replaced.
pub(super) struct Kept {
    folder: PathBuf,
    aside: PathBuf,
    programs: Vec<Program>,
    receipt: (PathBuf, Vec<u8>),
}

struct Program {
    name: String,
    /// There may be none under that name: the user deleted it.
    existed: bool,
}

impl Kept {
    /// Keeps the programs in `folder` that `receipt` lists, and the receipt itself.
    pub(super) fn keep(folder: &Path, receipt: &Receipt) -> Result<Self, UpdateError> {
        let not_kept = |file: &Path, source| UpdateError::NotKept {
            file: file.to_owned(),
            source,
        };
        let text = fs::read(&receipt.path).map_err(|error| not_kept(&receipt.path, error))?;
        let mut this = Self {
            folder: folder.to_owned(),
            aside: folder.join(FOLDER),
            programs: Vec::new(),
            receipt: (receipt.path.clone(), text),
        };
        this.discard();
        fs::create_dir(&this.aside).map_err(|error| not_kept(&this.aside, error))?;
        for name in &receipt.binaries {
            let (file, kept) = (this.folder.join(name), this.aside.join(name));
            let existed = match platform::set_aside(&file, &kept) {
                Ok(()) => true,
                Err(error) if error.kind() == io::ErrorKind::NotFound => false,
                Err(error) => {
                    this.restore()?;
                    return Err(not_kept(&file, error));
                }
            };
            this.programs.push(Program {
                name: name.clone(),
                existed,
            });
        }
        Ok(this)
    }

    /// Puts everything back as it was.
    pub(super) fn restore(&self) -> Result<(), UpdateError> {
        for Program { name, existed } in &self.programs {
            let (file, kept) = (self.folder.join(name), self.aside.join(name));
            let result = if *existed {
                platform::put_back(&kept, &file)
            } else {
                match fs::remove_file(&file) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                    result => result,
                }
            };
            result.map_err(|source| UpdateError::NotRestored { file, kept, source })?;
        }
        let (path, text) = &self.receipt;
        // On a full disk nothing can be written, and nothing was: do not make it worse.
        if fs::read(path).ok().as_ref() != Some(text) {
            fs::write(path, text).map_err(|source| UpdateError::NotRestored {
                file: path.clone(),
                kept: self.aside.clone(),
                source,
            })?;
        }
        self.discard();
        Ok(())
    }

    /// Forgets the old programs.
    pub(super) fn discard(&self) {
        // Windows keeps the program that runs until it ends; the next update removes it.
        let _ = fs::remove_dir_all(&self.aside);
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn installation() -> (tempfile::TempDir, Receipt) {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("meshctl"), "old").unwrap();
        fs::write(home.path().join("receipt.json"), "{}").unwrap();
        let receipt = Receipt {
            path: home.path().join("receipt.json"),
            prefix: home.path().to_owned(),
            binaries: vec!["meshctl".to_owned(), "mcp-mesh-registry".to_owned()],
        };
        (home, receipt)
    }

    fn files(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn everything_is_put_back() {
        let (home, receipt) = installation();
        let home = home.path();
        let kept = Kept::keep(home, &receipt).unwrap();
        // As installers do it, and once as they must not.
        fs::write(home.join("new"), "new").unwrap();
        fs::rename(home.join("new"), home.join("meshctl")).unwrap();
        fs::write(home.join("mcp-mesh-registry"), "new").unwrap();
        fs::write(home.join("receipt.json"), "").unwrap();
        kept.restore().unwrap();
        assert_eq!(fs::read_to_string(home.join("meshctl")).unwrap(), "old");
        assert_eq!(fs::read_to_string(home.join("receipt.json")).unwrap(), "{}");
        assert_eq!(files(home), ["meshctl", "receipt.json"]);
    }

    #[test]
    fn what_a_killed_update_left_is_replaced() {
        let (home, receipt) = installation();
        let home = home.path();
        fs::create_dir(home.join(FOLDER)).unwrap();
        fs::write(home.join(FOLDER).join("meshctl"), "older").unwrap();
        let kept = Kept::keep(home, &receipt).unwrap();
        assert_eq!(
            fs::read_to_string(home.join(FOLDER).join("meshctl")).unwrap(),
            "old"
        );
        kept.discard();
        assert_eq!(files(home), ["meshctl", "receipt.json"]);
    }
}
