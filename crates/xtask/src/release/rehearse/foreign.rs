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

/// Unpacks the archive as an installer does, and uses both commands.
fn linux(target: Target, release: &Release, scratch: &Path) -> anyhow::Result<Row> {
    let place = Place::new(scratch, target.triple())?;
    let is_emulated = Target::host().is_some_and(|host| host.cpu != target.cpu);
    let place = match (is_emulated, target.libc) {
        // For the programs themselves, and for the registry that `meshctl` starts.
        (true, Some(Libc::Gnu)) => place.with_variable("QEMU_LD_PREFIX", ARM64_LIBRARIES),
        _ => place,
    };
    Tool::new("tar")
        .arg("-xf")
        .arg(release.upload.join(target.archive()))
        .arg("-C")
        .arg(place.home())
        .output()?;
    let bin = place.home().join(target.archive_stem());
    commands_work(&bin, &release.build.source.version, &place).with_context(|| {
        if is_emulated {
            "with an emulator for that CPU, which `make container-tools` registers".to_owned()
        } else {
            format!("`{target}`")
        }
    })?;
    place.remove()?;
    let kind = match target.libc {
        Some(Libc::Musl) => "static: no loader, no library",
        _ => "glibc 2.17 at most",
    };
    Ok(Row::real(
        &name(target),
        format!("{kind}; both commands work: a registry starts, answers, stops"),
        if is_emulated {
            "run by qemu-user, out of the archive"
        } else {
            "run on this machine, out of the archive"
        },
    ))
}
