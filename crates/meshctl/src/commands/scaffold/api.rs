//! `meshctl scaffold api`.

use super::agent_args::AgentArgs;
use crate::commands::Context;
use crate::error::CliError;
use crate::scaffold::{Api, Kind};

/// Write an HTTP gateway to tools of the mesh
///
/// FastAPI in Python, Express in TypeScript, Spring in Java.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl scaffold api --name gateway
  meshctl scaffold api --name gateway --lang typescript")]
pub(super) struct ApiArgs {
    #[command(flatten)]
    agent: AgentArgs,
    /// Tags that the tool must have which the example asks, separated by commas
    #[arg(long, value_delimiter = ',')]
    tags: Vec<String>,
}

impl ApiArgs {
    pub(super) fn run(self, context: &mut Context) -> Result<(), CliError> {
        let Self { agent, tags } = self;
        scaffold(agent, tags, context)
    }
}

pub(super) fn scaffold(
    agent: AgentArgs,
    tags: Vec<String>,
    context: &mut Context,
) -> Result<(), CliError> {
    let tags = super::flags::cleaned(tags);
    agent.scaffold(Kind::Api(Api { tags }), context)
}
