//! `meshctl scaffold`: what each kind of agent takes, and what is told about what was written.

mod a2a_consumer;
mod agent_args;
mod api;
mod basic;
mod compose;
mod config;
mod flags;
mod llm;
mod llm_provider;
mod outcome;
mod wizard;

pub(super) use compose::ComposeReport;
pub(super) use outcome::AgentFiles;

use std::path::PathBuf;

use super::Context;
use crate::error::CliError;
use agent_args::AgentArgs;
use compose::ComposeArgs;
use flags::FlagArgs;

/// Write a new agent that runs
///
/// On a terminal, and without a name, it asks what to write. An agent is a folder with its code, its
/// packages, a Dockerfile and settings for Helm. Existing files are replaced with `--force` only.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl scaffold                                     asks what to write
  meshctl scaffold basic --name planner
  meshctl scaffold llm --name writer --vendor claude
  meshctl scaffold --config planner.yaml --dry-run
  meshctl scaffold --compose --observability           for all agents of this folder")]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct ScaffoldArgs {
    #[command(subcommand)]
    kind: Option<KindCommand>,
    #[command(flatten)]
    agent: AgentArgs,
    /// Write what a YAML file describes; flags win over it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["compose", "observability"])]
    config: Option<PathBuf>,
    #[command(flatten)]
    compose: ComposeArgs,
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
    let ScaffoldArgs {
        kind,
        agent,
        config,
        compose,
        flags,
    } = args;
    match kind {
        Some(KindCommand::Basic(args)) => args.run(context),
        Some(KindCommand::Llm(args)) => args.run(context),
        Some(KindCommand::LlmProvider(args)) => args.run(context),
        Some(KindCommand::A2aConsumer(args)) => args.run(context).await,
        Some(KindCommand::Api(args)) => args.run(context),
        None => {
            if let Some(file) = config {
                config::run(&file, agent, context)
            } else if compose.compose || compose.observability {
                compose.run(&agent, context)
            } else if wizard::may_ask(&agent) && !flags.names_a_kind() {
                wizard::run(agent, context)
            } else {
                flags.run(agent, context)
            }
        }
    }
}
