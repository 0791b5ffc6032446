//! `meshctl scaffold a2a-consumer`.

use mesh_client::cards::Networks;

use super::agent_args::AgentArgs;
use crate::commands::Context;
use crate::error::{CliError, Kind as Failure};
use crate::scaffold::{A2aConsumer, Kind, Skill, ask_card};

/// Write an agent that brings an A2A agent into the mesh
///
/// Each skill of the agent outside becomes a tool.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl scaffold a2a-consumer --name partner --url https://agents.example
  meshctl scaffold a2a-consumer --name partner --offline")]
pub(super) struct A2aConsumerArgs {
    #[command(flatten)]
    agent: AgentArgs,
    /// Where the agent outside is, or where its card is
    #[arg(long, required_unless_present = "offline")]
    url: Option<String>,
    /// Ask nobody, and leave blanks for the address and the skills
    #[arg(long, conflicts_with = "url")]
    offline: bool,
    /// The variable that has the token, if the agent wants one
    #[arg(long, value_name = "VARIABLE", default_value = "A2A_BEARER_TOKEN")]
    auth_env: String,
    /// Ask agents on this machine and in private networks too
    #[arg(long)]
    allow_private_network: bool,
}

impl A2aConsumerArgs {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), CliError> {
        let Self {
            mut agent,
            url,
            offline: _,
            auth_env,
            allow_private_network,
        } = self;
        check_variable(&auth_env)?;
        agent.check_named("a2a-consumer")?;
        let Some(url) = url else {
            return agent.scaffold(Kind::A2aConsumer(blank()), context);
        };
        let networks = if allow_private_network {
            Networks::Any
        } else {
            Networks::Public
        };
        let asking = ask_card(&url, networks, &auth_env, agent.lang.unwrap_or_default());
        let asked = context
            .printer
            .during("Asking for the agent's card", asking);
        let outside = asked.await?;
        agent.description = agent.description.or(outside.description);
        agent.scaffold(Kind::A2aConsumer(outside.consumer), context)
    }
}

/// What is written where nobody was asked.
fn blank() -> A2aConsumer {
    A2aConsumer {
        url: None,
        skills: vec![Skill {
            id: "skill".to_owned(),
            capability: "skill".to_owned(),
            function: "skill".to_owned(),
            description: "Say what this skill does."
                .parse()
                .expect("it is a description"),
            tags: Vec::new(),
        }],
        auth_env: None,
    }
}

fn check_variable(name: &str) -> Result<(), CliError> {
    let first = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if first && name.chars().all(allowed) {
        return Ok(());
    }
    Err(CliError::new(format!("`{name}` is no name of a variable"))
        .of_kind(Failure::Usage)
        .hint("name the variable that has the token, such as `A2A_BEARER_TOKEN`"))
}
