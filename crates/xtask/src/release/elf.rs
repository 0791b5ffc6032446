//! What a binary asks of the machine it will run on, read from its headers.

use std::fmt;
use std::str::FromStr;

use anyhow::Context;
use object::elf::FileHeader64;
use object::read::elf::{Dyn as _, FileHeader, ProgramHeader as _};
use object::{Endianness, Object as _};

type Header = FileHeader64<Endianness>;

/// A version of glibc.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GlibcVersion(u32, u32, u32);

impl GlibcVersion {
    /// What `dist-workspace.toml` promises, and manylinux2014 asks for.
    pub(crate) const FLOOR: Self = Self(2, 17, 0);
}

/// A text that is no version of glibc.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no version of glibc; one looks like `2.17`")]
pub(crate) struct InvalidGlibcVersion(String);

impl FromStr for GlibcVersion {
    type Err = InvalidGlibcVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Option<Vec<u32>> = text.split('.').map(|part| part.parse().ok()).collect();
        match parts.as_deref() {
            Some([major, minor]) => Ok(Self(*major, *minor, 0)),
            Some([major, minor, patch]) => Ok(Self(*major, *minor, *patch)),
            _ => Err(InvalidGlibcVersion(text.to_owned())),
        }
    }
}

impl fmt::Display for GlibcVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(major, minor, 0) => write!(f, "{major}.{minor}"),
            Self(major, minor, patch) => write!(f, "{major}.{minor}.{patch}"),
        }
    }
}

/// What a Linux binary is loaded with.
#[derive(Debug)]
pub(crate) struct Needs {
    /// The dynamic loader; a static binary has none.
    pub(crate) interpreter: Option<String>,
    /// Shared libraries by file name.
    pub(crate) libraries: Vec<String>,
    /// The newest version of glibc that one of its symbols has; nothing if no symbol is versioned so.
    pub(crate) glibc: Option<GlibcVersion>,
}

impl Needs {
    /// Reads the headers of a 64-bit ELF file.
    pub(crate) fn of(bytes: &[u8]) -> anyhow::Result<Self> {
        let header = Header::parse(bytes).context("this is no 64-bit ELF file")?;
        let endian = header.endian()?;
        let mut interpreter = None;
        for segment in header.program_headers(endian, bytes)? {
            if let Some(path) = segment.interpreter(endian, bytes)? {
                interpreter = Some(String::from_utf8_lossy(path).into_owned());
            }
        }
        let sections = header.sections(endian, bytes)?;
        let dynamic = sections.dynamic_table(endian, bytes)?;
        let mut libraries = Vec::new();
        for entry in dynamic.dynamics() {
            if entry.tag(endian) == object::elf::DT_NEEDED {
                let name = entry.string(endian, *dynamic.strings())?;
                libraries.push(String::from_utf8_lossy(name).into_owned());
            }
        }
        let mut glibc = None;
        if let Some((files, strings)) = sections.gnu_verneed(endian, bytes)? {
            let strings = sections.strings(endian, bytes, strings)?;
            for file in files {
                let (_, versions) = file?;
                for version in versions {
                    let name =
                        String::from_utf8_lossy(version?.name(endian, strings)?).into_owned();
                    // Others are of libgcc, or promise nothing but an ABI (`GLIBC_ABI_DT_RELR`).
                    let number = name.strip_prefix("GLIBC_").map(GlibcVersion::from_str);
                    glibc = glibc.max(number.and_then(Result::ok));
                }
            }
        }
        Ok(Self {
            interpreter,
            libraries,
            glibc,
        })
    }
}

/// Whether a binary of any system carries the list of its crates that cargo-auditable embeds.
pub(crate) fn is_auditable(bytes: &[u8]) -> anyhow::Result<bool> {
    let file = object::File::parse(bytes).context("this is no binary of a known system")?;
    Ok(file.section_by_name(".dep-v0").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        let version = |text: &str| text.parse::<GlibcVersion>().unwrap();
        assert!(version("2.9") < version("2.17"));
        assert!(version("2.2.5") < version("2.17"));
        assert!(version("2.18") > GlibcVersion::FLOOR);
        assert_eq!(version("2.2.5").to_string(), "2.2.5");
        assert_eq!(GlibcVersion::FLOOR.to_string(), "2.17");
        let error = "ABI_DT_RELR".parse::<GlibcVersion>().unwrap_err();
        assert!(error.to_string().contains("`ABI_DT_RELR`"), "{error}");
    }

    /// This very test: built by plain cargo, so for the machine's own glibc and without an audit list.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn a_real_binary_says_what_it_needs() {
        let bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let needs = Needs::of(&bytes).unwrap();
        let interpreter = needs.interpreter.unwrap();
        assert!(interpreter.contains("/ld-linux"), "{interpreter}");
        assert!(
            needs.libraries.contains(&"libc.so.6".to_owned()),
            "{:?}",
            needs.libraries
        );
        // Rust's standard library has asked for 2.17 or older symbols at least, always.
        assert!(needs.glibc.unwrap() >= "2.14".parse().unwrap());
        assert!(!is_auditable(&bytes).unwrap());
    }

    #[test]
    fn what_is_no_binary_is_refused() {
        for bytes in [
            b"".as_slice(),
            b"#!/bin/sh\n",
            &[0x7f, b'E', b'L', b'F', 2, 1, 1],
        ] {
            assert!(Needs::of(bytes).is_err());
            assert!(is_auditable(bytes).is_err());
        }
    }
}
