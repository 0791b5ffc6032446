//! Files that are generated, committed and checked.

mod command_line;
mod environment;

use std::fs;

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
enum Mode {
    Check,
    Write,
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
        sync(mode, path, &fresh)?;
    }
    Ok(())
}

/// Brings the file at `path` (relative to the checkout) in line with `fresh`.
fn sync(mode: Mode, path: &str, fresh: &str) -> anyhow::Result<()> {
    let file = root::checkout().join(path);
    // A missing file is as stale as an old one.
    let current = fs::read_to_string(&file).unwrap_or_default();
    match mode {
        _ if current == fresh => Ok(()),
        Mode::Check => bail!("`{path}` is stale; run `cargo xtask generate`"),
        Mode::Write => {
            let folder = file.parent().context("a generated file is in a folder")?;
            fs::create_dir_all(folder)
                .with_context(|| format!("failed to create `{}`", folder.display()))?;
            fs::write(&file, fresh).with_context(|| format!("failed to write `{path}`"))
        }
    }
}
