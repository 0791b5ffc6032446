//! What `assemble --lies` puts in the place of targets that were not built. A rehearsal needs it; nobody
//! else may ever meet it.

use std::path::Path;

use anyhow::{Context, ensure};

use super::archive::Files;
use super::project::BINARIES;
use super::{Target, elf};

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
        }
    }
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
