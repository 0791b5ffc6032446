//! What a Windows binary asks of the machine it will run on, read from its headers.

use anyhow::{Context, bail};
use object::read::pe::PeFile64;
use object::{LittleEndian as LE, pe};

use super::target::Cpu;

/// What a Windows binary is loaded with, and what made it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WindowsNeeds {
    pub(crate) cpu: Cpu,
    /// Libraries by file name, in lower case: Windows does not tell cases apart.
    pub(crate) libraries: Vec<String>,
    /// Whether it was linked without Microsoft's tools.
    pub(crate) is_gnu: bool,
}

impl WindowsNeeds {
    /// Reads the headers of a 64-bit PE file.
    pub(crate) fn of(bytes: &[u8]) -> anyhow::Result<Self> {
        let file = PeFile64::parse(bytes).context("this is no 64-bit program of Windows")?;
        let headers = file.nt_headers();
        let cpu = match headers.file_header.machine.get(LE) {
            pe::IMAGE_FILE_MACHINE_AMD64 => Cpu::Amd64,
            pe::IMAGE_FILE_MACHINE_ARM64 => Cpu::Arm64,
            other => bail!("this is for a CPU that releases do not know, {other:?}"),
        };
        let mut libraries = Vec::new();
        if let Some(table) = file.import_table()? {
            let mut descriptors = table.descriptors()?;
            while let Some(descriptor) = descriptors.next()? {
                libraries.push(file_name(table.name(descriptor.name.get(LE))?));
            }
        }
        if let Some(table) = file.delay_load_import_table()? {
            let mut descriptors = table.descriptors()?;
            while let Some(descriptor) = descriptors.next()? {
                libraries.push(file_name(table.name(descriptor.dll_name_rva.get(LE))?));
            }
        }
        // Microsoft's linker, and LLVM's in its place, say 14; the GNU one says 2.
        let is_gnu = headers.optional_header.major_linker_version < 10
            // Its C library before the one that Microsoft's tools link into the program.
            || libraries.iter().any(|library| library == "msvcrt.dll");
        Ok(Self {
            cpu,
            libraries,
            is_gnu,
        })
    }
}

fn file_name(name: &[u8]) -> String {
    String::from_utf8_lossy(name).to_ascii_lowercase()
}

/// The smallest program for x86-64 that imports `libraries`; its linker says that it is `linker`.
#[cfg(test)]
pub(super) fn sample(linker: u8, libraries: &[&str]) -> Vec<u8> {
    const ADDRESS: u32 = 0x1000;
    let number = |value: usize| u32::try_from(value).expect("a small file").to_le_bytes();

    // A table of imports, closed by an empty one, and the names that it points to.
    let table = 20 * (libraries.len() + 1);
    let (mut imports, mut names) = (Vec::new(), Vec::new());
    for library in libraries {
        let name = ADDRESS as usize + table + names.len();
        imports.extend([[0; 4], [0; 4], [0; 4], number(name), [0; 4]].concat());
        names.extend(library.bytes().chain([0]));
    }
    imports.resize(table, 0);
    imports.extend(names);

    let mut file = vec![0; 0x40];
    file[..2].copy_from_slice(b"MZ");
    file[0x3c] = 0x40;
    file.extend(b"PE\0\0");
    file.extend(0x8664_u16.to_le_bytes());
    file.extend(2_u16.to_le_bytes()); // sections
    file.extend([0; 12]);
    file.extend(240_u16.to_le_bytes()); // size of the header that follows
    file.extend([0; 2]);
    file.extend(0x20b_u16.to_le_bytes());
    file.push(linker);
    file.resize(file.len() + 105, 0);
    file.extend(number(16)); // directories, of which the second one is the imports'
    file.extend([0; 8]);
    file.extend([number(ADDRESS as usize), number(table)].concat());
    file.resize(file.len() + 14 * 8, 0);
    for (name, address, length) in [
        (b".idata\0\0", ADDRESS, imports.len()),
        (b".dep-v0\0", 0x2000, 0),
    ] {
        file.extend(name);
        file.extend([number(length), address.to_le_bytes(), number(length)].concat());
        file.extend(number(0x200));
        file.resize(file.len() + 16, 0);
    }
    file.resize(0x200, 0);
    file.extend(imports);
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_says_what_it_needs_and_who_linked_it() {
        let program = sample(14, &["KERNEL32.dll", "ntdll.dll"]);
        assert_eq!(
            WindowsNeeds::of(&program).unwrap(),
            WindowsNeeds {
                cpu: Cpu::Amd64,
                libraries: vec!["kernel32.dll".to_owned(), "ntdll.dll".to_owned()],
                is_gnu: false,
            }
        );
        let is_gnu = |linker, libraries: &[&str]| {
            WindowsNeeds::of(&sample(linker, libraries)).unwrap().is_gnu
        };
        assert!(is_gnu(2, &["kernel32.dll"]));
        assert!(is_gnu(14, &["MSVCRT.dll"]));
        assert!(!is_gnu(14, &[]));
    }

    #[cfg(all(windows, target_env = "msvc"))]
    #[test]
    fn a_real_program_says_what_it_needs() {
        let bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let needs = WindowsNeeds::of(&bytes).unwrap();
        assert!(needs.libraries.contains(&"kernel32.dll".to_owned()));
        assert!(!needs.is_gnu);
    }

    #[test]
    fn what_is_no_program_of_windows_is_refused() {
        let program = sample(14, &["KERNEL32.dll"]);
        for bytes in [b"".as_slice(), b"MZ", &program[..0x210], b"\x7fELF"] {
            assert!(WindowsNeeds::of(bytes).is_err());
        }
    }
}
