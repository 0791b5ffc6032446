//! Who is called for which dependency.

use std::collections::HashMap;
use std::sync::Arc;

use mesh_core::wire::{Answer, DependencyAnswer, LlmProviderAnswer, SurfaceAnswer};
use serde_json::value::RawValue;

/// The provider of one dependency.
#[derive(Debug, Clone)]
pub struct Target {
    /// The agent that provides it; may be the asking agent itself.
    pub agent_id: String,
    /// That agent's base URL.
    pub endpoint: String,
    /// The MCP tool to call.
    pub function_name: String,
    /// The capability that was asked for.
    pub capability: String,
    /// The provider's `kwargs`, a JSON object as the registry spelled it.
    pub kwargs: Option<Box<RawValue>>,
}

impl PartialEq for Target {
    fn eq(&self, other: &Self) -> bool {
        let kwargs = |target: &Self| target.kwargs.as_ref().map(|kwargs| kwargs.get().to_owned());
        self.agent_id == other.agent_id
            && self.endpoint == other.endpoint
            && self.function_name == other.function_name
            && self.capability == other.capability
            && kwargs(self) == kwargs(other)
    }
}

impl Target {
    /// The target that an entry names; `None` for one that is not wired.
    fn of(entry: DependencyAnswer) -> Option<Self> {
        let is_wired = entry.status.is_wired()
            && !entry.endpoint.is_empty()
            && !entry.function_name.is_empty();
        is_wired.then_some(Self {
            agent_id: entry.agent_id,
            endpoint: entry.endpoint,
            function_name: entry.function_name,
            capability: entry.capability,
            kwargs: entry.kwargs,
        })
    }
}

/// Everything that the registry's last answer says about an agent's dependencies.
#[derive(Debug, Clone, Default)]
pub struct Wiring {
    version: u64,
    slots: HashMap<String, Vec<Option<Arc<Target>>>>,
    llm_tools: Texts,
    llm_providers: Texts,
    surfaces: Vec<SurfaceAnswer>,
}

/// By function, JSON. A text that stays the same stays the same object.
type Texts = HashMap<String, Arc<str>>;

impl Wiring {
    /// Grows whenever the content changes; 0 before the first answer.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The provider of dependency `index` of `function`, in the order of declaration.
    #[must_use]
    pub fn slot(&self, function: &str, index: usize) -> Option<Arc<Target>> {
        self.slots.get(function)?.get(index)?.clone()
    }

    /// The tools that the LLM filter of `function` selects: a JSON array, in the registry's order. None
    /// if the function has no filter or nobody answered yet.
    #[must_use]
    pub fn llm_tools(&self, function: &str) -> Option<Arc<str>> {
        self.llm_tools.get(function).cloned()
    }

    /// The LLM provider of `function`, if there is one: a JSON object.
    #[must_use]
    pub fn llm_provider(&self, function: &str) -> Option<Arc<str>> {
        self.llm_providers.get(function).cloned()
    }

    /// The agent's A2A surfaces, and under which addresses the registry offers them to the public.
    #[must_use]
    pub fn surfaces(&self) -> &[SurfaceAnswer] {
        &self.surfaces
    }

    /// The wiring after `answer`; `None` if it says what is known already.
    ///
    /// Everything is replaced: what the answer does not mention is not wired any more. A target that
    /// stays the same stays the same object.
    pub(crate) fn after(&self, answer: Answer) -> Option<Self> {
        let llm_tools = texts(&self.llm_tools, answer.llm_tools);
        let providers = answer.llm_providers.into_iter();
        let providers = providers.filter(|(_, provider)| is_wired(provider));
        let llm_providers = texts(&self.llm_providers, providers);
        let slots: HashMap<_, _> = answer
            .dependencies_resolved
            .into_iter()
            .map(|(function, entries)| {
                let targets = entries.into_iter().enumerate();
                let targets = targets.map(|(index, entry)| {
                    let target = Target::of(entry)?;
                    let known = self.slot(&function, index);
                    Some(match known {
                        Some(known) if *known == target => known,
                        _ => Arc::new(target),
                    })
                });
                let targets: Vec<_> = targets.collect();
                (function, targets)
            })
            .collect();
        let is_known = self.version > 0
            && slots == self.slots
            && llm_tools == self.llm_tools
            && llm_providers == self.llm_providers
            && answer.surfaces == self.surfaces;
        (!is_known).then(|| Self {
            version: self.version + 1,
            slots,
            llm_tools,
            llm_providers,
            surfaces: answer.surfaces,
        })
    }
}

fn is_wired(provider: &LlmProviderAnswer) -> bool {
    provider.status.is_wired() && !provider.endpoint.is_empty() && !provider.name.is_empty()
}

fn texts<T: serde::Serialize>(
    known: &Texts,
    current: impl IntoIterator<Item = (String, T)>,
) -> Texts {
    let texts = current.into_iter().map(|(function, value)| {
        let text = serde_json::to_string(&value).expect("wire structs can always be written");
        let text = match known.get(&function) {
            Some(known) if **known == *text => Arc::clone(known),
            _ => Arc::from(text),
        };
        (function, text)
    });
    texts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(resolved: &str) -> Answer {
        let text = format!(
            r#"{{"agent_id":"a-1","status":"success","timestamp":"2026-01-01T00:00:00Z","message":"","dependencies_resolved":{resolved}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    fn entry(agent_id: &str, kwargs: &str) -> String {
        format!(
            r#"{{"agent_id":"{agent_id}","endpoint":"http://h:1","function_name":"f","capability":"c","status":"available","kwargs":{kwargs}}}"#
        )
    }

    const GAP: &str = r#"{"agent_id":"","endpoint":"","function_name":"","capability":"c","status":"unresolved"}"#;

    #[test]
    fn slots_are_positions_and_a_gap_shifts_nothing() {
        let odd = r#"{"agent_id":"x","endpoint":"http://h:1","function_name":"f","capability":"c","status":"warming"}"#;
        let resolved = format!(r#"{{"g":[{GAP},{},{odd}]}}"#, entry("b-1", "{}"));
        let wiring = Wiring::default().after(answer(&resolved)).unwrap();
        assert_eq!(wiring.slot("g", 0), None);
        assert_eq!(wiring.slot("g", 1).unwrap().agent_id, "b-1");
        assert_eq!(wiring.slot("g", 2), None);
        assert_eq!(wiring.slot("g", 3), None);
        assert_eq!(wiring.slot("h", 0), None);
    }

    #[test]
    fn an_identical_answer_changes_nothing_and_a_different_one_replaces_all() {
        let both = format!(
            r#"{{"g":[{}],"h":[{}]}}"#,
            entry("b-1", r#"{"a":1}"#),
            entry("c-1", "{}")
        );
        let first = Wiring::default().after(answer(&both)).unwrap();
        assert_eq!(first.version(), 1);
        assert!(first.after(answer(&both)).is_none());

        let moved = format!(r#"{{"g":[{}]}}"#, entry("b-1", r#"{"a":2}"#));
        let second = first.after(answer(&moved)).unwrap();
        assert_eq!(second.version(), 2);
        assert_eq!(
            second.slot("g", 0).unwrap().kwargs.as_ref().unwrap().get(),
            r#"{"a":2}"#
        );
        assert_eq!(
            second.slot("h", 0),
            None,
            "what is not mentioned is not wired"
        );
    }

    #[test]
    fn a_target_that_stays_is_the_same_object() {
        let one = format!(r#"{{"g":[{}, {GAP}]}}"#, entry("b-1", "{}"));
        let two = format!(
            r#"{{"g":[{}, {}]}}"#,
            entry("b-1", "{}"),
            entry("c-1", "{}")
        );
        let first = Wiring::default().after(answer(&one)).unwrap();
        let second = first.after(answer(&two)).unwrap();
        assert!(Arc::ptr_eq(
            &first.slot("g", 0).unwrap(),
            &second.slot("g", 0).unwrap()
        ));
    }

    #[test]
    fn an_empty_first_answer_is_an_answer() {
        let wiring = Wiring::default().after(answer("{}")).unwrap();
        assert_eq!((wiring.version(), wiring.llm_tools("g")), (1, None));
    }

    #[test]
    fn an_llm_functions_provider_and_tools_are_texts_that_stay_while_they_are_the_same() {
        let answer = |status: &str, tools: &str| -> Answer {
            let text = format!(
                r#"{{"agent_id":"a-1","status":"success","timestamp":"2026-01-01T00:00:00Z",
                    "message":"","llm_tools":{{"chat":{tools}}},"llm_providers":{{"chat":{{
                    "agent_id":"p-1","name":"process","endpoint":"http://h:1","vendor":"x",
                    "status":"{status}"}}}}}}"#
            );
            serde_json::from_str(&text).unwrap()
        };
        let first = Wiring::default().after(answer("available", "[]")).unwrap();
        assert_eq!(first.llm_tools("chat").as_deref(), Some("[]"));
        assert_eq!(first.llm_tools("other"), None);
        let provider = first.llm_provider("chat").unwrap();
        assert!(provider.contains(r#""name":"process""#), "{provider}");

        let tool = r#"[{"name":"echo","capability":"echo","endpoint":"http://h:2"}]"#;
        let second = first.after(answer("available", tool)).unwrap();
        assert!(second.llm_tools("chat").unwrap().contains("http://h:2"));
        assert!(Arc::ptr_eq(
            &provider,
            &second.llm_provider("chat").unwrap()
        ));

        assert!(second.surfaces().is_empty());
        let third = second.after(answer("unavailable", tool)).unwrap();
        assert_eq!(third.llm_provider("chat"), None);
    }
}
