//! All that an agent needs to be told apart from another.

use serde_json::{Map, Value, json};

use super::filter::{Filter, FilterMode};
use super::language::Language;
use super::model::{Model, Vendor};
use super::name::{AgentName, Description, JavaPackage, identifier, unlike};

/// The oldest release of the package that agents are written for, and the tag of its images: one
/// release for all of a major version.
const VERSION: &str = mesh_core::VERSION;
/// The SDKs of the other languages, whose releases are not ours.
const OTHER_SDK: &str = "3.7.1";

/// An agent, before it is written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Blueprint {
    pub(crate) name: AgentName,
    pub(crate) language: Language,
    pub(crate) port: u16,
    /// What it is for, if somebody said.
    pub(crate) description: Option<Description>,
    /// For Java, if somebody said.
    pub(crate) package: Option<JavaPackage>,
    pub(crate) kind: Kind,
}

/// What it does in the mesh.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Basic(Basic),
    Llm(Llm),
    LlmProvider(LlmProvider),
    A2aConsumer(A2aConsumer),
    Api(Api),
}

/// Offers tools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Basic {
    /// One at least.
    pub(crate) tools: Vec<Tool>,
    /// Of all of them.
    pub(crate) tags: Vec<String>,
}

/// A tool to be filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tool {
    pub(crate) capability: String,
    pub(crate) description: Option<Description>,
}

impl Default for Tool {
    /// The tool of an agent that was told no other.
    fn default() -> Self {
        Self {
            capability: "hello".to_owned(),
            description: None,
        }
    }
}

/// Asks a model of somebody else.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Llm {
    pub(crate) vendor: Vendor,
    /// The tags of the providers that will do, where they are not the vendor's.
    pub(crate) provider_tags: Option<Vec<String>>,
    pub(crate) max_iterations: u32,
    /// The text of the prompt, or `file://` and where it is.
    pub(crate) system_prompt: Option<String>,
    pub(crate) context_param: String,
    pub(crate) json: bool,
    pub(crate) filter: Filter,
    pub(crate) filter_mode: FilterMode,
    pub(crate) tags: Vec<String>,
}

/// Offers a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LlmProvider {
    pub(crate) vendor: Vendor,
    pub(crate) model: Model,
    /// Beside those of the model.
    pub(crate) tags: Vec<String>,
}

/// Offers the skills of an agent outside of the mesh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct A2aConsumer {
    /// Where the agent takes requests; nobody knows yet, if there is none.
    pub(crate) url: Option<String>,
    pub(crate) skills: Vec<Skill>,
    /// The variable that has the token, if the agent wants one.
    pub(crate) auth_env: Option<String>,
}

/// One of its skills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Skill {
    pub(crate) id: String,
    pub(crate) capability: String,
    pub(crate) function: String,
    pub(crate) description: Description,
    pub(crate) tags: Vec<String>,
}

/// Serves HTTP and asks tools of the mesh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Api {
    /// Of the tool that the example asks.
    pub(crate) tags: Vec<String>,
}

impl Kind {
    /// As subcommands and folders of templates spell it.
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Basic(_) => "basic",
            Self::Llm(_) => "llm",
            Self::LlmProvider(_) => "llm-provider",
            Self::A2aConsumer(_) => "a2a-consumer",
            Self::Api(_) => "api",
        }
    }
}

impl Blueprint {
    /// What the templates know, by the names that they use.
    pub(super) fn facts(&self) -> Value {
        let Self {
            name,
            language,
            port,
            description,
            package,
            kind,
        } = self;
        let package = package.clone().unwrap_or_else(|| JavaPackage::of(name));
        let mut facts = Map::new();
        let mut know = |key: &str, value: Value| facts.insert(key.to_owned(), value);
        know("name", json!(name.as_str()));
        know("class_name", json!(name.class()));
        know("function", json!(name.function(*language)));
        let module_name = name.function(Language::Python);
        know("is_module_name", json!(module_name == name.as_str()));
        know("language", json!(language.as_str()));
        know("kind", json!(kind.as_str()));
        know("port", json!(port));
        know("package", json!(package.as_str()));
        know("package_folder", json!(package.folder()));
        know("version", versions());
        know("extra", json!(""));
        let described = match description {
            Some(description) => description.as_str().to_owned(),
            None => self.purpose(),
        };
        know("description", json!(described));
        match kind {
            Kind::Basic(basic) => basic.facts(*language, &mut know),
            Kind::Llm(llm) => llm.facts(name, *language, &mut know),
            Kind::LlmProvider(provider) => provider.facts(*language, &mut know),
            Kind::A2aConsumer(consumer) => consumer.facts(&mut know),
            Kind::Api(api) => {
                know("tags", json!(api.tags));
            }
        }
        Value::Object(facts)
    }

    /// What an agent of this kind is for, where nobody said more.
    fn purpose(&self) -> String {
        match &self.kind {
            Kind::Basic(_) => format!("The agent {} of the mesh.", self.name),
            Kind::Llm(_) => "Answers by asking a model of the mesh.".to_owned(),
            Kind::LlmProvider(provider) => {
                format!("Offers {} to the mesh.", provider.model.as_str())
            }
            Kind::A2aConsumer(_) => "Brings an A2A agent into the mesh.".to_owned(),
            Kind::Api(_) => "An HTTP gateway to tools of the mesh.".to_owned(),
        }
    }
}

/// Collects what templates know.
type Know<'a> = dyn FnMut(&str, Value) -> Option<Value> + 'a;

impl Basic {
    /// What the functions of the tools are called.
    pub(crate) fn functions(&self, language: Language) -> Vec<String> {
        let mut functions: Vec<String> = Vec::new();
        for tool in &self.tools {
            let name = identifier(&tool.capability, language);
            let function = unlike(name, "_", |name| {
                functions.iter().any(|known| known == name)
            });
            functions.push(function);
        }
        functions
    }

    fn facts(&self, language: Language, know: &mut Know<'_>) {
        let functions = self.functions(language);
        let tools: Vec<Value> = self
            .tools
            .iter()
            .zip(functions)
            .map(|(tool, function)| {
                let described = tool.description.as_ref();
                json!({
                    "capability": tool.capability,
                    "function": function,
                    "description": described.map_or("Do what this tool is for.", Description::as_str),
                })
            })
            .collect();
        know("tools", json!(tools));
        let tags = or_default(&self.tags, "tools");
        know("tags", json!(tags));
    }
}

impl Llm {
    fn facts(&self, name: &AgentName, language: Language, know: &mut Know<'_>) {
        let ending = match language {
            Language::Python => "jinja2",
            Language::TypeScript => "hbs",
            Language::Java => "ftl",
        };
        let scheme = match language {
            Language::Java => "classpath:",
            Language::Python | Language::TypeScript => "file://",
        };
        let path = format!("prompts/{name}.{ending}");
        let (reference, text) = match &self.system_prompt {
            Some(file) if file.starts_with("file://") => (file.clone(), None),
            Some(text) => (format!("{scheme}{path}"), Some(text.as_str())),
            None => (format!("{scheme}{path}"), None),
        };
        know("prompt_path", json!(path));
        know("system_prompt", json!(reference));
        know("prompt_text", json!(text));
        let vendor = self.vendor.as_str();
        let usual = || vec!["llm".to_owned(), format!("+{vendor}")];
        know("vendor", json!(vendor));
        know(
            "provider_tags",
            json!(self.provider_tags.clone().unwrap_or_else(usual)),
        );
        know("max_iterations", json!(self.max_iterations));
        know("context_param", json!(self.context_param));
        let format = if self.json { "json" } else { "text" };
        know("response_format", json!(format));
        know("filter", json!(self.filter.selectors()));
        know("filter_mode", json!(self.filter_mode.as_str()));
        know("capability", json!(name.function(Language::Python)));
        know("tags", json!(or_default(&self.tags, "llm")));
    }
}

impl LlmProvider {
    fn facts(&self, language: Language, know: &mut Know<'_>) {
        let mut tags = self.model.tags(self.vendor);
        for tag in &self.tags {
            if !tags.contains(tag) {
                tags.push(tag.clone());
            }
        }
        know("vendor", json!(self.vendor.as_str()));
        know("model", json!(self.model.as_str()));
        know("tags", json!(tags));
        know("probe", json!(self.model.probe()));
        know("key", json!(self.model.key()));
        know("extra", json!(self.model.extra(language)));
    }
}

impl A2aConsumer {
    /// Where an agent takes requests that nobody knows yet.
    const NOWHERE: &str = "http://localhost:9090/agents/skill";

    fn facts(&self, know: &mut Know<'_>) {
        let skills: Vec<Value> = self
            .skills
            .iter()
            .map(|skill| {
                json!({
                    "id": skill.id,
                    "capability": skill.capability,
                    "function": skill.function,
                    "description": skill.description.as_str(),
                    "tags": skill.tags,
                })
            })
            .collect();
        know("offline", json!(self.url.is_none()));
        know("url", json!(self.url.as_deref().unwrap_or(Self::NOWHERE)));
        know("auth_env", json!(self.auth_env));
        know("skills", json!(skills));
    }
}

pub(super) fn versions() -> Value {
    let mut parts = VERSION.split('.');
    let major = parts.next().unwrap_or(VERSION);
    let minor = parts.next().unwrap_or("0");
    json!({
        "minimum": major,
        "image": format!("{major}.{minor}"),
        "sdk": OTHER_SDK,
    })
}

/// What was given, or else one tag.
fn or_default(tags: &[String], default: &str) -> Vec<String> {
    if tags.is_empty() {
        vec![default.to_owned()]
    } else {
        tags.to_vec()
    }
}
