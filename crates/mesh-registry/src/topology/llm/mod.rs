//! LLM functions: the tools that a filter selects for them, and the provider that does the thinking.
//!
//! * [`LlmNeeds`] is what one function asks for, compiled when its agent registers.
//! * [`Selection`] is what an agent's functions were given; it is a part of the agent's wiring.
//!
//! Whoever is called on behalf of an LLM must say what arguments it takes, so only offers with an
//! input schema count. That keeps routes and the framework's own tools out, too.

mod endpoint;
mod filter;
mod input_schema;
mod provider;
mod selection;
#[cfg(test)]
mod tests;
mod tools;

use std::fmt;
use std::sync::Arc;

use mesh_core::wire::LlmSelector;
use serde_json::value::RawValue;

use super::function::Spec;
use super::resolve::{Candidate, Candidates, Target};
use super::{Mesh, Profile};
use filter::ToolFilter;

pub(crate) use endpoint::endpoint;
pub(crate) use input_schema::InputSchema;
pub(crate) use selection::Selection;

/// What an LLM function asks for.
#[derive(Debug)]
pub(crate) struct LlmNeeds {
    filter: Option<ToolFilter>,
    provider: Option<Spec>,
}

impl LlmNeeds {
    /// Compiles what the tool `function` asks for; nothing if it asks for nothing. What cannot be
    /// served is left out with a warning; a provider of the wrong shape is an error.
    pub(crate) fn compile(
        function: &str,
        filter: Option<&RawValue>,
        provider: Option<&RawValue>,
        warnings: &mut Vec<String>,
    ) -> serde_json::Result<Option<Box<Self>>> {
        let filter = filter.and_then(|json| {
            let mut warn = |trouble: &dyn fmt::Display| {
                warnings.push(format!("`llm_filter` of the tool `{function}`: {trouble}"));
            };
            match ToolFilter::compile(json) {
                Ok((filter, None)) => Some(filter),
                Ok((filter, Some(mode))) => {
                    warn(&mode);
                    Some(filter)
                }
                Err(malformed) => {
                    warn(&format_args!("{malformed}; no tools are selected"));
                    None
                }
            }
        });
        let provider = provider
            .map(|json| serde_json::from_str::<LlmSelector>(json.get()))
            .transpose()?
            .and_then(|selector| {
                if selector.capability.is_empty() {
                    warnings.push(format!(
                        "`llm_provider` of the tool `{function}`: `capability` is missing; \
                         name the capability of the LLM provider"
                    ));
                    return None;
                }
                Some(Spec::select(selector))
            });
        let asks = filter.is_some() || provider.is_some();
        Ok(asks.then(|| Box::new(Self { filter, provider })))
    }

    /// The capabilities that are asked for by name.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        let filter = self.filter.iter().flat_map(ToolFilter::names);
        filter.chain(self.provider.iter().map(|need| &need.capability))
    }

    /// Whether a capability of any name can matter.
    pub(crate) fn is_wild(&self) -> bool {
        self.filter.as_ref().is_some_and(ToolFilter::is_wild)
    }
}

/// The offers of one capability that can be used on behalf of an LLM.
fn usable(offers: &Candidates) -> impl Iterator<Item = Candidate<'_>> {
    Candidate::all(offers).filter(|candidate| candidate.offer().input_schema.is_some())
}
