//! `meshctl scaffold basic`.

use super::agent_args::AgentArgs;
use crate::commands::Context;
use crate::error::CliError;
use crate::scaffold::{Basic, Description, Kind, Tool};

/// Write an agent that offers tools
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl scaffold basic --name planner
  meshctl scaffold basic --name planner --lang typescript --output agents")]
pub(super) struct BasicArgs {
    #[command(flatten)]
    agent: AgentArgs,
    #[command(flatten)]
    tool: ToolArgs,
    /// Tags of the tool, separated by commas [default: tools]
    #[arg(long, value_delimiter = ',')]
    tags: Vec<String>,
}

/// The tool that an agent begins with
#[derive(Debug, clap::Args)]
pub(super) struct ToolArgs {
    /// What its first tool is called [default: hello]
    #[arg(long, value_name = "NAME")]
    pub(super) tool_name: Option<String>,
    /// What that tool does, in a sentence
    #[arg(long, value_name = "TEXT")]
    pub(super) tool_description: Option<Description>,
}

impl BasicArgs {
    pub(super) fn run(self, context: &mut Context) -> Result<(), CliError> {
        let Self { agent, tool, tags } = self;
        agent.scaffold(tool.kind(tags)?, context)
    }
}

impl ToolArgs {
    pub(super) fn kind(self, tags: Vec<String>) -> Result<Kind, CliError> {
        let mut tool = Tool::default();
        if let Some(name) = self.tool_name {
            super::flags::check_tool_name(&name)?;
            tool.capability = name;
        }
        tool.description = self.tool_description;
        Ok(Kind::Basic(Basic {
            tools: vec![tool],
            tags: super::flags::cleaned(tags),
        }))
    }
}
