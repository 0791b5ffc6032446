//! `SHA256SUMS`: the hash of every file of a release, which is what its signature signs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

/// File name → SHA-256 in lower-case hexadecimal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Checksums(BTreeMap<String, String>);

impl Checksums {
    /// The file that holds them in a release.
    pub(crate) const FILE: &str = "SHA256SUMS";
    /// The signature of [`Self::FILE`].
    pub(crate) const SIGNATURE: &str = "SHA256SUMS.minisig";

    /// Hashes every file of a flat folder, but for the sums themselves and their signature.
    pub(crate) fn of_folder(folder: &Path) -> anyhow::Result<Self> {
        let unreadable = || format!("failed to read `{}`", folder.display());
        let mut sums = BTreeMap::new();
        for entry in fs::read_dir(folder).with_context(unreadable)? {
            let path = entry.with_context(unreadable)?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let Some(name) = name.filter(|_| path.is_file()) else {
                bail!(
                    "`{}` is no file with a plain name; a release is a flat folder of files",
                    path.display()
                );
            };
            if ![Self::FILE, Self::SIGNATURE].contains(&name) {
                sums.insert(name.to_owned(), sha256_of_file(&path)?);
            }
        }
        Ok(Self(sums))
    }

    /// Reads what `sha256sum --binary` writes, and the same with two spaces.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let mut sums = BTreeMap::new();
        for line in text.lines() {
            let Some((hash, name)) = parse_line(line) else {
                bail!(
                    "`{line}` is no line of checksums; expected `<64 hexadecimal digits> *<file name>`"
                );
            };
            if sums.insert(name.to_owned(), hash.to_owned()).is_some() {
                bail!("`{name}` is listed twice among the checksums");
            }
        }
        Ok(Self(sums))
    }

    /// Reads the sums that lie in `folder`.
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(Self::FILE);
        let text = fs::read_to_string(&path)
            .with_context(|| format!("failed to read `{}`", path.display()))?;
        Self::parse(&text).with_context(|| format!("failed to understand `{}`", path.display()))
    }

    /// Those of `names`, all of which must be known.
    pub(crate) fn only(&self, names: &[String]) -> anyhow::Result<Self> {
        let known = |name: &String| Ok((name.clone(), self.require(name)?.to_owned()));
        names
            .iter()
            .map(known)
            .collect::<anyhow::Result<_>>()
            .map(Self)
    }

    /// The text of [`Self::FILE`], sorted by name: `sha256sum --check` understands it.
    pub(crate) fn to_text(&self) -> String {
        self.iter().fold(String::new(), |mut text, (name, hash)| {
            let _ = writeln!(text, "{hash} *{name}"); // A String never refuses.
            text
        })
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The hash of a file that must be listed, or an error that names it.
    pub(crate) fn require(&self, name: &str) -> anyhow::Result<&str> {
        self.get(name)
            .with_context(|| format!("no checksum is known of `{name}`"))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, hash)| (name.as_str(), hash.as_str()))
    }

    /// Compares a file with the sum listed under its name.
    pub(crate) fn verify_file(&self, path: &Path) -> anyhow::Result<()> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let listed = self.require(&name)?;
        let real = sha256_of_file(path)?;
        if real != listed {
            bail!("`{name}` has the checksum {real}, but {listed} is listed");
        }
        Ok(())
    }

    /// Holds a folder against the list: every listed file must lie there unchanged, and no other.
    pub(crate) fn verify_folder(&self, folder: &Path) -> anyhow::Result<()> {
        let real = Self::of_folder(folder)?;
        let mut wrong = Vec::new();
        for (name, hash) in self.iter() {
            match real.0.get(name) {
                None => wrong.push(format!("`{name}` is listed and missing")),
                Some(found) if found != hash => {
                    wrong.push(format!(
                        "`{name}` has the checksum {found}, but {hash} is listed"
                    ));
                }
                Some(_) => {}
            }
        }
        let unlisted = real.0.keys().filter(|name| !self.0.contains_key(*name));
        wrong.extend(unlisted.map(|name| format!("`{name}` is there and not listed")));
        if !wrong.is_empty() {
            bail!(
                "`{}` differs from its checksums:\n{}",
                folder.display(),
                wrong.join("\n")
            );
        }
        Ok(())
    }
}

impl FromIterator<(String, String)> for Checksums {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(sums: I) -> Self {
        Self(sums.into_iter().collect())
    }
}

/// The SHA-256 of a file in lower-case hexadecimal.
pub(crate) fn sha256_of_file(path: &Path) -> anyhow::Result<String> {
    let mut digest = Sha256::new();
    File::open(path)
        .and_then(|mut file| io::copy(&mut file, &mut digest))
        .with_context(|| format!("failed to read `{}`", path.display()))?;
    Ok(format!("{:x}", digest.finalize()))
}

/// Hash and name of a line, if both can be what they should.
fn parse_line(line: &str) -> Option<(&str, &str)> {
    let (hash, name) = line.split_once(" *").or_else(|| line.split_once("  "))?;
    let is_hash = hash.len() == 64 && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    // The names become paths when a release is fetched, so none may lead out of its folder.
    let is_plain = !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\']);
    (is_hash && is_plain).then_some((hash, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn release() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("b.zip"), "abc").unwrap();
        fs::write(folder.path().join("a.tar.gz"), "").unwrap();
        folder
    }

    #[test]
    fn a_folder_is_listed_by_name_and_read_back() {
        let folder = release();
        let sums = Checksums::of_folder(folder.path()).unwrap();
        assert_eq!(sums.to_text(), format!("{EMPTY} *a.tar.gz\n{ABC} *b.zip\n"));
        assert_eq!(Checksums::parse(&sums.to_text()).unwrap(), sums);
        assert_eq!(sums.get("b.zip"), Some(ABC));
    }

    #[test]
    fn sums_and_signature_are_not_among_the_summed() {
        let folder = release();
        let sums = Checksums::of_folder(folder.path()).unwrap();
        fs::write(folder.path().join(Checksums::FILE), sums.to_text()).unwrap();
        fs::write(folder.path().join(Checksums::SIGNATURE), "signed").unwrap();
        assert_eq!(Checksums::read(folder.path()).unwrap(), sums);
        sums.verify_folder(folder.path()).unwrap();
    }

    #[test]
    fn a_folder_that_differs_is_told_file_by_file() {
        let folder = release();
        let sums = Checksums::of_folder(folder.path()).unwrap();
        fs::remove_file(folder.path().join("a.tar.gz")).unwrap();
        fs::write(folder.path().join("b.zip"), "abd").unwrap();
        fs::write(folder.path().join("c.deb"), "").unwrap();
        let error = sums.verify_folder(folder.path()).unwrap_err().to_string();
        for expected in [
            "`a.tar.gz` is listed and missing",
            "`b.zip` has the",
            "`c.deb` is there",
        ] {
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn one_file_is_held_against_its_own_sum() {
        let folder = release();
        let sums = Checksums::of_folder(folder.path()).unwrap();
        let file = folder.path().join("b.zip");
        sums.verify_file(&file).unwrap();
        fs::write(&file, "tampered").unwrap();
        let error = sums.verify_file(&file).unwrap_err().to_string();
        assert!(error.contains(ABC), "{error}");
        let error = sums.verify_file(&folder.path().join("c")).unwrap_err();
        assert_eq!(error.to_string(), "no checksum is known of `c`");
    }

    #[test]
    fn a_folder_inside_is_refused() {
        let folder = release();
        fs::create_dir(folder.path().join("deeper")).unwrap();
        let error = Checksums::of_folder(folder.path()).unwrap_err().to_string();
        assert!(error.contains("flat folder"), "{error}");
    }

    #[test]
    fn a_line_that_could_mislead_is_refused() {
        for line in [
            "",
            "abc *a",
            &format!("{EMPTY} a"),
            &format!("{EMPTY} *"),
            &format!("{EMPTY} *../a"),
            &format!("{EMPTY} *a\\b"),
            &format!("{} *a", EMPTY.to_uppercase()),
            &format!("{EMPTY} *a\n{ABC} *a"),
            "<html>404</html>",
        ] {
            assert!(Checksums::parse(&format!("{line}\n")).is_err(), "{line}");
        }
        Checksums::parse(&format!("{EMPTY}  a\n")).unwrap();
    }
}
