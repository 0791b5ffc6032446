//! `meshctl scaffold`: what each kind of agent takes, and what is told about what was written.

mod a2a_consumer;
mod agent_args;
mod api;
mod basic;
mod flags;
mod llm;
mod llm_provider;
mod outcome;

use super::Context;
use crate::error::CliError;
use agent_args::AgentArgs;
use flags::FlagArgs;

/// Write a new agent that runs
///
/// An agent is a folder with its code, its packages, a Dockerfile and settings for Helm. Existing files
/// are replaced with `--force` only.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct ScaffoldArgs {
    #[command(subcommand)]
    kind: Option<KindCommand>,
    #[command(flatten)]
    agent: AgentArgs,
    #[command(flatten)]
    flags: FlagArgs,
}

/// The kinds of agents.
#[derive(Debug, clap::Subcommand)]
enum KindCommand {
    Basic(basic::BasicArgs),
    Llm(llm::LlmArgs),
    LlmProvider(llm_provider::LlmProviderArgs),
    A2aConsumer(a2a_consumer::A2aConsumerArgs),
    Api(api::ApiArgs),
}

pub(crate) async fn run(args: ScaffoldArgs, context: &mut Context) -> Result<(), CliError> {
    let ScaffoldArgs { kind, agent, flags } = args;
    match kind {
        Some(KindCommand::Basic(args)) => args.run(context),
        Some(KindCommand::Llm(args)) => args.run(context),
        Some(KindCommand::LlmProvider(args)) => args.run(context),
        Some(KindCommand::A2aConsumer(args)) => args.run(context).await,
        Some(KindCommand::Api(args)) => args.run(context),
        None => flags.run(agent, context),
    }
}
