//! `meshctl scaffold` without a kind: flags that say it, as scripts of earlier releases do.

use clap::ValueEnum;

use super::agent_args::AgentArgs;
use super::basic::ToolArgs;
use super::llm::AskingArgs;
use super::{api, llm_provider};
use crate::commands::Context;
use crate::error::{CliError, Kind as Failure};
use crate::scaffold::{Model, Vendor};

/// The kind of the agent, and what each kind takes
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Without a subcommand")]
pub(super) struct FlagArgs {
    /// The kind of agent
    #[arg(short, long, value_enum, value_name = "KIND")]
    template: Option<Template>,
    /// What `--template` is, by its former name
    #[arg(long, value_name = "KIND", hide = true, conflicts_with = "template")]
    agent_type: Option<String>,
    #[command(flatten)]
    tool: ToolArgs,
    /// Whose model an LLM provider offers
    #[arg(long, value_enum, value_name = "VENDOR")]
    provider: Option<Vendor>,
    /// Whose model an LLM agent prefers
    #[arg(long, value_enum, value_name = "VENDOR")]
    llm_selector: Option<Vendor>,
    /// The model that an LLM provider offers, as `vendor/model`
    #[arg(long)]
    model: Option<Model>,
    #[command(flatten)]
    asking: AskingArgs,
    /// Tags, separated by commas
    #[arg(long, value_delimiter = ',')]
    tags: Vec<String>,
}

/// What an agent can be, by the names of these flags.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Template {
    /// Offers tools
    #[default]
    Basic,
    /// Asks a model
    #[value(alias = "llm")]
    LlmAgent,
    /// Offers a model
    LlmProvider,
    /// Serves HTTP
    Api,
}

impl Template {
    /// What it is as a subcommand.
    fn subcommand(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::LlmAgent => "llm",
            Self::LlmProvider => "llm-provider",
            Self::Api => "api",
        }
    }
}

impl FlagArgs {
    /// Whether a kind was named, so that nobody has to be asked for it.
    pub(super) fn names_a_kind(&self) -> bool {
        self.template.is_some() || self.agent_type.is_some()
    }

    pub(super) fn run(self, agent: AgentArgs, context: &mut Context) -> Result<(), CliError> {
        let Self {
            template,
            agent_type,
            tool,
            provider,
            llm_selector,
            model,
            asking,
            tags,
        } = self;
        let template = match agent_type {
            Some(former) => of_former(&former, context)?,
            None => template.unwrap_or_default(),
        };
        agent.check_named(template.subcommand())?;
        let vendor = llm_selector.or(provider).unwrap_or_default();
        match template {
            Template::Basic => {
                let kind = tool.kind(tags)?;
                agent.scaffold(kind, context)
            }
            Template::LlmAgent => asking.scaffold(agent, vendor, tags, context),
            Template::LlmProvider => {
                let vendor = provider.or(llm_selector).unwrap_or_default();
                llm_provider::scaffold(agent, (vendor, model), tags, context)
            }
            Template::Api => api::scaffold(agent, tags, context),
        }
    }
}

/// What `--agent-type` means, with a warning that it is a former name.
fn of_former(text: &str, context: &mut Context) -> Result<Template, CliError> {
    let template = match text {
        "tool" => Template::Basic,
        "llm-agent" => Template::LlmAgent,
        "llm-provider" => Template::LlmProvider,
        "api" => {
            return Err(CliError::new("there is no `--agent-type api`")
                .of_kind(Failure::Usage)
                .hint("use `meshctl scaffold api`"));
        }
        _ => {
            return Err(CliError::new(format!(
                "`{text}` is no --agent-type: tool, llm-agent or llm-provider"
            ))
            .of_kind(Failure::Usage)
            .hint("`meshctl scaffold --help` lists the kinds"));
        }
    };
    context.printer.warn(format_args!(
        "--agent-type is deprecated; use 'meshctl scaffold {}'",
        template.subcommand()
    ))?;
    Ok(template)
}

/// Tags without blanks around them, and without those that are nothing else.
pub(super) fn cleaned(tags: Vec<String>) -> Vec<String> {
    let mut cleaned: Vec<String> = Vec::new();
    for tag in tags {
        let tag = tag.trim();
        if !tag.is_empty() && !cleaned.iter().any(|known| known == tag) {
            cleaned.push(tag.to_owned());
        }
    }
    cleaned
}

/// A tool is called as agents are, or in words that `_` and `.` join.
pub(super) fn check_tool_name(name: &str) -> Result<(), CliError> {
    let first = name.starts_with(|c: char| c.is_ascii_alphabetic());
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if first && name.chars().all(allowed) {
        return Ok(());
    }
    Err(CliError::new(format!("`{name}` is no name for a tool"))
        .of_kind(Failure::Usage)
        .hint("use a letter, then letters, digits, `-`, `_` and `.`"))
}
