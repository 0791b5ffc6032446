//! What a macOS binary asks of the machine it will run on, and whether its signature is a true one: a
//! Mac with Apple's CPU kills a program whose pages differ from what was signed.

use std::fmt;

use anyhow::{Context, bail, ensure};
use object::macho::{self, MachHeader64};
use object::read::macho::{LoadCommandVariant, MachHeader as _};
use object::{BigEndian as BE, Endianness, U32, pod};
use sha2::{Digest as _, Sha256};

use super::target::Cpu;

type Header = MachHeader64<Endianness>;

/// A version of macOS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MacOsVersion(u16, u8);

impl MacOsVersion {
    /// What we promise to run on.
    pub(crate) const FLOOR: Self = Self(11, 0);
}

impl fmt::Display for MacOsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// What a macOS binary is loaded with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct MacNeeds {
    pub(crate) cpu: Cpu,
    /// The oldest system that starts it.
    pub(crate) system: MacOsVersion,
    /// Libraries and frameworks by path.
    pub(crate) libraries: Vec<String>,
    /// Whether it is signed; what is signed wrongly cannot be read at all.
    pub(crate) is_signed: bool,
}

impl MacNeeds {
    /// Reads the headers and checks the signature of a 64-bit Mach-O file for one CPU.
    pub(crate) fn of(bytes: &[u8]) -> anyhow::Result<Self> {
        let header = Header::parse(bytes, 0).context("this is no 64-bit program of macOS")?;
        let endian = header.endian()?;
        let cpu = match header.cputype(endian) {
            macho::CPU_TYPE_X86_64 => Cpu::Amd64,
            macho::CPU_TYPE_ARM64 => Cpu::Arm64,
            other => bail!("this is for a CPU that releases do not know, {other:?}"),
        };
        let mut system = None;
        let mut libraries = Vec::new();
        let mut is_signed = false;
        let mut commands = header.load_commands(endian, bytes, 0)?;
        while let Some(command) = commands.next()? {
            match command.variant()? {
                LoadCommandVariant::BuildVersion(version, _) => {
                    system = Some(version.minos.get(endian).0);
                }
                LoadCommandVariant::VersionMin(version) => {
                    system = Some(version.version.get(endian).0);
                }
                LoadCommandVariant::Dylib(library) => {
                    let path = command.string(endian, library.dylib.name)?;
                    libraries.push(String::from_utf8_lossy(path).into_owned());
                }
                LoadCommandVariant::LinkeditData(data)
                    if command.cmd() == macho::LC_CODE_SIGNATURE =>
                {
                    let start = data.dataoff.get(endian) as usize;
                    let signature = start
                        .checked_add(data.datasize.get(endian) as usize)
                        .and_then(|end| bytes.get(start..end))
                        .context("the signature lies outside the file")?;
                    check_signature(bytes, signature)?;
                    is_signed = true;
                }
                _ => {}
            }
        }
        // Sixteen bits, then twice eight.
        let version = system.context("it does not say which macOS it is for")?;
        let [patch_minor, major] = [version & 0xffff, version >> 16];
        Ok(Self {
            cpu,
            system: MacOsVersion(major.try_into()?, (patch_minor >> 8).try_into()?),
            libraries,
            is_signed,
        })
    }
}

/// Numbers of Apple's `cs_blobs.h`, as they are in a file.
const EMBEDDED_SIGNATURE: u32 = 0xfade_0cc0;
const CODE_DIRECTORY: u32 = 0xfade_0c02;
const SHA256: u8 = 2;

/// Compares each page of the program with the hash that was signed.
fn check_signature(program: &[u8], signature: &[u8]) -> anyhow::Result<()> {
    let number = |at: usize| -> anyhow::Result<u32> {
        let bytes = signature.get(at..).context("the signature is cut off")?;
        let (number, _) = pod::from_bytes::<U32<BE>>(bytes)
            .ok()
            .context("the signature is cut off")?;
        Ok(number.get(BE))
    };
    ensure!(number(0)? == EMBEDDED_SIGNATURE, "the signature is none");
    // The first part describes the program; others would be what a certificate adds.
    let directory = number(16)? as usize;
    ensure!(
        number(directory)? == CODE_DIRECTORY,
        "the signature does not begin with a list of hashes"
    );
    let hashes = directory + number(directory + 16)? as usize;
    let pages = number(directory + 28)? as usize;
    let signed = number(directory + 32)? as usize;
    let [hash_size, hash_type, _, page_bits] = number(directory + 36)?.to_be_bytes();
    ensure!(
        hash_type == SHA256 && hash_size == 32 && page_bits < 32,
        "the signature's hashes are of a kind that is not known here"
    );
    let program = program
        .get(..signed)
        .context("the signature is for a longer program")?;
    let mut chunks = program.chunks(1 << page_bits);
    ensure!(
        chunks.len() == pages,
        "the signature is for {pages} pages, and the program has {}",
        chunks.len()
    );
    for page in 0..pages {
        let start = hashes + page * 32;
        let stated = signature
            .get(start..start + 32)
            .context("the signature is cut off")?;
        let bytes = chunks.next().unwrap_or_default();
        ensure!(
            *Sha256::digest(bytes) == *stated,
            "page {page} differs from what was signed; macOS would kill the program"
        );
    }
    Ok(())
}

/// The smallest program for arm64 that needs macOS `system` and loads `libraries`, signed as linkers do.
#[cfg(test)]
pub(super) fn sample(system: (u8, u8), libraries: &[&str]) -> Vec<u8> {
    let number = |value: usize| u32::try_from(value).expect("a small file").to_le_bytes();
    let words = |words: &[usize]| words.iter().flat_map(|&word| number(word)).collect();
    let mut commands: Vec<Vec<u8>> = Vec::new();
    let version = usize::from(system.0) << 16 | usize::from(system.1) << 8;
    commands.push(words(&[0x32, 24, 1, version, version, 0]));
    for library in libraries {
        let length = (24 + library.len() + 1).next_multiple_of(8);
        let mut command: Vec<u8> = words(&[0xc, length, 24, 0, 0, 0]);
        command.extend(library.bytes());
        command.resize(length, 0);
        commands.push(command);
    }
    let length = commands.iter().map(Vec::len).sum::<usize>() + 16;
    let end = (32 + length).next_multiple_of(16);
    // One list of hashes, of one page.
    let signature = 20 + 44 + 32;
    commands.push(words(&[0x1d, 16, end, signature]));
    let mut file: Vec<u8> = words(&[0xfeed_facf, 0x0100_000c, 0, 2, commands.len(), length, 0, 0]);
    file.extend(commands.concat());
    file.resize(end, 0);
    let hash = Sha256::digest(&file);
    let big = |word: u32| word.to_be_bytes();
    let end = u32::try_from(end).expect("a small file");
    for word in [EMBEDDED_SIGNATURE, 0, 1, 0, 20] {
        file.extend(big(word));
    }
    for word in [CODE_DIRECTORY, 76, 0x2_0400, 2, 44, 44, 0, 1, end] {
        file.extend(big(word));
    }
    file.extend([32, SHA256, 0, 12, 0, 0, 0, 0]);
    file.extend(hash);
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_says_what_it_needs() {
        let system = "/usr/lib/libSystem.B.dylib";
        let needs = MacNeeds::of(&sample((10, 13), &[system])).unwrap();
        assert_eq!(
            needs,
            MacNeeds {
                cpu: Cpu::Arm64,
                system: MacOsVersion(10, 13),
                libraries: vec![system.to_owned()],
                is_signed: true,
            }
        );
        assert!(needs.system < MacOsVersion::FLOOR);
        assert_eq!(needs.system.to_string(), "10.13");
    }

    #[test]
    fn a_program_that_changed_after_it_was_signed_is_refused() {
        let mut program = sample((11, 0), &["/usr/lib/libSystem.B.dylib"]);
        let path = program
            .windows(9)
            .position(|bytes| bytes == b"libSystem")
            .unwrap();
        program[path] = b'L';
        let error = MacNeeds::of(&program).unwrap_err().to_string();
        assert!(error.contains("page 0 differs"), "{error}");
    }

    #[cfg(all(target_os = "macos", target_arch = "aarch64"))]
    #[test]
    fn a_real_program_is_signed() {
        let bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(MacNeeds::of(&bytes).unwrap().is_signed);
    }

    #[test]
    fn what_is_no_program_of_macos_is_refused() {
        let program = sample((11, 0), &[]);
        let cut = program.len() - 1;
        for bytes in [b"".as_slice(), &program[..40], &program[..cut], b"\x7fELF"] {
            assert!(MacNeeds::of(bytes).is_err());
        }
    }
}
