//! `cargo xtask release`: every decision of a release, so that workflows only wire runners,
//! permissions and artifacts.
//!
//! Data flows one way: [`project`] (what the workspace says) and [`target`] (what is built for) are
//! read by everything; a release is planned, built, assembled into one folder of assets, rehearsed,
//! signed, published and verified, one module each.

mod archive;
mod build;
mod checksums;
mod elf;
mod homebrew;
mod installer;
mod pages;
mod prepare;
mod progress;
mod project;
mod sbom;
mod scoop;
mod target;
mod template;
mod tool;
mod version;
mod workflow;

pub(crate) use checksums::Checksums;
pub(crate) use project::Project;
pub(crate) use target::Target;
pub(crate) use tool::Tool;
pub(crate) use version::ReleaseVersion;

use std::process::ExitCode;

/// Plan, build, rehearse and publish a release
#[derive(Debug, clap::Subcommand)]
pub(crate) enum ReleaseCommand {
    Build(build::BuildArgs),
    Pages(pages::PagesArgs),
    Generate(workflow::GenerateArgs),
    Prepare(prepare::PrepareArgs),
    Installer(installer::InstallerArgs),
}

pub(crate) fn run(command: ReleaseCommand) -> anyhow::Result<ExitCode> {
    match command {
        ReleaseCommand::Build(args) => build::run(args).map(|()| ExitCode::SUCCESS),
        ReleaseCommand::Pages(args) => pages::run(&args).map(|()| ExitCode::SUCCESS),
        ReleaseCommand::Prepare(args) => prepare::run(&args).map(|()| ExitCode::SUCCESS),
        ReleaseCommand::Generate(args) => workflow::run(&args),
        ReleaseCommand::Installer(args) => installer::run(&args),
    }
}
