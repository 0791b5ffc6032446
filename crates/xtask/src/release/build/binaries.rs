//! The two commands, compiled for a target.

use std::fs;

use anyhow::Context;

use super::toolchain::is_linked_by_zig;
use super::{Build, inspect};
use crate::release::Tool;
use crate::release::archive::{Files, Mode};
use crate::release::elf::GlibcVersion;
use crate::release::project::{APP, BINARIES};
use crate::release::target::Libc;

/// Compiles and inspects both; by file name.
pub(super) fn compile(build: &Build) -> anyhow::Result<Files> {
    let triple = build.machine.toolchain.triple;
    let (program, command) = if is_linked_by_zig(build.target) {
        ("cargo-zigbuild", "zigbuild")
    } else {
        ("cargo", "build")
    };
    let target = match build.target.libc {
        Some(Libc::Gnu) => format!("{triple}.{}", GlibcVersion::FLOOR),
        Some(Libc::Musl) | None => triple.to_owned(),
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
