//! The two commands, compiled for a target.

use std::fs;

use anyhow::Context;

use super::{Build, inspect};
use crate::release::Tool;
use crate::release::archive::{Files, Mode};
use crate::release::elf::GlibcVersion;
use crate::release::project::{APP, BINARIES};
use crate::release::target::{Libc, Os};

/// Compiles and inspects both; by file name.
pub(super) fn compile(build: &Build) -> anyhow::Result<Files> {
    let triple = build.target.triple();
    // Linux is linked by zig, which brings the oldest glibc that we promise and a static musl.
    let (program, command, target) = match (build.target.os, build.target.libc) {
        (Os::Linux, Some(Libc::Gnu)) => {
            let target = format!("{triple}.{}", GlibcVersion::FLOOR);
            ("cargo-zigbuild", "zigbuild", target)
        }
        (Os::Linux, _) => ("cargo-zigbuild", "zigbuild", triple.to_owned()),
        (Os::MacOs | Os::Windows, _) => ("cargo", "build", triple.to_owned()),
    };
    let cargo = Tool::new(program)
        .args([command, "--release", "--locked", "--package", APP, "--bins"])
        .args(["--target", &target])
        .current_dir(&build.project.root);
    build.hide(&build.machine, cargo).show()?;

    let folder = build.machine.target_dir.join(triple).join("release");
    let mut binaries = Files::default();
    for binary in BINARIES {
        let name = build.target.executable(binary);
        let path = folder.join(&name);
        let bytes =
            fs::read(&path).with_context(|| format!("cargo left no `{}`", path.display()))?;
        inspect::check_program(build, &name, &bytes)?;
        binaries.insert(name, Mode::Program, bytes);
    }
    Ok(binaries)
}
