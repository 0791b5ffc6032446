//! `meshctl scaffold llm-provider`.

use super::agent_args::AgentArgs;
use crate::commands::Context;
use crate::error::CliError;
use crate::scaffold::{Kind, LlmProvider, Model, Vendor};

/// Write an agent that offers a model to the mesh
///
/// It joins the mesh without a key, and answers once it has one.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl scaffold llm-provider --vendor claude
  meshctl scaffold llm-provider --name gateway --model openai/gpt-4o")]
pub(super) struct LlmProviderArgs {
    #[command(flatten)]
    agent: AgentArgs,
    /// Whose model it is
    #[arg(long, alias = "provider", value_enum, default_value_t)]
    vendor: Vendor,
    /// The model, as `vendor/model` [default: the vendor's usual one]
    #[arg(long)]
    model: Option<Model>,
    /// Further tags by which consumers choose it, separated by commas
    #[arg(long, value_delimiter = ',')]
    tags: Vec<String>,
}

impl LlmProviderArgs {
    pub(super) fn run(self, context: &mut Context) -> Result<(), CliError> {
        let Self {
            agent,
            vendor,
            model,
            tags,
        } = self;
        scaffold(agent, (vendor, model), tags, context)
    }
}

pub(super) fn scaffold(
    agent: AgentArgs,
    (vendor, model): (Vendor, Option<Model>),
    tags: Vec<String>,
    context: &mut Context,
) -> Result<(), CliError> {
    let name = match &agent.name {
        Some(name) => name.clone(),
        None => format!("{}-provider", vendor.as_str())
            .parse()
            .expect("it is a name"),
    };
    let kind = Kind::LlmProvider(LlmProvider {
        vendor,
        model: model.unwrap_or_else(|| vendor.default_model()),
        tags: super::flags::cleaned(tags),
    });
    agent.scaffold_named(name, kind, context)
}
