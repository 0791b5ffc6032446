//! Log files: four earlier generations, the last lines, and following one across its rotation.

mod follower;
mod lines;
mod platform;

pub(crate) use follower::Follower;
pub(crate) use lines::{Lines, Window, Written, last_change};

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use mesh_core::Timestamp;

use crate::error::CliError;
use crate::home::Home;

/// How many earlier logs are kept.
pub(crate) const GENERATIONS: u8 = 4;
/// How much of a log's end is read to find its last lines.
const TAIL_BYTES: u64 = 1024 * 1024;

/// Moves the logs of `name` one generation back and opens a fresh one.
pub(crate) fn rotate(home: &Home, name: &str) -> Result<(PathBuf, File), CliError> {
    let current = home.log(name);
    let problem = |error| {
        CliError::new(format!("cannot write the log `{}`", current.display())).because(error)
    };
    for generation in (0..GENERATIONS).rev() {
        let older = home.previous_log(name, generation + 1);
        let newer = match generation {
            0 => current.clone(),
            _ => home.previous_log(name, generation),
        };
        match fs::rename(&newer, &older) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(problem(error)),
            _ => {}
        }
    }
    // Appending, so that several writers never overwrite each other.
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&current)
        .map_err(problem)?;
    Ok((current, file))
}

/// The last `count` lines of the file, or all of it; at most the last MiB is searched for them. The
/// file was read to its end then.
pub(crate) fn last_lines(file: &mut File, count: Option<usize>) -> io::Result<Vec<u8>> {
    let Some(count) = count else {
        let mut all = Vec::new();
        file.read_to_end(&mut all)?;
        return Ok(all);
    };
    let length = file.metadata()?.len();
    let start = length.saturating_sub(TAIL_BYTES.max(count as u64 * 512));
    file.seek(SeekFrom::Start(start))?;
    let mut reader = BufReader::new(file);
    if start > 0 {
        // The first line is cut; leave it out.
        reader.skip_until(b'\n')?;
    }
    let mut lines = VecDeque::with_capacity(count.min(4096));
    loop {
        let mut line = Vec::new();
        if reader.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if lines.len() == count {
            lines.pop_front();
        }
        if count > 0 {
            lines.push_back(line);
        }
    }
    Ok(lines.into_iter().flatten().collect())
}

/// The current log and, newest first, those before it that were written to since `since`. Each file is
/// there once, even when the logs are rotated meanwhile.
pub(crate) fn generations(current: &Path, since: Timestamp) -> io::Result<Vec<File>> {
    let mut files = vec![File::open(current)?];
    let mut known = vec![platform::identity_of(&files[0])?];
    for generation in 1..=GENERATIONS {
        let file = match File::open(current.with_extension(format!("{generation}.log"))) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(error) => return Err(error),
        };
        if last_change(&file)? < since {
            break;
        }
        let identity = platform::identity_of(&file)?;
        if !known.contains(&identity) {
            known.push(identity);
            files.push(file);
        }
    }
    Ok(files)
}

/// The end of a log, as text; empty if it cannot be read.
pub(crate) fn tail(path: &Path, lines: usize) -> String {
    let end = File::open(path).and_then(|mut file| last_lines(&mut file, Some(lines)));
    String::from_utf8_lossy(&end.unwrap_or_default()).into_owned()
}

/// The end of a log, for the report of a process that failed.
pub(crate) fn excerpt(path: &Path, lines: usize) -> Vec<String> {
    let end = tail(path, lines);
    end.lines().map(|line| format!("  | {line}")).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;

    use mesh_core::env::EnvVars;

    use super::*;

    pub(crate) fn home() -> (tempfile::TempDir, Home) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_str().unwrap();
        let environment = [(EnvVars::MCP_MESH_HOME, root)].into_iter().collect();
        let home = Home::resolve(&environment).unwrap();
        home.create().unwrap();
        (folder, home)
    }

    #[test]
    fn four_earlier_logs_are_kept() {
        let (_folder, home) = home();
        for start in 0..7 {
            let (_, mut file) = rotate(&home, "a").unwrap();
            write!(file, "start {start}").unwrap();
        }
        let text = |path| fs::read_to_string(path).unwrap();
        assert_eq!(text(home.log("a")), "start 6");
        assert_eq!(text(home.previous_log("a", 1)), "start 5");
        assert_eq!(text(home.previous_log("a", 4)), "start 2");
        assert!(!home.previous_log("a", 5).exists());
    }

    #[test]
    fn the_last_lines_are_whole() {
        let (_folder, home) = home();
        let path = home.log("a");
        fs::write(&path, "one\ntwo\nthree").unwrap();
        let last = |count| {
            let mut file = File::open(&path).unwrap();
            String::from_utf8(last_lines(&mut file, count).unwrap()).unwrap()
        };
        assert_eq!(last(Some(2)), "two\nthree");
        assert_eq!(last(Some(9)), "one\ntwo\nthree");
        assert_eq!(last(Some(0)), "");
        assert_eq!(last(None), "one\ntwo\nthree");
    }
}
