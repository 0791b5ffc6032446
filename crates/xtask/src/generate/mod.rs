//! Files that are generated, committed and checked.

mod command_line;
mod environment;

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};

use crate::root;

/// Write the generated files
#[derive(Debug, clap::Args)]
pub(crate) struct GenerateArgs {
    /// Write nothing; fail when a committed file is stale
    #[arg(long)]
    check: bool,
}

/// What to do about a stale file.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mode {
    Check,
    Write,
}

/// A file that a command writes.
#[derive(Debug)]
pub(crate) struct Generated<'a> {
    /// Where it is, relative to its checkout.
    pub(crate) path: &'a Path,
    pub(crate) fresh: &'a str,
    /// What brings it up to date.
    pub(crate) command: &'a str,
}

pub(crate) fn run(args: &GenerateArgs) -> anyhow::Result<()> {
    let mode = if args.check { Mode::Check } else { Mode::Write };
    let pages = [
        ("docs/reference/environment.md", environment::reference()),
        (
            "docs/reference/meshctl.md",
            command_line::reference(meshctl::command()),
        ),
    ];
    for (path, fresh) in pages {
        let page = Generated {
            path: Path::new(path),
            fresh: &fresh,
            command: "cargo xtask generate",
        };
        page.sync(mode, root::checkout())?;
    }
    Ok(())
}

impl Generated<'_> {
    /// Brings the file in the checkout at `root` in line with what it should say.
    pub(crate) fn sync(&self, mode: Mode, root: &Path) -> anyhow::Result<()> {
        let file = root.join(self.path);
        let path = self.path.display();
        // A missing file is as stale as an old one.
        let current = fs::read_to_string(&file).unwrap_or_default();
        match mode {
            _ if current == self.fresh => Ok(()),
            Mode::Check => bail!("`{path}` is stale; run `{}`", self.command),
            Mode::Write => {
                let folder = file.parent().context("a generated file is in a folder")?;
                fs::create_dir_all(folder)
                    .with_context(|| format!("failed to create `{}`", folder.display()))?;
                fs::write(&file, self.fresh).with_context(|| format!("failed to write `{path}`"))
            }
        }
    }
}
