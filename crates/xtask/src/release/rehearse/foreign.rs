//! Programs for other machines than this one, run wherever something here can run them.

use std::path::Path;

use anyhow::Context;

use super::releases::Release;
use super::report::{Report, Row};
use crate::release::channel::{Place, commands_work};
use crate::release::target::{Cpu, Libc, Os};
use crate::release::{Target, Tool, stand_ins};

/// Where Debian's `libc6-arm64-cross` has the loader and the libraries of that CPU.
const ARM64_LIBRARIES: &str = "/usr/aarch64-linux-gnu";

/// A row for each target that is not this machine's own.
pub(super) fn walk(report: &mut Report, release: &Release, scratch: &Path) {
    for target in Target::ALL {
        if Some(target) == Target::host() {
            continue;
        }
        let name = name(target);
        let archive = release.upload.join(target.archive());
        // An archive that cannot be read fails in the step that reads it.
        if stand_ins::stands_in(&archive, target).unwrap_or(false) {
            let why = if target.os == Os::Windows && target.cpu == Cpu::Arm64 {
                "no compiler here makes it; the workflow builds it"
            } else {
                "not built: `make cross-toolchain` sets up the compilers, where Debian has them"
            };
            report.note(Row::left(&name, why));
            continue;
        }
        match target.os {
            Os::Linux if !runs_here(target) => {
                let why = "no emulator of that CPU: `make container-tools` and Debian's libc6-arm64-cross";
                report.note(Row::left(&name, why));
            }
            Os::Linux => {
                report.step(&name, || {
                    linux(target, release, scratch).map(|row| vec![row])
                });
            }
            Os::MacOs => report.note(
                Row::real(
                    &name,
                    "compiled and linked: for that CPU, macOS 11 and newer, against libraries of the system only",
                    "zig; read from the Mach-O files by `release build`, which fails otherwise",
                )
                .but_for("a Mac: linked, not run"),
            ),
            // It has a step of its own.
            Os::Windows => {}
        }
    }
}

fn name(target: Target) -> String {
    let system = match (target.os, target.libc) {
        (Os::Linux, Some(Libc::Musl)) => "Linux, static,",
        (Os::Linux, _) => "Linux",
        (Os::MacOs, _) => "macOS",
        (Os::Windows, _) => "Windows",
    };
    let cpu = match target.cpu {
        Cpu::Amd64 => "x86_64",
        Cpu::Arm64 => "arm64",
    };
    format!("{system} {cpu} programs")
}

/// Whether programs of `target` run here, be it in an emulator.
pub(super) fn runs_here(target: Target) -> bool {
    let has_emulator = || Path::new("/proc/sys/fs/binfmt_misc/qemu-aarch64").exists();
    let has_libraries = || target.libc == Some(Libc::Musl) || Path::new(ARM64_LIBRARIES).exists();
    target.os == Os::Linux && (!is_emulated(target) || (has_emulator() && has_libraries()))
}

fn is_emulated(target: Target) -> bool {
    Target::host().is_some_and(|host| host.cpu != target.cpu)
}

/// How an emulator finds the libraries that programs of `target` are loaded with.
fn libraries(target: Target) -> Option<(&'static str, &'static str)> {
    (is_emulated(target) && target.libc == Some(Libc::Gnu))
        .then_some(("QEMU_LD_PREFIX", ARM64_LIBRARIES))
}

/// Lets `tool` run programs of `target`.
pub(super) fn emulate(tool: Tool, target: Target) -> Tool {
    match libraries(target) {
        Some((name, folder)) => tool.env(name, folder),
        None => tool,
    }
}

/// Unpacks the archive as an installer does, and uses both commands.
fn linux(target: Target, release: &Release, scratch: &Path) -> anyhow::Result<Row> {
    let place = Place::new(scratch, target.triple())?;
    let place = match libraries(target) {
        // For the programs themselves, and for the registry that `meshctl` starts.
        Some((name, folder)) => place.with_variable(name, folder),
        None => place,
    };
    Tool::new("tar")
        .arg("-xf")
        .arg(release.upload.join(target.archive()))
        .arg("-C")
        .arg(place.home())
        .output()?;
    let bin = place.home().join(target.archive_stem());
    commands_work(&bin, &release.build.source.version, &place)
        .with_context(|| format!("the programs of {target}"))?;
    place.remove()?;
    let kind = match target.libc {
        Some(Libc::Musl) => "static: no loader, no library",
        _ => "glibc 2.17 at most",
    };
    Ok(Row::real(
        &name(target),
        format!("{kind}; both commands work: a registry starts, answers, stops"),
        if is_emulated(target) {
            "run by qemu-user, out of the archive"
        } else {
            "run on this machine, out of the archive"
        },
    ))
}
