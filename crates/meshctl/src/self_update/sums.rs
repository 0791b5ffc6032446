//! `SHA256SUMS`: what every file of a release must hash to.

use std::fs::File;
use std::io;
use std::path::Path;

use sha2::{Digest, Sha256};

/// The hash of `name` in a list of `HASH *NAME` lines, in lower case.
pub(super) fn listed(sums: &str, name: &str) -> Option<String> {
    sums.lines().find_map(|line| {
        let (hash, file) = line.split_once(' ')?;
        // One more character says how the file was read: `*` or a space.
        let file = file.strip_prefix(['*', ' '])?;
        let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        (file == name && is_hash).then(|| hash.to_ascii_lowercase())
    })
}

/// The hash of a file, in lower case.
pub(super) fn of_file(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    io::copy(&mut File::open(path)?, &mut hash)?;
    Ok(format!("{:x}", hash.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_must_match_wholly() {
        let hash = "a".repeat(64);
        let sums = format!(
            "{hash} *one.tar.gz.sha256\n{}  one.tar.gz\nshort *two\n",
            "B".repeat(64)
        );
        assert_eq!(listed(&sums, "one.tar.gz"), Some("b".repeat(64)));
        assert_eq!(listed(&sums, "one.tar"), None);
        assert_eq!(listed(&sums, "two"), None);
        assert_eq!(listed("<html>", "two"), None);
    }

    #[test]
    fn a_file_has_the_hash_that_everybody_computes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        assert_eq!(
            of_file(&path).unwrap(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
