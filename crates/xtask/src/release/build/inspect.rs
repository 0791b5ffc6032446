//! What a binary must be like before it is packed; each finding names the binary and the reason.

use std::path::Path;

use anyhow::bail;

use super::{Build, machine};
use crate::release::elf::{GlibcVersion, Needs, is_auditable};
use crate::release::macho::{MacNeeds, MacOsVersion};
use crate::release::pe::WindowsNeeds;
use crate::release::target::{Cpu, Libc, Os};

/// The parts of glibc; everything else would have to be installed first.
const LIBRARIES: [&str; 6] = [
    "libc.so.6",
    "libdl.so.2",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
    "ld-linux", // and the CPU
];

/// What every Windows since 10 has. Neither a C++ runtime of Microsoft's nor one of the GNU compiler is
/// among them: those are linked into the program.
const WINDOWS_LIBRARIES: [&str; 17] = [
    "advapi32.dll",
    "bcrypt.dll",
    "bcryptprimitives.dll",
    "crypt32.dll",
    "dbghelp.dll",
    "iphlpapi.dll",
    "kernel32.dll",
    "kernelbase.dll",
    "msvcrt.dll",
    "ntdll.dll",
    "ole32.dll",
    "psapi.dll",
    "secur32.dll",
    "shell32.dll",
    "user32.dll",
    "userenv.dll",
    "ws2_32.dll",
];

/// What a native module for Windows imports its interpreter from.
const WINDOWS_PYTHON: &str = "python3.dll";

/// Refuses a program that would not run on every system of its target, or that tells about ours.
pub(super) fn check_program(build: &Build, binary: &str, bytes: &[u8]) -> anyhow::Result<()> {
    check_origin(build, binary, bytes)?;
    match build.target.libc {
        Some(Libc::Gnu) => check_gnu(binary, &Needs::of(bytes)?),
        Some(Libc::Musl) => check_static(binary, &Needs::of(bytes)?),
        None => check_other(build, binary, bytes),
    }
}

/// The same for a native module, which an interpreter loads: it may be dynamic on musl too.
pub(crate) fn check_module(build: &Build, module: &str, bytes: &[u8]) -> anyhow::Result<()> {
    check_origin(build, module, bytes)?;
    match build.target.libc {
        Some(Libc::Gnu) => check_gnu(module, &Needs::of(bytes)?),
        Some(Libc::Musl) => check_no_glibc(module, &Needs::of(bytes)?),
        None => check_other(build, module, bytes),
    }
}

/// The same for systems that have no libc to choose.
fn check_other(build: &Build, binary: &str, bytes: &[u8]) -> anyhow::Result<()> {
    match build.target.os {
        Os::Windows => check_windows(binary, build.target.cpu, &WindowsNeeds::of(bytes)?),
        Os::MacOs => check_mac(binary, build.target.cpu, &MacNeeds::of(bytes)?),
        Os::Linux => bail!("`{binary}` is for Linux without a libc, which releases do not know"),
    }
}

fn check_origin(build: &Build, binary: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let seen = build.machine.seen_in(bytes);
    if let Some(folder) = seen.as_deref().or_else(|| machine::trace_in(bytes)) {
        bail!(
            "`{binary}` names a folder of this machine, `{folder}`; something compiled for {} \
             escapes the remapping of paths",
            build.target
        );
    }
    if !is_auditable(bytes)? {
        bail!("`{binary}` has no section `.dep-v0`; cargo-auditable was not at work");
    }
    Ok(())
}

fn check_gnu(binary: &str, needs: &Needs) -> anyhow::Result<()> {
    let floor = GlibcVersion::FLOOR;
    match needs.glibc {
        None => bail!("`{binary}` needs no version of glibc, so it was not linked against one"),
        Some(glibc) if glibc > floor => {
            bail!("`{binary}` needs glibc {glibc}; a release promises to need no more than {floor}")
        }
        Some(_) => {}
    }
    let foreign = |library: &&String| !LIBRARIES.iter().any(|known| library.starts_with(known));
    if let Some(library) = needs.libraries.iter().find(foreign) {
        bail!("`{binary}` needs `{library}`, which is no part of glibc");
    }
    Ok(())
}

fn check_static(binary: &str, needs: &Needs) -> anyhow::Result<()> {
    if let Some(interpreter) = &needs.interpreter {
        bail!("`{binary}` is loaded by `{interpreter}`; a musl binary must be static");
    }
    if let [library, ..] = needs.libraries.as_slice() {
        bail!("`{binary}` needs `{library}`; a musl binary must be static");
    }
    check_no_glibc(binary, needs)
}

fn check_no_glibc(binary: &str, needs: &Needs) -> anyhow::Result<()> {
    if let Some(glibc) = needs.glibc {
        bail!("`{binary}` needs glibc {glibc}; a musl binary must need none");
    }
    Ok(())
}

fn check_windows(binary: &str, cpu: Cpu, needs: &WindowsNeeds) -> anyhow::Result<()> {
    check_cpu(binary, cpu, needs.cpu)?;
    let is_module = Path::new(binary)
        .extension()
        .is_some_and(|end| end == "pyd");
    let foreign = |library: &&String| {
        let library = library.as_str();
        !(WINDOWS_LIBRARIES.contains(&library)
            || library.starts_with("api-ms-win-core-")
            || library == WINDOWS_PYTHON && is_module)
    };
    if let Some(library) = needs.libraries.iter().find(foreign) {
        bail!("`{binary}` needs `{library}`, which is no part of Windows");
    }
    Ok(())
}

fn check_mac(binary: &str, cpu: Cpu, needs: &MacNeeds) -> anyhow::Result<()> {
    check_cpu(binary, cpu, needs.cpu)?;
    let floor = MacOsVersion::FLOOR;
    if needs.system > floor {
        bail!(
            "`{binary}` needs macOS {}; a release promises to need no more than {floor}",
            needs.system
        );
    }
    let foreign =
        |path: &&String| !path.starts_with("/usr/lib/") && !path.starts_with("/System/Library/");
    if let Some(library) = needs.libraries.iter().find(foreign) {
        bail!("`{binary}` needs `{library}`, which is no part of macOS");
    }
    if cpu == Cpu::Arm64 && !needs.is_signed {
        bail!("`{binary}` is not signed, and a Mac with Apple's CPU starts no such program");
    }
    Ok(())
}

fn check_cpu(binary: &str, wanted: Cpu, found: Cpu) -> anyhow::Result<()> {
    if wanted != found {
        bail!("`{binary}` is for {found}, not for {wanted}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::{macho, pe};

    fn gnu(glibc: &str, libraries: &[&str]) -> Needs {
        Needs {
            interpreter: Some("/lib64/ld-linux-x86-64.so.2".to_owned()),
            libraries: libraries
                .iter()
                .map(|&library| library.to_owned())
                .collect(),
            glibc: Some(glibc.parse().unwrap()),
        }
    }

    #[test]
    fn a_binary_for_old_systems_passes() {
        let needs = gnu("2.17", &["libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2"]);
        check_gnu("meshctl", &needs).unwrap();
        let nothing = Needs {
            interpreter: None,
            libraries: Vec::new(),
            glibc: None,
        };
        check_static("meshctl", &nothing).unwrap();
        assert!(check_gnu("meshctl", &nothing).is_err());
    }

    #[test]
    fn a_finding_names_the_binary_and_what_it_needs() {
        for (error, says) in [
            (
                check_gnu("meshctl", &gnu("2.28", &["libc.so.6"])),
                "needs glibc 2.28",
            ),
            (
                check_gnu("meshctl", &gnu("2.17", &["libssl.so.3"])),
                "needs `libssl.so.3`",
            ),
            (
                check_static("meshctl", &gnu("2.17", &[])),
                "is loaded by `/lib64/ld-linux",
            ),
        ] {
            let error = error.unwrap_err().to_string();
            assert!(
                error.starts_with("`meshctl` ") && error.contains(says),
                "{error}"
            );
        }
    }

    #[test]
    fn a_windows_program_needs_windows_and_nothing_else() {
        let check = |name: &str, libraries: &[&str]| {
            let needs = WindowsNeeds::of(&pe::sample(14, libraries)).unwrap();
            check_windows(name, Cpu::Amd64, &needs)
        };
        check(
            "meshctl.exe",
            &["KERNEL32.dll", "api-ms-win-core-synch-l1-2-0.dll"],
        )
        .unwrap();
        check("mesh/_mesh.pyd", &["python3.dll", "ntdll.dll"]).unwrap();
        for library in ["VCRUNTIME140.dll", "libgcc_s_seh-1.dll", "python3.dll"] {
            let error = check("meshctl.exe", &["kernel32.dll", library]).unwrap_err();
            let named = format!("needs `{}`", library.to_lowercase());
            assert!(error.to_string().contains(&named), "{error}");
        }
        let needs = WindowsNeeds::of(&pe::sample(14, &[])).unwrap();
        let error = check_windows("meshctl.exe", Cpu::Arm64, &needs).unwrap_err();
        assert!(error.to_string().contains("is for amd64, not for arm64"));
    }

    #[test]
    fn a_mac_program_is_signed_and_runs_on_the_oldest_mac_that_we_promise() {
        let needs =
            |system, libraries: &[&str]| MacNeeds::of(&macho::sample(system, libraries)).unwrap();
        let framework = "/System/Library/Frameworks/Security.framework/Versions/A/Security";
        let good = needs((11, 0), &["/usr/lib/libSystem.B.dylib", framework]);
        check_mac("meshctl", Cpu::Arm64, &good).unwrap();
        for (needs, says) in [
            (needs((13, 3), &[]), "needs macOS 13.3"),
            (
                needs((11, 0), &["/opt/homebrew/lib/libz.dylib"]),
                "needs `/opt/homebrew/lib/libz.dylib`",
            ),
            (
                MacNeeds {
                    is_signed: false,
                    ..good
                },
                "is not signed",
            ),
        ] {
            let error = check_mac("meshctl", Cpu::Arm64, &needs).unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
        }
    }

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn a_real_dynamic_binary_is_not_static() {
        let bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let error = check_static("this test", &Needs::of(&bytes).unwrap()).unwrap_err();
        assert!(error.to_string().contains("must be static"), "{error}");
    }
}
