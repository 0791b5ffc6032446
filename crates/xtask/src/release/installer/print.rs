//! Prints a hardened installer, for eyes and lints.

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::Context;

use super::{harden_powershell, harden_shell, sample};
use crate::release::Project;
use crate::root;

/// Print an installer as users get it, made from the recorded one
#[derive(Debug, clap::Args)]
pub(crate) struct InstallerArgs {
    /// Which installer
    #[arg(value_enum)]
    kind: Kind,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Kind {
    /// For sh
    Shell,
    /// For PowerShell
    Powershell,
}

pub(crate) fn run(args: &InstallerArgs) -> anyhow::Result<ExitCode> {
    let project = Project::load(root::checkout())?;
    let archives = sample::checksums()?;
    let text = match args.kind {
        Kind::Shell => harden_shell(&sample::shell(&project)?, &project, &archives)?,
        Kind::Powershell => harden_powershell(&sample::powershell(&project)?, &project, &archives)?,
    };
    io::stdout()
        .write_all(text.as_bytes())
        .context("failed to print the installer")?;
    Ok(ExitCode::SUCCESS)
}
