//! `cargo xtask release`: every decision of a release, so that workflows only wire runners,
//! permissions and artifacts.
//!
//! Data flows one way: [`project`] (what the workspace says) and [`target`] (what is built for) are
//! read by everything; a release is planned, built, assembled into one folder of assets, rehearsed,
//! signed, published and verified, one module each.

mod archive;
mod assemble;
mod build;
mod channel;
mod check_wheel;
mod checksums;
mod commit;
mod elf;
mod fetch;
mod github;
mod homebrew;
mod image;
mod installer;
mod linux_packages;
mod macho;
mod new_key;
mod notes;
mod pages;
mod pe;
mod plan;
mod prepare;
mod progress;
mod project;
mod publish_github;
mod publish_packages;
mod rehearse;
#[cfg(test)]
mod sample_release;
mod sbom;
mod scoop;
mod sign;
mod signature;
mod stand_ins;
mod target;
mod template;
mod tool;
mod version;
mod wheel;
mod workflow;

pub(crate) use checksums::Checksums;
pub(crate) use commit::commit;
pub(crate) use progress::say;
pub(crate) use project::Project;
pub(crate) use target::Target;
pub(crate) use tool::Tool;
pub(crate) use version::ReleaseVersion;

use std::process::ExitCode;

/// Plan, build, rehearse and publish a release
#[derive(Debug, clap::Subcommand)]
pub(crate) enum ReleaseCommand {
    Build(build::BuildArgs),
    CheckWheel(check_wheel::CheckWheelArgs),
    Pages(pages::PagesArgs),
    Generate(workflow::GenerateArgs),
    Prepare(prepare::PrepareArgs),
    Installer(installer::InstallerArgs),
    Fetch(fetch::FetchArgs),
    PublishPackages(publish_packages::PublishPackagesArgs),
    PublishGithub(publish_github::PublishGithubArgs),
    Sign(sign::SignArgs),
    NewKey(new_key::NewKeyArgs),
    Plan(plan::PlanArgs),
    FetchImageWheels(image::FetchImageWheelsArgs),
    ImageContext(image::ImageContextArgs),
    BuildImages(image::BuildImagesArgs),
    CheckImage(image::CheckImageArgs),
    PinBases(image::PinBasesArgs),
    PromoteImages(image::PromoteImagesArgs),
    Assemble(assemble::AssembleArgs),
    Rehearse(rehearse::RehearseArgs),
    Verify(channel::VerifyArgs),
}

pub(crate) fn run(command: ReleaseCommand) -> anyhow::Result<ExitCode> {
    match command {
        ReleaseCommand::Build(args) => build::run(args).map(|()| ExitCode::SUCCESS),
        ReleaseCommand::CheckWheel(args) => check_wheel::run(&args).map(|()| ExitCode::SUCCESS),
        ReleaseCommand::Pages(args) => pages::run(&args).map(|()| ExitCode::SUCCESS),
        ReleaseCommand::Prepare(args) => prepare::run(&args).map(|()| ExitCode::SUCCESS),
        ReleaseCommand::Generate(args) => workflow::run(&args),
        ReleaseCommand::Installer(args) => installer::run(&args),
        ReleaseCommand::Fetch(args) => fetch::run(&args).map(|()| ExitCode::SUCCESS),
        ReleaseCommand::PublishPackages(args) => {
            publish_packages::run(&args).map(|()| ExitCode::SUCCESS)
        }
        ReleaseCommand::PublishGithub(args) => {
            publish_github::run(&args).map(|()| ExitCode::SUCCESS)
        }
        ReleaseCommand::Sign(args) => sign::run(&args).map(|()| ExitCode::SUCCESS),
        ReleaseCommand::NewKey(args) => new_key::run(&args).map(|()| ExitCode::SUCCESS),
        ReleaseCommand::Assemble(args) => assemble::run(&args).map(|()| ExitCode::SUCCESS),
        ReleaseCommand::Rehearse(args) => rehearse::run(&args),
        ReleaseCommand::Verify(args) => channel::run(&args).map(|()| ExitCode::SUCCESS),
        ReleaseCommand::FetchImageWheels(args) => {
            image::fetch_wheels(&args).map(|()| ExitCode::SUCCESS)
        }
        ReleaseCommand::ImageContext(args) => image::context(&args).map(|()| ExitCode::SUCCESS),
        ReleaseCommand::BuildImages(args) => image::build(&args).map(|()| ExitCode::SUCCESS),
        ReleaseCommand::CheckImage(args) => image::check(&args).map(|()| ExitCode::SUCCESS),
        ReleaseCommand::PinBases(args) => image::pin_bases(&args).map(|()| ExitCode::SUCCESS),
        ReleaseCommand::PromoteImages(args) => image::promote(&args).map(|()| ExitCode::SUCCESS),
        ReleaseCommand::Plan(args) => plan::run(&args).map(|()| ExitCode::SUCCESS),
    }
}
