//! What the LLM functions of one agent were given.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_core::wire::{LlmProviderAnswer, LlmProviderResolution, LlmToolResolution, TagEntry};
use serde_json::value::RawValue;

use super::filter::ToolFilter;
use super::provider;
use super::tools::{self, Selected, Tools};
use super::{LlmNeeds, Mesh, Profile, Spec, Target};

/// The tools and providers of one agent's LLM functions, one choice per function that asks for any.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection(Box<[Choice]>);

/// What one function was given.
#[derive(Debug, Clone)]
struct Choice {
    /// Empty without a filter.
    tools: Tools,
    provider: Option<Target>,
}

impl Selection {
    /// Chooses for every LLM function of `profile`.
    pub(crate) fn resolve(profile: &Profile, mesh: &Mesh) -> Self {
        let choices = asking(profile).map(|(_, needs)| Choice {
            tools: needs.filter.as_ref().map_or_else(Tools::default, |filter| {
                Tools::select(filter, &profile.id, mesh)
            }),
            provider: (needs.provider.as_ref()).and_then(|need| provider::find(need, mesh)),
        });
        Self(choices.collect())
    }

    /// Chooses again where a change to the offers of `touched` can matter; `None` if all stays as it
    /// was.
    pub(crate) fn refresh(
        &self,
        profile: &Profile,
        touched: &BTreeSet<Arc<str>>,
        mesh: &Mesh,
    ) -> Option<Self> {
        let mut fresh: Option<Self> = None;
        for (position, (_, needs)) in asking(profile).enumerate() {
            let choice = &self.0[position];
            let tools = (needs.filter.as_ref())
                .filter(|filter| choice.tools.depend_on(touched, filter, mesh))
                .map(|filter| Tools::select(filter, &profile.id, mesh))
                .filter(|tools| *tools != choice.tools);
            if let Some(tools) = tools {
                fresh.get_or_insert_with(|| self.clone()).0[position].tools = tools;
            }
            if let Some(need) = &needs.provider
                && touched.contains(&need.capability)
            {
                let provider = provider::find(need, mesh);
                if provider != choice.provider {
                    fresh.get_or_insert_with(|| self.clone()).0[position].provider = provider;
                }
            }
        }
        fresh
    }

    /// By function, the tools that its filter selects.
    pub(crate) fn tools<'a>(
        &'a self,
        profile: &'a Profile,
    ) -> BTreeMap<&'a str, Vec<&'a RawValue>> {
        let with_filter = self
            .of(profile)
            .filter(|given| given.needs.filter.is_some());
        with_filter
            .map(|given| {
                let tools = given.choice.tools.0.iter();
                let answers = tools.map(|tool| tools::answer(&tool.target));
                (given.function, answers.collect())
            })
            .collect()
    }

    /// By function, the LLM provider that was found.
    pub(crate) fn providers<'a>(
        &'a self,
        profile: &'a Profile,
    ) -> BTreeMap<&'a str, LlmProviderAnswer> {
        self.of(profile)
            .filter_map(|given| {
                let target = given.choice.provider.as_ref()?;
                Some((given.function, provider::answer(target)))
            })
            .collect()
    }

    /// The tools as a listing shows them: a row for each, or one that says that nothing matches.
    pub(crate) fn tool_resolutions(&self, profile: &Profile) -> Vec<LlmToolResolution> {
        let mut rows = Vec::new();
        for given in self.of(profile) {
            let Some(filter) = &given.needs.filter else {
                continue;
            };
            let tools = &given.choice.tools.0;
            rows.extend(
                tools
                    .iter()
                    .map(|tool| tool_row(given.function, filter, Some(tool))),
            );
            if tools.is_empty() && filter.asks() {
                rows.push(tool_row(given.function, filter, None));
            }
        }
        rows
    }

    /// The providers as a listing shows them.
    pub(crate) fn provider_resolutions(&self, profile: &Profile) -> Vec<LlmProviderResolution> {
        self.of(profile)
            .filter_map(|given| {
                let need = given.needs.provider.as_ref()?;
                Some(provider_row(
                    given.function,
                    need,
                    given.choice.provider.as_ref(),
                ))
            })
            .collect()
    }

    fn of<'a>(&'a self, profile: &'a Profile) -> impl Iterator<Item = Given<'a>> {
        asking(profile)
            .zip(&self.0)
            .map(|((function, needs), choice)| Given {
                function,
                needs,
                choice,
            })
    }
}

/// What one function asked for and was given.
struct Given<'a> {
    function: &'a str,
    needs: &'a LlmNeeds,
    choice: &'a Choice,
}

/// The functions that ask for tools or a provider.
fn asking(profile: &Profile) -> impl Iterator<Item = (&str, &LlmNeeds)> {
    profile.functions.iter().filter_map(|function| {
        let needs = function.llm.as_deref()?;
        Some((&*function.name, needs))
    })
}

fn tool_row(function: &str, filter: &ToolFilter, tool: Option<&Selected>) -> LlmToolResolution {
    let entry = match tool {
        Some(tool) => tool.entry.and_then(|position| filter.entries.get(position)),
        None => filter.entries.first(),
    };
    let target = tool.map(|tool| &tool.target);
    LlmToolResolution {
        function_name: function.to_owned(),
        status: Target::status(target),
        filter_mode: filter.mode.to_string(),
        filter_capability: entry
            .map(|entry| entry.spec.capability.to_string())
            .filter(|name| !name.is_empty()),
        filter_tags: entry
            .map(|entry| TagEntry::without_groups(&entry.spec.tag_entries))
            .unwrap_or_default(),
        mcp_tool: target.map(|target| target.function_name().to_owned()),
        provider_capability: target.map(|target| target.offer().capability.to_string()),
        provider_agent_id: target.map(|target| target.profile.id.to_string()),
        endpoint: target.map(|target| target.profile.llm_endpoint.to_string()),
    }
}

fn provider_row(function: &str, need: &Spec, target: Option<&Target>) -> LlmProviderResolution {
    LlmProviderResolution {
        function_name: function.to_owned(),
        required_capability: need.capability.to_string(),
        status: Target::status(target),
        required_tags: TagEntry::without_groups(&need.tag_entries),
        mcp_tool: target.map(|target| target.function_name().to_owned()),
        provider_agent_id: target.map(|target| target.profile.id.to_string()),
        endpoint: target.map(|target| target.profile.llm_endpoint.to_string()),
    }
}
