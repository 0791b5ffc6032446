//! `meshctl scaffold llm`.

use super::agent_args::AgentArgs;
use crate::commands::Context;
use crate::error::{CliError, Kind as Failure};
use crate::scaffold::{Filter, FilterMode, Kind, Language, Llm, Vendor};

/// What it is called where nobody names it.
pub(super) const NAME: &str = "llm-consumer";

/// The parameter whose fields the prompt sees, where nobody names it.
pub(super) const CONTEXT: &str = "ctx";

/// Write an agent that asks a model of the mesh
///
/// It needs no key: some LLM provider of the mesh has the model.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl scaffold llm --name writer --vendor claude
  meshctl scaffold llm --name writer --response-format json --lang java")]
pub(super) struct LlmArgs {
    #[command(flatten)]
    agent: AgentArgs,
    /// Whose model is preferred
    #[arg(long, alias = "provider", value_enum, default_value_t)]
    vendor: Vendor,
    #[command(flatten)]
    asking: AskingArgs,
    /// Tags of the tool, separated by commas [default: llm]
    #[arg(long, value_delimiter = ',')]
    tags: Vec<String>,
}

/// How the model is asked
#[derive(Debug, clap::Args)]
pub(super) struct AskingArgs {
    /// How often the model may ask for tools before it answers
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) max_iterations: u32,
    /// The model's instructions, or `file://` and a template
    #[arg(long, value_name = "TEXT")]
    pub(super) system_prompt: Option<String>,
    /// The parameter whose fields the instructions see
    #[arg(long, value_name = "NAME", default_value = CONTEXT)]
    pub(super) context_param: String,
    /// What the tool returns
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(super) response_format: ResponseFormat,
    /// Tools that the model may use: a capability, or selectors as JSON
    #[arg(long)]
    pub(super) filter: Option<Filter>,
    /// Which of the tools that fit
    #[arg(long, value_enum, value_name = "MODE", default_value_t)]
    pub(super) filter_mode: FilterMode,
}

/// What a tool returns that asks a model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ResponseFormat {
    /// A text
    #[default]
    Text,
    /// Fields that the model fills in
    Json,
}

impl LlmArgs {
    pub(super) fn run(self, context: &mut Context) -> Result<(), CliError> {
        let Self {
            agent,
            vendor,
            asking,
            tags,
        } = self;
        asking.scaffold(agent, vendor, tags, context)
    }
}

impl AskingArgs {
    pub(super) fn scaffold(
        self,
        agent: AgentArgs,
        vendor: Vendor,
        tags: Vec<String>,
        context: &mut Context,
    ) -> Result<(), CliError> {
        let Self {
            max_iterations,
            system_prompt,
            context_param,
            response_format,
            filter,
            filter_mode,
        } = self;
        check_parameter(&context_param)?;
        let kind = Kind::Llm(Llm {
            vendor,
            provider_tags: None,
            max_iterations,
            system_prompt: system_prompt.filter(|text| !text.trim().is_empty()),
            context_param,
            json: response_format == ResponseFormat::Json,
            filter: filter.unwrap_or_default(),
            filter_mode,
            tags: super::flags::cleaned(tags),
        });
        let name = match &agent.name {
            Some(name) => name.clone(),
            None => NAME.parse().expect("it is a name"),
        };
        agent.scaffold_named(name, kind, context)
    }
}

/// A parameter has a name that every language takes, and that nothing else in the code has.
pub(super) fn check_parameter(name: &str) -> Result<(), CliError> {
    let first = name.starts_with(|c: char| c.is_ascii_alphabetic());
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if first && name.chars().all(allowed) && Language::ALL.iter().all(|it| it.takes(name)) {
        return Ok(());
    }
    Err(
        CliError::new(format!("`{name}` cannot be the name of a parameter"))
            .of_kind(Failure::Usage)
            .hint("use a word of letters, digits and `_` for `--context-param`"),
    )
}
