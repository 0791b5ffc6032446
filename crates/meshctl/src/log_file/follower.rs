//! What is appended to a log, across its rotations.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use super::{GENERATIONS, platform};

/// Reads what is appended to a log, and goes on with its successors after rotations.
#[derive(Debug)]
pub(crate) struct Follower {
    path: PathBuf,
    file: Option<File>,
}

impl Follower {
    /// Follows `path` from its beginning; the file may appear later.
    pub(crate) fn from_start(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            file: None,
        }
    }

    /// Follows `path`, of which `file` was read so far.
    pub(crate) fn resuming(path: &Path, file: File) -> Self {
        Self {
            path: path.to_owned(),
            file: Some(file),
        }
    }

    /// Whatever was written since the last call.
    pub(crate) fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut new = Vec::new();
        if let Some(file) = &mut self.file {
            if file.metadata()?.len() < file.stream_position()? {
                // Somebody emptied it.
                file.rewind()?;
            }
            file.read_to_end(&mut new)?;
        }
        if self.was_replaced()? {
            if let Some(file) = &mut self.file {
                // Written before the rotation, and after the look above.
                file.read_to_end(&mut new)?;
            }
            let mut successors = self.successors()?;
            for file in &mut successors {
                file.read_to_end(&mut new)?;
            }
            self.file = successors.pop();
        }
        Ok(new)
    }

    fn was_replaced(&self) -> io::Result<bool> {
        let now = match platform::identity_at(&self.path) {
            Ok(identity) => identity,
            // Between two generations there may be none.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        match &self.file {
            None => Ok(true),
            Some(file) => Ok(platform::identity_of(file)? != now),
        }
    }

    /// The logs after the one that was followed, the oldest first: more than one if the program was
    /// restarted again before anybody looked.
    fn successors(&self) -> io::Result<Vec<File>> {
        let mut successors = vec![File::open(&self.path)?];
        let Some(followed) = &self.file else {
            return Ok(successors);
        };
        let followed = platform::identity_of(followed)?;
        for generation in 1..=GENERATIONS {
            let path = self.path.with_extension(format!("{generation}.log"));
            let file = match File::open(path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                Err(error) => return Err(error),
            };
            if platform::identity_of(&file)? == followed {
                successors.reverse();
                return Ok(successors);
            }
            successors.push(file);
        }
        // It is not there any more, so nobody knows what came next: only the current one is sure.
        successors.truncate(1);
        Ok(successors)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{SeekFrom, Write};

    use super::super::{rotate, tests::home};
    use super::*;

    fn from_end(path: &Path) -> Follower {
        let mut file = File::open(path).unwrap();
        file.seek(SeekFrom::End(0)).unwrap();
        Follower::resuming(path, file)
    }

    #[test]
    fn following_survives_rotations_however_many() {
        let (_folder, home) = home();
        let (path, mut first) = rotate(&home, "a").unwrap();
        let mut follower = from_end(&path);
        first.write_all(b"one\n").unwrap();
        assert_eq!(follower.read().unwrap(), b"one\n");
        first.write_all(b"two\n").unwrap();
        let (_, mut second) = rotate(&home, "a").unwrap();
        second.write_all(b"three\n").unwrap();
        let (_, mut third) = rotate(&home, "a").unwrap();
        third.write_all(b"four\n").unwrap();
        assert_eq!(follower.read().unwrap(), b"two\nthree\nfour\n");
        assert_eq!(follower.read().unwrap(), b"");
    }

    #[test]
    fn a_log_that_was_emptied_is_followed_from_its_start() {
        let (_folder, home) = home();
        let path = home.log("a");
        fs::write(&path, "one two three\n").unwrap();
        let mut follower = from_end(&path);
        fs::write(&path, "four\n").unwrap();
        assert_eq!(follower.read().unwrap(), b"four\n");
    }
}
