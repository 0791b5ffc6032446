//! Files that are generated, committed and checked.

mod command_line;
mod environment;
mod http_surface;

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
    sync_all(mode, root::checkout())
}

/// Brings the generated pages of the checkout at `workspace`, whose source is this program's, in line.
pub(crate) fn sync_all(mode: Mode, workspace: &Path) -> anyhow::Result<()> {
    for (path, fresh) in pages() {
        let page = Generated {
            path: Path::new(&path),
            fresh: &fresh,
            command: "cargo xtask generate",
        };
        page.sync(mode, workspace)?;
    }
    Ok(())
}

/// The pages, each with its path and what it should say.
fn pages() -> Vec<(String, String)> {
    let openapi = mesh_registry::openapi();
    let pages = [
        ("docs/reference/environment.md", environment::reference()),
        (
            "docs/reference/meshctl.md",
            command_line::reference(meshctl::command(), "crates/meshctl"),
        ),
        (
            "docs/reference/mcp-mesh-registry.md",
            command_line::reference(mesh_registry::cli::command(), "crates/mesh-registry"),
        ),
        ("docs/reference/http.md", http_surface::reference(&openapi)),
        ("schemas/openapi.json", openapi),
    ];
    let pages = pages.map(|(path, page)| (path.to_owned(), page));
    let schemas = meshctl::json_schemas().into_iter();
    let schemas = schemas.map(|(name, schema)| (format!("schemas/meshctl/{name}.json"), schema));
    pages.into_iter().chain(schemas).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    /// `release prepare` writes the pages of the next version with a program of the version before.
    #[test]
    fn no_page_depends_on_the_version() {
        let dated = concat!("version ", env!("CARGO_PKG_VERSION"));
        for (path, page) in pages() {
            assert!(!page.contains(dated), "{path} says `{dated}`");
        }
    }

    #[test]
    fn a_checkout_without_pages_gets_them() {
        let workspace = tempfile::tempdir().unwrap();
        sync_all(Mode::Write, workspace.path()).unwrap();
        sync_all(Mode::Check, workspace.path()).unwrap();
        fs::write(workspace.path().join("docs/reference/meshctl.md"), "old").unwrap();
        let error = sync_all(Mode::Check, workspace.path()).unwrap_err();
        assert!(
            error.to_string().contains("cargo xtask generate"),
            "{error}"
        );
    }
}
