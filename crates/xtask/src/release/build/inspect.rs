//! What a binary must be like before it is packed; each finding names the binary and the reason.

use anyhow::bail;

use super::{Build, machine};
use crate::release::elf::{GlibcVersion, Needs, is_auditable};
use crate::release::target::Libc;

/// The parts of glibc; everything else would have to be installed first.
const LIBRARIES: [&str; 6] = [
    "libc.so.6",
    "libdl.so.2",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
    "ld-linux", // and the CPU
];

/// Refuses a program that would not run on every system of its target, or that tells about ours.
pub(super) fn check_program(build: &Build, binary: &str, bytes: &[u8]) -> anyhow::Result<()> {
    check_origin(build, binary, bytes)?;
    match build.target.libc {
        Some(Libc::Gnu) => check_gnu(binary, &Needs::of(bytes)?),
        Some(Libc::Musl) => check_static(binary, &Needs::of(bytes)?),
        None => Ok(()),
    }
}

/// The same for a native module, which an interpreter loads: it may be dynamic on musl too.
pub(crate) fn check_module(build: &Build, module: &str, bytes: &[u8]) -> anyhow::Result<()> {
    check_origin(build, module, bytes)?;
    match build.target.libc {
        Some(Libc::Gnu) => check_gnu(module, &Needs::of(bytes)?),
        Some(Libc::Musl) => check_no_glibc(module, &Needs::of(bytes)?),
        None => Ok(()),
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

#[cfg(test)]
mod tests {
    use super::*;

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

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn a_real_dynamic_binary_is_not_static() {
        let bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let error = check_static("this test", &Needs::of(&bytes).unwrap()).unwrap_err();
        assert!(error.to_string().contains("must be static"), "{error}");
    }
}
