//! `cargo xtask`: what the project does to itself. Generators, releases, and the tally of a whole test run;
//! the house rules are this crate's tests.

mod generate;
mod platform;
mod release;
mod root;
mod tally;

use std::process::ExitCode;

use clap::Parser;

/// Work on the project itself
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Task {
    Generate(generate::GenerateArgs),
    #[command(subcommand)]
    Release(release::ReleaseCommand),
    #[command(subcommand)]
    Tally(tally::TallyCommand),
}

fn main() -> anyhow::Result<ExitCode> {
    match Task::parse() {
        Task::Generate(args) => generate::run(&args).map(|()| ExitCode::SUCCESS),
        Task::Release(command) => release::run(command),
        Task::Tally(command) => tally::run(command),
    }
}
