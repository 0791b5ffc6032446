//! What stands in a rehearsal for what only a release builds: the archives that `assemble --lies` puts in
//! the place of targets that were not built, and Windows programs that were linked without Microsoft's
//! tools. Nobody else may ever meet either.

use std::fs;
use std::path::Path;

use anyhow::{Context, ensure};

use super::archive::Files;
use super::pe::WindowsNeeds;
use super::project::BINARIES;
use super::target::Os;
use super::{Target, elf, wheel};

/// Refuses a folder of assets in which an archive holds something else than the programs of its target.
pub(crate) fn refuse(folder: &Path) -> anyhow::Result<()> {
    for target in Target::ALL {
        let archive = folder.join(target.archive());
        let files = Files::unpack(&archive)?;
        for binary in BINARIES.map(|binary| target.executable(binary)) {
            let program = files.iter().find(|(path, ..)| {
                let (_, name) = path.rsplit_once('/').unwrap_or(("", path));
                name == binary
            });
            let (_, _, bytes) = program
                .with_context(|| format!("there is no `{binary}` in `{}`", archive.display()))?;
            ensure!(
                elf::is_auditable(bytes).unwrap_or(false),
                "`{binary}` in `{}` is no program that `release build` made; what stands in for one \
                 is never published. Build {target}, and assemble without `--lies`",
                archive.display()
            );
            if target.os == Os::Windows {
                check_linker(&binary, bytes, &archive)?;
            }
        }
    }
    refuse_wheels(folder)
}

/// The same for native modules.
fn refuse_wheels(folder: &Path) -> anyhow::Result<()> {
    let unreadable = || format!("failed to read `{}`", folder.display());
    for entry in fs::read_dir(folder).with_context(unreadable)? {
        let wheel = entry.with_context(unreadable)?.path();
        let name = wheel.file_name().unwrap_or_default().to_string_lossy();
        if !(name.contains("-win_") && name.ends_with(".whl")) {
            continue;
        }
        let named = || format!("in `{}`", wheel.display());
        let bytes = fs::read(&wheel).with_context(named)?;
        for (path, bytes) in wheel::native_modules(&bytes).with_context(named)? {
            check_linker(&path, &bytes, &wheel)?;
        }
    }
    Ok(())
}

fn check_linker(binary: &str, bytes: &[u8], file: &Path) -> anyhow::Result<()> {
    let needs =
        WindowsNeeds::of(bytes).with_context(|| format!("`{binary}` in `{}`", file.display()))?;
    ensure!(
        !needs.is_gnu,
        "`{binary}` in `{}` was linked by GNU tools, with `--windows-gnu`, for a rehearsal; build it \
         on Windows, or in the release workflow",
        file.display()
    );
    Ok(())
}

/// Whether `archive` holds no program that `release build` made for `target`.
pub(crate) fn stands_in(archive: &Path, target: Target) -> anyhow::Result<bool> {
    let files = Files::unpack(archive)?;
    let program = target.executable(BINARIES[0]);
    Ok(!files.iter().any(|(path, _, bytes)| {
        path.rsplit('/').next() == Some(&program) && elf::is_auditable(bytes).unwrap_or(false)
    }))
}

#[cfg(test)]
mod tests {
    use super::super::archive::Mode;
    use super::super::pe;
    use super::*;

    fn refusal(folder: &Path) -> String {
        format!("{:#}", refuse(folder).unwrap_err())
    }

    fn pack(folder: &Path, target: Target, program: &[u8]) {
        let mut files = Files::default();
        for binary in BINARIES {
            files.insert(target.executable(binary), Mode::Program, program.to_vec());
        }
        files
            .pack(&folder.join(target.archive()), 1_700_000_000)
            .unwrap();
    }

    #[test]
    fn what_holds_no_program_is_named_with_its_cure() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        for target in Target::ALL {
            pack(folder, target, b"");
        }
        let first = Target::ALL[0];
        let error = refusal(folder);
        assert!(error.contains(&first.archive()), "{error}");
        assert!(error.contains("without `--lies`"), "{error}");

        // A program, but not one that was built for a release: this test.
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        pack(folder, first, &program[..1 << 16]);
        assert!(refusal(folder).contains(&first.archive()));
    }

    #[test]
    fn a_windows_program_that_gnu_tools_linked_is_named_with_its_cure() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        for target in Target::ALL {
            // Of another system than most of them, but it has the list of its crates.
            pack(folder, target, &pe::sample(14, &["kernel32.dll"]));
        }
        refuse(folder).unwrap();

        let mut files = Files::default();
        let module = pe::sample(14, &["python3.dll", "msvcrt.dll"]);
        files.insert("mesh/_mesh.pyd", Mode::Program, module);
        let wheel = "mcp_mesh-4.0.0-cp311-abi3-win_amd64.whl";
        fs::write(folder.join(wheel), files.zip(1_700_000_000).unwrap()).unwrap();
        let error = refusal(folder);
        assert!(error.contains("`mesh/_mesh.pyd`"), "{error}");
        assert!(error.contains(wheel), "{error}");

        let windows = "x86_64-pc-windows-msvc".parse().unwrap();
        pack(folder, windows, &pe::sample(2, &["kernel32.dll"]));
        let error = refusal(folder);
        assert!(error.contains("`meshctl.exe`"), "{error}");
        assert!(error.contains("build it on Windows"), "{error}");
    }

    #[test]
    fn an_archive_that_is_missing_or_empty_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let first = folder.path().join(Target::ALL[0].archive());
        assert!(refusal(folder.path()).contains("failed to read"));
        std::fs::write(&first, "<html>404</html>").unwrap();
        assert!(refusal(folder.path()).contains("failed to unpack"));
        Files::default().pack(&first, 1_700_000_000).unwrap();
        assert!(refusal(folder.path()).contains("there is no `meshctl` in"));
    }
}
