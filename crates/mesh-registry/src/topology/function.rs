//! One tool of an agent: what it offers, if anything, and what it needs.

use std::sync::{Arc, OnceLock};

use mesh_core::matching::{ProviderSchema, ProviderVersion, SchemaQuery, TagQuery, VersionQuery};
use mesh_core::wire::{self, LlmSelector, TagEntry};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::InvalidRegistration;
use super::llm::{InputSchema, LlmNeeds};
use crate::readable;

/// A tool, compiled.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: Box<str>,
    pub(crate) offer: Option<Offer>,
    pub(crate) needs: Box<[Need]>,
    /// What it asks for as an LLM function.
    pub(crate) llm: Option<Box<LlmNeeds>>,
}

/// A capability that consumers can be wired to.
#[derive(Debug)]
pub(crate) struct Offer {
    pub(crate) capability: Arc<str>,
    pub(crate) version: ProviderVersion,
    pub(crate) description: Box<str>,
    pub(crate) tags: Box<[String]>,
    /// What the result looks like, if it was published.
    pub(crate) output: Option<Arc<ProviderSchema>>,
    /// Keys sorted, because clients compare the text.
    pub(crate) kwargs: Option<Box<RawValue>>,
    pub(crate) is_task: bool,
    pub(crate) llm_filter: Option<Box<RawValue>>,
    pub(crate) llm_provider: Option<Box<RawValue>>,
    /// What arguments it takes; who does not say is not called on behalf of an LLM.
    pub(crate) input_schema: Option<Arc<InputSchema>>,
    /// The offer as LLM functions are told of it; rendered when first selected.
    pub(crate) llm_answer: OnceLock<Box<RawValue>>,
}

/// What a function needs at one position: the first alternative that finds a provider is wired.
#[derive(Debug)]
pub(crate) struct Need {
    /// The favourite; what is unresolved goes by its name.
    pub(crate) first: Spec,
    others: Box<[Spec]>,
    /// Whether the function's offer is of no use while nobody provides any alternative.
    pub(crate) required: bool,
}

/// A dependency, ready to be matched.
#[derive(Debug)]
pub(crate) struct Spec {
    pub(crate) capability: Arc<str>,
    pub(crate) tags: TagQuery,
    pub(crate) version: VersionQuery,
    pub(crate) schema: Option<SchemaQuery>,
    /// As declared, for listings.
    pub(crate) tag_entries: Box<[TagEntry]>,
}

impl Function {
    /// Reads a tool; what is left out of it is added to `warnings`.
    pub(super) fn compile(
        tool: wire::Tool,
        warnings: &mut Vec<String>,
    ) -> Result<Self, InvalidRegistration> {
        let refuse = |field| {
            let function = tool.function_name.clone();
            move |source| InvalidRegistration::Json {
                function,
                field,
                source,
            }
        };
        let sorted = |field, json: Option<Box<RawValue>>| {
            json.map_or(Ok(None), |json| sorted(&json))
                .map_err(refuse(field))
        };
        let kwargs = sorted("kwargs", tool.kwargs)?;
        let llm_filter = sorted("llm_filter", tool.llm_filter)?;
        let llm_provider = sorted("llm_provider", tool.llm_provider)?;
        let input_schema = tool.input_schema.as_deref().map(InputSchema::compile);
        let input_schema = input_schema.transpose().map_err(refuse("inputSchema"))?;
        let llm = LlmNeeds::compile(
            &tool.function_name,
            llm_filter.as_deref(),
            llm_provider.as_deref(),
            warnings,
        )
        .map_err(refuse("llm_provider"))?;
        let offered = !tool.function_name.is_empty() && !tool.capability.is_empty();
        let offer = offered.then(|| Offer {
            capability: tool.capability.into(),
            version: ProviderVersion::new(
                tool.version
                    .as_deref()
                    .filter(|text| !text.is_empty())
                    .unwrap_or("1.0.0"),
            ),
            description: tool.description.unwrap_or_default().into(),
            tags: tool.tags.into(),
            output: ProviderSchema::new(tool.output_schema_hash, tool.output_schema_canonical)
                .map(Arc::new),
            is_task: kwargs.as_deref().is_some_and(says_task),
            kwargs,
            llm_filter,
            llm_provider,
            input_schema: input_schema.map(Arc::new),
            llm_answer: OnceLock::new(),
        });
        let needs = tool.dependencies.into_iter().map(Need::compile).collect();
        Ok(Self {
            name: tool.function_name.into(),
            offer,
            needs,
            llm,
        })
    }

    /// The needs without which the offer is of no use.
    pub(crate) fn requirements(&self) -> impl Iterator<Item = &Need> {
        self.needs.iter().filter(|need| need.required)
    }

    /// Whether the offer may be of no use.
    pub(crate) fn has_requirements(&self) -> bool {
        self.requirements().next().is_some()
    }
}

impl Need {
    fn compile(entry: wire::DependencyEntry) -> Self {
        Self {
            required: entry.is_required(),
            first: Spec::compile(entry.first),
            others: entry.others.into_iter().map(Spec::compile).collect(),
        }
    }

    /// Every alternative, the favourite first.
    pub(crate) fn alternatives(&self) -> impl Iterator<Item = &Spec> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The alternative at `index`; the favourite if there is none.
    pub(crate) fn alternative(&self, index: usize) -> &Spec {
        index
            .checked_sub(1)
            .and_then(|index| self.others.get(index))
            .unwrap_or(&self.first)
    }
}

impl Spec {
    fn compile(dependency: wire::Dependency) -> Self {
        Self {
            capability: dependency.capability.into(),
            tags: TagQuery::new(&dependency.tags),
            version: VersionQuery::new(dependency.version.as_deref().unwrap_or_default()),
            schema: SchemaQuery::new(
                dependency.match_mode.as_deref().unwrap_or_default(),
                dependency.expected_schema_hash.as_deref(),
                dependency.expected_schema_canonical.as_deref(),
            ),
            tag_entries: dependency.tags.into(),
        }
    }

    /// Compiles what an LLM function selects by.
    pub(super) fn select(selector: LlmSelector) -> Self {
        Self::compile(wire::Dependency {
            capability: selector.capability,
            tags: selector.tags,
            version: Some(selector.version),
            ..wire::Dependency::default()
        })
    }

    /// How well an offer of the right name suits, if it does.
    pub(crate) fn score(&self, offer: &Offer) -> Option<u32> {
        let score = self.tags.score(&offer.tags).ok()?;
        let suits = self.version.accepts(&offer.version)
            && (self.schema.as_ref()).is_none_or(|schema| schema.accepts(offer.output.as_deref()));
        suits.then_some(score)
    }
}

/// An object with sorted keys; nothing if it is empty.
fn sorted(object: &RawValue) -> serde_json::Result<Option<Box<RawValue>>> {
    // Without serde_json's `preserve_order`, a map is sorted.
    let sorted: serde_json::Map<String, serde_json::Value> = serde_json::from_str(object.get())?;
    readable::check(object)?;
    (!sorted.is_empty())
        .then(|| serde_json::value::to_raw_value(&sorted))
        .transpose()
}

fn says_task(kwargs: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Task {
        #[serde(default)]
        task: serde_json::Value,
    }
    serde_json::from_str::<Task>(kwargs.get()).is_ok_and(|kwargs| kwargs.task == true)
}
