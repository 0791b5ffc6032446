//! Archives whose bytes depend on nothing but what is in them and one time stamp.
//!
//! Entries are sorted, owned by nobody and have one of two modes; folders have no entries of their
//! own, so no mode of theirs can differ. Two machines that pack the same files get the same hash.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use flate2::read::GzDecoder;
use flate2::{Compression, GzBuilder};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use zip::System;
use zip::write::SimpleFileOptions;

use super::checksums::sha256_of_file;
use crate::platform::set_mode;

/// What may be done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Read by all, written by its owner.
    Data,
    /// Run by all as well.
    Program,
}

impl Mode {
    pub(crate) fn bits(self) -> u32 {
        match self {
            Self::Data => 0o644,
            Self::Program => 0o755,
        }
    }
}

/// Files by their path in an archive; `/` separates folders.
#[derive(Debug, Clone, Default)]
pub(crate) struct Files(BTreeMap<String, (Mode, Vec<u8>)>);

impl Files {
    pub(crate) fn insert(&mut self, path: impl Into<String>, mode: Mode, bytes: Vec<u8>) {
        self.0.insert(path.into(), (mode, bytes));
    }

    /// Takes the file at `source` in.
    pub(crate) fn read(
        &mut self,
        path: impl Into<String>,
        mode: Mode,
        source: &Path,
    ) -> anyhow::Result<()> {
        let bytes =
            fs::read(source).with_context(|| format!("failed to read `{}`", source.display()))?;
        self.insert(path, mode, bytes);
        Ok(())
    }

    /// Takes `others` in, under the folder `folder`.
    pub(crate) fn extend_under(&mut self, folder: &str, others: &Self) {
        for (path, mode, bytes) in others.iter() {
            self.insert(format!("{folder}/{path}"), mode, bytes.to_owned());
        }
    }

    /// The same, inside the folder `folder`.
    pub(crate) fn under(self, folder: &str) -> Self {
        let mut inside = Self::default();
        inside.extend_under(folder, &self);
        inside
    }

    /// In the order of their paths.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, Mode, &[u8])> {
        self.0
            .iter()
            .map(|(path, (mode, bytes))| (path.as_str(), *mode, bytes.as_slice()))
    }

    /// Writes them into a folder, as unpacking would.
    pub(crate) fn write_into(&self, folder: &Path) -> anyhow::Result<()> {
        for (path, mode, bytes) in self.iter() {
            let file = folder.join(path);
            let parent = file.parent().unwrap_or(folder);
            fs::create_dir_all(parent)
                .and_then(|()| fs::write(&file, bytes))
                .and_then(|()| set_mode(&file, mode.bits()))
                .with_context(|| format!("failed to write `{}`", file.display()))?;
        }
        Ok(())
    }

    /// A gzipped tar; every entry was last changed at `epoch`, in seconds since 1970.
    pub(crate) fn tar_gz(&self, epoch: u64) -> anyhow::Result<Vec<u8>> {
        // Without a name, a time or a system in the gzip header.
        let gzip = GzBuilder::new()
            .mtime(0)
            .operating_system(255)
            .write(Vec::new(), Compression::best());
        let mut tar = tar::Builder::new(gzip);
        for (path, mode, bytes) in self.iter() {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Regular);
            header.set_size(u64::try_from(bytes.len())?);
            header.set_mode(mode.bits());
            header.set_mtime(epoch);
            header.set_uid(0);
            header.set_gid(0);
            tar.append_data(&mut header, path, bytes)
                .with_context(|| format!("failed to pack `{path}`"))?;
        }
        Ok(tar.into_inner()?.finish()?)
    }

    /// A zip; every entry was last changed at `epoch`, in seconds since 1970.
    pub(crate) fn zip(&self, epoch: u64) -> anyhow::Result<Vec<u8>> {
        let options = SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated)
            .compression_level(Some(9))
            .last_modified_time(zip_time(epoch)?)
            .system(System::Unix);
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (path, mode, bytes) in self.iter() {
            zip.start_file(path, options.unix_permissions(mode.bits()))?;
            zip.write_all(bytes)
                .with_context(|| format!("failed to pack `{path}`"))?;
        }
        Ok(zip.finish()?.into_inner())
    }

    /// What a gzipped tar holds; nothing is known of its modes.
    pub(crate) fn of_tar_gz(bytes: &[u8]) -> anyhow::Result<Self> {
        let mut files = Self::default();
        for entry in tar::Archive::new(GzDecoder::new(bytes)).entries()? {
            let mut entry = entry?;
            let path = entry.path()?.to_string_lossy().into_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            files.insert(path, Mode::Data, bytes);
        }
        Ok(files)
    }

    /// What a zip holds; nothing is known of its modes.
    pub(crate) fn of_zip(bytes: &[u8]) -> anyhow::Result<Self> {
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes))?;
        let mut files = Self::default();
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index)?;
            let path = entry.name()?.into_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            files.insert(path, Mode::Data, bytes);
        }
        Ok(files)
    }

    /// Unpacks by the extension of `archive`, `.tar.gz` or `.zip`.
    pub(crate) fn unpack(archive: &Path) -> anyhow::Result<Self> {
        let name = archive.display();
        let bytes = fs::read(archive).with_context(|| format!("failed to read `{name}`"))?;
        let files = if archive.extension().is_some_and(|end| end == "zip") {
            Self::of_zip(&bytes)
        } else {
            Self::of_tar_gz(&bytes)
        };
        files.with_context(|| format!("failed to unpack `{name}`"))
    }

    /// Packs by the extension of `archive`, `.tar.gz` or `.zip`.
    pub(crate) fn pack(&self, archive: &Path, epoch: u64) -> anyhow::Result<()> {
        let name = archive.to_string_lossy();
        let bytes = if name.ends_with(".tar.gz") {
            self.tar_gz(epoch)?
        } else if name.ends_with(".zip") {
            self.zip(epoch)?
        } else {
            bail!("`{name}` is no archive; its name must end in `.tar.gz` or `.zip`");
        };
        fs::write(archive, bytes).with_context(|| format!("failed to write `{name}`"))
    }
}

/// Writes `FILE.sha256` beside a file, as `sha256sum --binary` spells it.
pub(crate) fn write_sha256(file: &Path) -> anyhow::Result<PathBuf> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let sum = file.with_file_name(format!("{name}.sha256"));
    fs::write(&sum, format!("{} *{name}\n", sha256_of_file(file)?))
        .with_context(|| format!("failed to write `{}`", sum.display()))?;
    Ok(sum)
}

/// A zip knows years from 1980, in UTC here so that the machine's zone does not matter.
fn zip_time(epoch: u64) -> anyhow::Result<zip::DateTime> {
    let time = Timestamp::from_second(i64::try_from(epoch)?)?.to_zoned(TimeZone::UTC);
    let part = |value: i8| u8::try_from(value).unwrap_or_default();
    zip::DateTime::from_date_and_time(
        u16::try_from(time.year())?,
        part(time.month()),
        part(time.day()),
        part(time.hour()),
        part(time.minute()),
        part(time.second()),
    )
    .map_err(|_| anyhow::anyhow!("a zip cannot say {time}; the time stamp must be from 1980 on"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH: u64 = 1_700_000_001;

    fn files() -> Files {
        let mut files = Files::default();
        files.insert("z/tool", Mode::Program, b"#!run".to_vec());
        files.insert("a.txt", Mode::Data, b"text".to_vec());
        files
    }

    #[test]
    fn a_tar_holds_its_files_sorted_and_owned_by_nobody() {
        let bytes = files().tar_gz(EPOCH).unwrap();
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
        let listed: Vec<_> = tar
            .entries()
            .unwrap()
            .map(|entry| {
                let mut entry = entry.unwrap();
                let mut text = String::new();
                entry.read_to_string(&mut text).unwrap();
                let header = entry.header();
                assert_eq!(header.mtime().unwrap(), EPOCH);
                assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
                let path = entry.path().unwrap().display().to_string();
                (path, entry.header().mode().unwrap(), text)
            })
            .collect();
        let expected = [("a.txt", 0o644, "text"), ("z/tool", 0o755, "#!run")];
        assert_eq!(
            listed,
            expected.map(|(path, mode, text)| (path.to_owned(), mode, text.to_owned()))
        );
    }

    #[test]
    fn a_zip_holds_the_same() {
        let bytes = files().zip(EPOCH).unwrap();
        let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let names: Vec<_> = zip
            .file_names()
            .map(|name| name.unwrap().into_owned())
            .collect();
        assert_eq!(names, ["a.txt", "z/tool"]);
        let mut tool = zip.by_name("z/tool").unwrap();
        assert_eq!(tool.unix_mode().unwrap() & 0o777, 0o755);
        let time = tool.last_modified().unwrap();
        assert_eq!((time.year(), time.month(), time.day()), (2023, 11, 14));
        let mut text = String::new();
        tool.read_to_string(&mut text).unwrap();
        assert_eq!(text, "#!run");
    }

    #[test]
    fn packing_twice_gives_the_same_bytes_in_any_order() {
        let mut reversed = Files::default();
        reversed.insert("a.txt", Mode::Data, b"text".to_vec());
        reversed.insert("z/tool", Mode::Program, b"#!run".to_vec());
        assert_eq!(
            files().tar_gz(EPOCH).unwrap(),
            reversed.tar_gz(EPOCH).unwrap()
        );
        assert_eq!(files().zip(EPOCH).unwrap(), reversed.zip(EPOCH).unwrap());
        assert_ne!(
            files().zip(EPOCH).unwrap(),
            files().zip(EPOCH + 60).unwrap()
        );
    }

    #[test]
    fn a_long_path_survives() {
        let path = format!("{}/end.txt", "folder".repeat(30));
        let mut files = Files::default();
        files.insert(&path, Mode::Data, vec![]);
        let bytes = files.tar_gz(EPOCH).unwrap();
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
        let entry = tar.entries().unwrap().next().unwrap().unwrap();
        assert_eq!(entry.path().unwrap().display().to_string(), path);
    }

    #[test]
    fn a_time_before_zips_is_refused_by_name() {
        let error = files().zip(1).unwrap_err().to_string();
        assert!(error.contains("1970") && error.contains("1980"), "{error}");
    }

    #[test]
    fn a_packed_file_gets_its_sum_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("x.tar.gz");
        files().pack(&archive, EPOCH).unwrap();
        let sum = fs::read_to_string(write_sha256(&archive).unwrap()).unwrap();
        assert!(sum.ends_with(" *x.tar.gz\n"), "{sum}");
        assert_eq!(sum.find(' '), Some(64));
        let error = files()
            .pack(&folder.path().join("x.rar"), EPOCH)
            .unwrap_err();
        assert!(error.to_string().contains("`.tar.gz` or `.zip`"), "{error}");
    }
}
