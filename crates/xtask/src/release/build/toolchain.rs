//! The compiler that serves a target: rustup's where it has that target's standard library, else the one
//! that `make cross-toolchain` unpacks into the checkout.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use mesh_core::env::Environment;

use crate::release::target::{Cpu, Libc, Os};
use crate::release::{Target, Tool};
use crate::root;

/// What Windows programs are compiled for where Microsoft's linker is missing.
const WINDOWS_GNU: &str = "x86_64-pc-windows-gnu";
/// The oldest macOS that programs start on.
const OLDEST_MACOS: &str = "11.0";

/// What zig links macOS programs against, beside the C library that it brings.
const MACOS_STUBS: &str = "packaging/cross/macos-stubs";

/// Who links Windows programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WindowsLinker {
    /// Microsoft's, as in every release.
    Msvc,
    /// The GNU one, for rehearsals on other systems.
    Gnu,
}

/// A compiler, and what it calls the target.
#[derive(Debug, Clone)]
pub(crate) struct Toolchain {
    /// The compiler's own name of the target.
    pub(crate) triple: &'static str,
    compiler: Compiler,
    /// Folders that compilers write into programs, and the names that replace them.
    renamed: Vec<(PathBuf, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Compiler {
    /// Whatever cargo takes by itself.
    Installed,
    /// `make cross-toolchain` put it into this folder.
    Cross(PathBuf),
}

impl Toolchain {
    /// Finds one for `target` on this machine.
    pub(crate) fn find(
        workspace: &Path,
        target: Target,
        linker: WindowsLinker,
    ) -> anyhow::Result<Self> {
        let triple = triple(target, linker)?;
        let cross = root::checkout().join(".tools/cross");
        let installed = installed(workspace, "target-libdir", triple)?;
        let compiler = choose(triple, &installed, &cross)?;
        Self::of(workspace, triple, compiler)
    }

    fn of(workspace: &Path, triple: &'static str, compiler: Compiler) -> anyhow::Result<Self> {
        let rustc = match &compiler {
            Compiler::Installed => installed_rustc(),
            Compiler::Cross(folder) => Tool::at(&folder.join("bin/rustc")),
        };
        let version = rustc
            .args(["--version", "--verbose"])
            .current_dir(workspace)
            .output()?;
        let commit = version
            .lines()
            .find_map(|line| line.strip_prefix("commit-hash: "))
            .unwrap_or("unknown");
        let sysroot = match &compiler {
            Compiler::Installed => installed(workspace, "sysroot", triple)?,
            Compiler::Cross(folder) => folder.join("usr"),
        };
        // The name that the standard library has where its source is not installed.
        let source = sysroot.join("lib/rustlib/src/rust");
        let name = format!("/rustc/{commit}");
        let mut renamed = Vec::new();
        // Debian's is a link, and the compiler writes either name.
        if let Some(target) = fs::canonicalize(&source)
            .ok()
            .filter(|target| *target != source)
        {
            renamed.push((target, name.clone()));
        }
        renamed.push((source, name));
        renamed.push((sysroot, "/rust".to_owned()));
        Ok(Self {
            triple,
            compiler,
            renamed,
        })
    }

    pub(super) fn renamed(&self) -> &[(PathBuf, String)] {
        &self.renamed
    }

    /// Makes cargo and maturin use it.
    pub(super) fn take(&self, tool: Tool, target: Target) -> Tool {
        let tool = match &self.compiler {
            Compiler::Installed => tool,
            Compiler::Cross(folder) => tool.env("RUSTC", folder.join("bin/rustc")),
        };
        match target.os {
            Os::MacOs => {
                let tool = tool.env("MACOSX_DEPLOYMENT_TARGET", OLDEST_MACOS);
                if is_linked_by_zig(target) {
                    // Two frameworks that Apple's SDK would describe. No flag says this, because cargo hashes
                    // flags into every symbol.
                    tool.env("SDKROOT", root::checkout().join(MACOS_STUBS))
                } else {
                    tool
                }
            }
            Os::Windows if self.triple == WINDOWS_GNU => tool.env(
                "CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER",
                "x86_64-w64-mingw32-gcc",
            ),
            Os::Windows | Os::Linux => tool,
        }
    }

    /// What its standard library and its linker ask for.
    pub(super) fn rust_flags(&self, target: Target) -> Vec<String> {
        let flags: &[&str] = match (target.os, target.libc) {
            // No time stamp in the header, and no C runtime that a user would have to install first.
            (Os::Windows, _) if self.triple == WINDOWS_GNU => &[
                "-Clink-arg=-Wl,--no-insert-timestamp",
                "-Ctarget-feature=+crt-static",
            ],
            (Os::Windows, _) => &["-Clink-arg=/Brepro", "-Ctarget-feature=+crt-static"],
            // It has no C library of its own; zig brings one.
            (Os::Linux, Some(Libc::Musl)) if self.compiler != Compiler::Installed => {
                &["-Clink-self-contained=no"]
            }
            _ => &[],
        };
        flags.iter().map(|&flag| flag.to_owned()).collect()
    }
}

/// Whether zig links: whatever is not for the system at hand, and for Linux always, because it brings the
/// oldest glibc that we promise.
pub(super) fn is_linked_by_zig(target: Target) -> bool {
    match target.os {
        Os::Linux => true,
        Os::MacOs => !cfg!(target_os = "macos"),
        Os::Windows => false,
    }
}

/// What the compiler calls `target`.
fn triple(target: Target, linker: WindowsLinker) -> anyhow::Result<&'static str> {
    match (target.os, target.cpu, linker) {
        (Os::Windows, Cpu::Amd64, WindowsLinker::Gnu) => Ok(WINDOWS_GNU),
        (_, _, WindowsLinker::Gnu) => {
            bail!("`--windows-gnu` stands in for `x86_64-pc-windows-msvc` only, not for `{target}`")
        }
        (Os::Windows, cpu, WindowsLinker::Msvc) if !cfg!(windows) => {
            let cure = match cpu {
                Cpu::Amd64 => "; for a trial of your own, `--windows-gnu` links without it",
                Cpu::Arm64 => "",
            };
            bail!(
                "`{target}` is linked by Microsoft's linker, so on Windows; the release workflow \
                 does that{cure}"
            )
        }
        _ => Ok(target.triple()),
    }
}

/// Prefers the compiler that is there anyway, whose standard library lies in `installed`.
fn choose(triple: &str, installed: &Path, cross: &Path) -> anyhow::Result<Compiler> {
    if installed.is_dir() {
        return Ok(Compiler::Installed);
    }
    // The stamp comes last: a folder alone may be half of a standard library.
    if cross.join("stamps").join(triple).exists() {
        return Ok(Compiler::Cross(cross.to_owned()));
    }
    bail!(
        "there is no standard library of `{triple}` here; run `rustup target add {triple}`, or on \
         Debian 12 `make cross-toolchain`"
    )
}

/// The compiler that cargo takes by itself.
fn installed_rustc() -> Tool {
    Environment::of_process()
        .get("RUSTC")
        .map_or_else(|| Tool::new("rustc"), |rustc| Tool::at(Path::new(&rustc)))
}

/// What it says about itself.
fn installed(workspace: &Path, what: &str, triple: &str) -> anyhow::Result<PathBuf> {
    let path = installed_rustc()
        .args(["--print", what, "--target", triple])
        .current_dir(workspace)
        .output()
        .with_context(|| format!("the compiler knows no `{triple}`"))?;
    Ok(path.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(triple: &str) -> Target {
        triple.parse().unwrap()
    }

    fn flags(triple: &'static str, target: &str, compiler: Compiler) -> Vec<String> {
        let toolchain = Toolchain {
            triple,
            compiler,
            renamed: Vec::new(),
        };
        toolchain.rust_flags(target.parse().unwrap())
    }

    #[test]
    fn the_installed_compiler_is_preferred_and_half_a_library_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let (installed, cross) = (folder.path().join("lib"), folder.path().join("cross"));
        let musl = "x86_64-unknown-linux-musl";
        let error = choose(musl, &installed, &cross).unwrap_err().to_string();
        assert!(
            error.contains("`rustup target add x86_64-unknown-linux-musl`"),
            "{error}"
        );
        assert!(error.contains("`make cross-toolchain`"), "{error}");

        fs::create_dir_all(cross.join("usr/lib/rustlib").join(musl).join("lib")).unwrap();
        assert!(choose(musl, &installed, &cross).is_err());
        fs::create_dir_all(cross.join("stamps")).unwrap();
        fs::write(cross.join("stamps").join(musl), "").unwrap();
        assert_eq!(
            choose(musl, &installed, &cross).unwrap(),
            Compiler::Cross(cross.clone())
        );
        fs::create_dir(&installed).unwrap();
        assert_eq!(
            choose(musl, &installed, &cross).unwrap(),
            Compiler::Installed
        );
    }

    #[test]
    fn the_compiler_at_hand_serves_this_machine() {
        let host = Target::host().expect("tests run on a target of releases");
        let toolchain =
            Toolchain::find(crate::root::checkout(), host, WindowsLinker::Msvc).unwrap();
        assert_eq!(toolchain.compiler, Compiler::Installed);
        assert_eq!(toolchain.triple, host.triple());
        let names: Vec<_> = toolchain.renamed.iter().map(|(_, name)| name).collect();
        assert_eq!(names.last().unwrap().as_str(), "/rust");
        assert!(names[0].starts_with("/rustc/"), "{names:?}");
    }

    #[test]
    fn a_windows_program_brings_its_runtime_and_no_time() {
        let windows = "x86_64-pc-windows-msvc";
        let msvc = flags(windows, windows, Compiler::Installed);
        assert_eq!(msvc, ["-Clink-arg=/Brepro", "-Ctarget-feature=+crt-static"]);
        let gnu = flags(WINDOWS_GNU, windows, Compiler::Cross("/x".into()));
        assert_eq!(gnu[0], "-Clink-arg=-Wl,--no-insert-timestamp");
    }

    #[test]
    fn only_a_library_without_musl_takes_zigs() {
        let musl = "aarch64-unknown-linux-musl";
        assert!(flags(musl, musl, Compiler::Installed).is_empty());
        assert_eq!(
            flags(musl, musl, Compiler::Cross("/x".into())),
            ["-Clink-self-contained=no"]
        );
        let gnu = "aarch64-unknown-linux-gnu";
        assert!(flags(gnu, gnu, Compiler::Cross("/x".into())).is_empty());
    }

    #[test]
    fn each_framework_is_described_under_its_own_name() {
        let frameworks = crate::root::checkout()
            .join(MACOS_STUBS)
            .join("System/Library/Frameworks");
        let mut found = Vec::new();
        for entry in fs::read_dir(frameworks).unwrap() {
            let folder = entry.unwrap().path();
            let name = folder.file_stem().unwrap().to_str().unwrap().to_owned();
            let text = fs::read_to_string(folder.join(format!("{name}.tbd"))).unwrap();
            let path = format!("/System/Library/Frameworks/{name}.framework/Versions/A/{name}");
            assert!(text.contains(&format!("install-name: '{path}'")), "{text}");
            assert!(
                text.contains("targets: [ x86_64-macos, arm64-macos ]"),
                "{text}"
            );
            found.push(name);
        }
        found.sort();
        assert_eq!(found, ["CoreFoundation", "Security"]);
    }

    #[test]
    fn the_gnu_linker_stands_in_for_one_target() {
        let windows = target("x86_64-pc-windows-msvc");
        assert_eq!(triple(windows, WindowsLinker::Gnu).unwrap(), WINDOWS_GNU);
        for other in ["aarch64-pc-windows-msvc", "x86_64-unknown-linux-gnu"] {
            let error = triple(target(other), WindowsLinker::Gnu).unwrap_err();
            assert!(error.to_string().contains(other), "{error}");
        }
    }

    #[cfg(not(windows))]
    #[test]
    fn what_only_windows_links_is_refused_with_a_way_on() {
        for (target, way) in [
            ("x86_64-pc-windows-msvc", "`--windows-gnu`"),
            ("aarch64-pc-windows-msvc", "the release workflow does that"),
        ] {
            let error = triple(self::target(target), WindowsLinker::Msvc).unwrap_err();
            assert!(error.to_string().contains(way), "{error}");
        }
    }
}
