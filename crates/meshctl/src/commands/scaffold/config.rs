//! `meshctl scaffold --config`: what to write, from a file.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::agent_args::AgentArgs;
use super::llm::ResponseFormat;
use crate::commands::Context;
use crate::error::{CliError, Kind as Failure, one_line};
use crate::scaffold::{
    Api, Basic, Filter, FilterMode, Kind, Language, Llm, LlmProvider, Tool, Vendor,
};
use crate::suggestion::did_you_mean;

/// What the file may say. Flags win over it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default)]
    agent_type: AgentType,
    name: Option<String>,
    description: Option<String>,
    port: Option<u16>,
    language: Option<Language>,
    package: Option<String>,
    #[serde(default)]
    llm: LlmConfig,
    #[serde(default)]
    provider: ProviderConfig,
    #[serde(default)]
    tools: Vec<ToolConfig>,
    #[serde(default)]
    tags: Vec<String>,
}

/// The kinds, by the names that they have here and elsewhere.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum AgentType {
    #[default]
    #[serde(alias = "tool")]
    Basic,
    #[serde(alias = "llm-agent")]
    Llm,
    LlmProvider,
    Api,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LlmConfig {
    provider: Vendor,
    provider_tags: Option<Vec<String>>,
    max_iterations: Option<u32>,
    system_prompt: Option<String>,
    context_param: Option<String>,
    response_format: ResponseFormat,
    filter: Option<Value>,
    filter_mode: FilterMode,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ProviderConfig {
    vendor: Option<Vendor>,
    model: Option<String>,
    tags: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ToolConfig {
    name: String,
    description: Option<String>,
}

/// Writes what the file at `path` describes.
pub(super) fn run(
    path: &Path,
    mut agent: AgentArgs,
    context: &mut Context,
) -> Result<(), CliError> {
    let shown = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| {
        CliError::new(format!("cannot read `{shown}`"))
            .of_kind(Failure::NotFound)
            .because(error)
    })?;
    let config: Config = serde_saphyr::from_str(&text).map_err(|error| unread(&shown, &error))?;
    let wrong = |reason: String| {
        CliError::new(format!("`{shown}`: {reason}"))
            .of_kind(Failure::Usage)
            .hint("correct the file; `meshctl scaffold --help` says what flags take")
    };
    let Config {
        agent_type,
        name,
        description,
        port,
        language,
        package,
        llm,
        provider,
        tools,
        tags,
    } = config;
    if port == Some(0) {
        return Err(wrong("port 0 is none".to_owned()));
    }
    agent.port = agent.port.or(port);
    agent.lang = agent.lang.or(language);
    agent.name = parsed(agent.name, name.as_deref()).map_err(wrong)?;
    agent.description = parsed(agent.description, description.as_deref()).map_err(wrong)?;
    agent.package = parsed(agent.package, package.as_deref()).map_err(wrong)?;
    let tags = super::flags::cleaned(tags);
    let (kind, default_name) = match agent_type {
        AgentType::Basic => (basic(tools, tags).map_err(wrong)?, None),
        AgentType::Llm => {
            let name = super::llm::NAME.to_owned();
            (asking(llm, tags).map_err(wrong)?, Some(name))
        }
        AgentType::LlmProvider => {
            let vendor = provider.vendor.unwrap_or_default();
            let model = parsed(None, provider.model.as_deref()).map_err(wrong)?;
            let tags = provider.tags.into_iter().chain(tags).collect();
            let kind = Kind::LlmProvider(LlmProvider {
                vendor,
                model: model.unwrap_or_else(|| vendor.default_model()),
                tags: super::flags::cleaned(tags),
            });
            (kind, Some(format!("{}-provider", vendor.as_str())))
        }
        AgentType::Api => (Kind::Api(Api { tags }), None),
    };
    if agent.name.is_none() {
        agent.name = parsed(None, default_name.as_deref()).map_err(wrong)?;
    }
    if agent.name.is_none() {
        return Err(wrong("it has no `name`".to_owned()));
    }
    agent.scaffold(kind, context)
}

fn basic(tools: Vec<ToolConfig>, tags: Vec<String>) -> Result<Kind, String> {
    let mut known: Vec<Tool> = Vec::new();
    for ToolConfig { name, description } in tools {
        super::flags::check_tool_name(&name).map_err(|error| match error.hint_text() {
            Some(hint) => format!("{error}: {hint}"),
            None => error.to_string(),
        })?;
        if known.iter().any(|tool| tool.capability == name) {
            return Err(format!("two tools are called `{name}`"));
        }
        known.push(Tool {
            capability: name,
            description: parsed(None, description.as_deref())?,
        });
    }
    if known.is_empty() {
        known.push(Tool::default());
    }
    Ok(Kind::Basic(Basic { tools: known, tags }))
}

fn asking(llm: LlmConfig, tags: Vec<String>) -> Result<Kind, String> {
    let LlmConfig {
        provider,
        provider_tags,
        max_iterations,
        system_prompt,
        context_param,
        response_format,
        filter,
        filter_mode,
    } = llm;
    let filter = match filter {
        None => Filter::default(),
        Some(Value::String(text)) => text
            .parse()
            .map_err(|error: crate::scaffold::InvalidFilter| error.to_string())?,
        Some(value) => Filter::of(value).map_err(|reason| format!("llm.filter: {reason}"))?,
    };
    let context_param = context_param.unwrap_or_else(|| super::llm::CONTEXT.to_owned());
    super::llm::check_parameter(&context_param).map_err(|error| error.to_string())?;
    if max_iterations == Some(0) {
        return Err("llm.max_iterations is 1 at least".to_owned());
    }
    Ok(Kind::Llm(Llm {
        vendor: provider,
        provider_tags,
        max_iterations: max_iterations.unwrap_or(1),
        system_prompt: system_prompt.filter(|text| !text.trim().is_empty()),
        context_param,
        json: response_format == ResponseFormat::Json,
        filter,
        filter_mode,
        tags,
    }))
}

/// What a flag says, or else the file.
fn parsed<T>(flag: Option<T>, text: Option<&str>) -> Result<Option<T>, String>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    match (flag, text) {
        (Some(flag), _) => Ok(Some(flag)),
        (None, Some(text)) => text
            .parse()
            .map(Some)
            .map_err(|error: T::Err| error.to_string()),
        (None, None) => Ok(None),
    }
}

/// What is wrong with the file, and in which line.
fn unread(shown: &str, error: &serde_saphyr::Error) -> CliError {
    let error = error.without_snippet();
    let place = error
        .location()
        .map_or_else(String::new, |place| format!(":{}", place.line()));
    if let serde_saphyr::Error::SerdeUnknownField {
        field, expected, ..
    } = error
    {
        let hint = did_you_mean(field, expected.iter().copied());
        return CliError::new(format!("`{shown}`{place}: there is no key `{field}`"))
            .of_kind(Failure::Usage)
            .hint(hint.unwrap_or_else(|| format!("the keys there are {}", expected.join(", "))));
    }
    let said = one_line(&error.to_string());
    // The place stands in front already.
    let said = said.split(" at line ").next().unwrap_or(&said);
    let said = match said {
        "invalid u16" => "that is not a number from 1 to 65535",
        "invalid u32" => "that is not a whole number",
        said => said,
    };
    CliError::new(format!("`{shown}`{place}: {said}"))
        .of_kind(Failure::Usage)
        .hint("correct the file; `meshctl scaffold --help` says what flags take")
}
