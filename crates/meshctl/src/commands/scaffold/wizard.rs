//! `meshctl scaffold` on a terminal: questions instead of flags.
//!
//! Nothing is written before the last answer, so whoever leaves in between leaves nothing behind.

use std::fmt;
use std::io::{self, IsTerminal as _};
use std::num::NonZeroU16;
use std::str::FromStr;

use inquire::validator::Validation;
use inquire::{Confirm, CustomType, InquireError, Select, Text};

use super::agent_args::AgentArgs;
use crate::commands::Context;
use crate::error::{CliError, Kind as Failure};
use crate::scaffold::{
    AgentName, Api, Basic, Description, Filter, FilterMode, Kind, Language, Llm, LlmProvider,
    Model, Tool, Vendor,
};

/// Something to choose, and what it is called.
struct Choice<T>(T, &'static str);

impl<T> fmt::Display for Choice<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.1)
    }
}

/// What the agent is to do.
#[derive(Clone, Copy)]
enum Purpose {
    Basic,
    Llm,
    LlmProvider,
    Api,
}

/// Whether somebody is there to answer, and has not said what is to be written.
pub(super) fn may_ask(agent: &AgentArgs) -> bool {
    let wanted = agent.name.is_none() && !agent.no_interactive && !agent.json;
    wanted && io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Asks, and writes what was answered.
pub(super) fn run(mut agent: AgentArgs, context: &mut Context) -> Result<(), CliError> {
    let kind = ask(&mut agent).map_err(unanswered)?;
    agent.scaffold(kind, context)
}

fn unanswered(error: InquireError) -> CliError {
    match error {
        InquireError::OperationCanceled | InquireError::OperationInterrupted => {
            CliError::new("nothing was written").hint("flags do without questions: see `--help`")
        }
        error => CliError::new("cannot ask")
            .of_kind(Failure::Usage)
            .because(error)
            .hint("flags do without questions: see `--help`"),
    }
}

fn ask(agent: &mut AgentArgs) -> Result<Kind, InquireError> {
    agent.name = Some(parsed::<AgentName>(
        Text::new("Name:").with_help_message("letters, digits, - and _, such as my-agent"),
    )?);
    let purpose = choose(
        "What does it do?",
        vec![
            Choice(Purpose::Basic, "It offers tools"),
            Choice(Purpose::Llm, "It asks a model of the mesh"),
            Choice(Purpose::LlmProvider, "It offers a model to the mesh"),
            Choice(Purpose::Api, "It serves HTTP and asks tools of the mesh"),
        ],
    )?;
    if agent.lang.is_none() {
        let languages = Language::ALL.map(|language| Choice(language, language.title()));
        agent.lang = Some(choose("Language:", languages.into())?);
    }
    if agent.description.is_none() {
        agent.description = optional::<Description>("What is it for, in a sentence?")?;
    }
    if agent.port.is_none() {
        agent.port = optional::<NonZeroU16>("Port:")?.map(NonZeroU16::get);
    }
    match purpose {
        Purpose::Basic => basic(),
        Purpose::Llm => llm(),
        Purpose::LlmProvider => provider(),
        Purpose::Api => Ok(Kind::Api(Api {
            tags: tags("Tags of the tool that it asks:")?,
        })),
    }
}

fn basic() -> Result<Kind, InquireError> {
    let name = Text::new("Its first tool:")
        .with_default("hello")
        .with_validator(|text: &str| {
            Ok(match super::flags::check_tool_name(text) {
                Ok(()) => Validation::Valid,
                Err(error) => Validation::Invalid(error.to_string().into()),
            })
        })
        .prompt()?;
    let description = optional::<Description>("What does that tool do?")?;
    Ok(Kind::Basic(Basic {
        tools: vec![Tool {
            capability: name,
            description,
        }],
        tags: tags("Tags of the tool:")?,
    }))
}

fn llm() -> Result<Kind, InquireError> {
    let vendor = choose("Whose model is preferred?", vendors())?;
    let (filter, filter_mode) = match choose(
        "Which tools may the model use?",
        vec![
            Choice(0, "None"),
            Choice(1, "Those of a capability"),
            Choice(2, "All of the mesh"),
        ],
    )? {
        1 => {
            let filter = parsed::<Filter>(Text::new("Capability, or selectors as JSON:"))?;
            (filter, FilterMode::All)
        }
        2 => (Filter::default(), FilterMode::Everything),
        _ => (Filter::default(), FilterMode::All),
    };
    let max_iterations = CustomType::<u32>::new("How often may it ask for tools?")
        .with_default(1)
        .with_validator(|number: &u32| {
            Ok(if *number > 0 {
                Validation::Valid
            } else {
                Validation::Invalid("once at least".into())
            })
        })
        .prompt()?;
    let json = Confirm::new("Does it answer with fields, as JSON?")
        .with_default(false)
        .prompt()?;
    Ok(Kind::Llm(Llm {
        vendor,
        provider_tags: None,
        max_iterations,
        system_prompt: None,
        context_param: super::llm::CONTEXT.to_owned(),
        json,
        filter,
        filter_mode,
        tags: tags("Tags of the tool:")?,
    }))
}

fn provider() -> Result<Kind, InquireError> {
    let vendor = choose("Whose model is it?", vendors())?;
    let usual = vendor.default_model();
    let model = parsed::<Model>(
        Text::new("Model:")
            .with_default(usual.as_str())
            .with_help_message("vendor/model"),
    )?;
    Ok(Kind::LlmProvider(LlmProvider {
        vendor,
        model,
        tags: tags("Further tags:")?,
    }))
}

fn vendors() -> Vec<Choice<Vendor>> {
    vec![
        Choice(Vendor::Claude, "Anthropic (Claude)"),
        Choice(Vendor::Openai, "OpenAI (GPT)"),
        Choice(Vendor::Gemini, "Google (Gemini)"),
        Choice(Vendor::LitellmFallback, "Another, through litellm"),
    ]
}

fn choose<T>(question: &str, choices: Vec<Choice<T>>) -> Result<T, InquireError> {
    Ok(Select::new(question, choices).prompt()?.0)
}

fn tags(question: &str) -> Result<Vec<String>, InquireError> {
    let text = Text::new(question)
        .with_help_message("separated by commas; empty for the usual ones")
        .prompt()?;
    let tags = text.split(',').map(str::to_owned).collect();
    Ok(super::flags::cleaned(tags))
}

/// An answer that is asked for again until it can be read.
fn parsed<T>(question: Text<'_, '_>) -> Result<T, InquireError>
where
    T: FromStr + 'static,
    T::Err: fmt::Display,
{
    let question = question.with_validator(|text: &str| {
        Ok(match text.parse::<T>() {
            Ok(_) => Validation::Valid,
            Err(error) => Validation::Invalid(error.to_string().into()),
        })
    });
    let text = question.prompt()?;
    text.parse()
        .map_err(|error: T::Err| InquireError::InvalidConfiguration(error.to_string()))
}

/// The same where no answer is one too.
fn optional<T>(question: &str) -> Result<Option<T>, InquireError>
where
    T: FromStr + 'static,
    T::Err: fmt::Display,
{
    let question = Text::new(question).with_help_message("empty for the usual");
    let question = question.with_validator(|text: &str| {
        Ok(match text.trim() {
            "" => Validation::Valid,
            text => match text.parse::<T>() {
                Ok(_) => Validation::Valid,
                Err(error) => Validation::Invalid(error.to_string().into()),
            },
        })
    });
    Ok(question.prompt()?.trim().parse().ok())
}
