//! An agent's description, compiled: what was text in the registration is parsed here, once.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use mesh_core::wire::{AgentType, Registration, Runtime, SurfaceAnswer};
use mesh_core::{AgentId, InvalidName, Label, wire};
use serde::Deserialize;
use serde_json::value::RawValue;
use xxhash_rust::xxh3::xxh3_128;

use super::function::{Function, Need, Offer};
use super::llm;
use super::resolve::OfferKey;
use super::{Endpoint, Scheme};
use crate::published::{self, Digest};

/// The longest description that is kept, in characters.
const MAX_DESCRIPTION: usize = 256;

/// Why a registration is refused, although its JSON is well-formed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidRegistration {
    #[error("validation failed: agent_id: {0}")]
    AgentId(InvalidName),
    #[error("validation failed: name: {0}")]
    Name(InvalidName),
    #[error("validation failed: namespace: {0}")]
    Namespace(InvalidName),
    #[error("validation failed: agent_type: `{0}` is none of {allowed}", allowed = list(AgentType::ALL))]
    AgentType(String),
    #[error("validation failed: runtime: `{0}` is none of {allowed}", allowed = list(Runtime::ALL))]
    Runtime(String),
    #[error("validation failed: http_scheme: `{0}` is none of {allowed}", allowed = list(Scheme::ALL))]
    Scheme(String),
    #[error("validation failed: tools: {0} are more than {MAX_TOOLS}")]
    TooManyTools(usize),
    // It would be handed to every consumer or lister, who could not read it either.
    #[error("`{field}` of the tool `{function}`: {source}")]
    Json {
        function: String,
        field: &'static str,
        source: serde_json::Error,
    },
}

/// More functions than any agent has.
const MAX_TOOLS: usize = 10_000;

/// The words that are allowed, for people.
pub(super) fn list<T: std::fmt::Display>(values: &[T]) -> String {
    values
        .iter()
        .map(|value| format!("`{value}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// What tells one registration's content from another's: everything but its `timestamp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint(u128);

/// The two fields that are needed before a body is compared; the rest is skipped unparsed.
#[derive(Deserialize)]
pub(crate) struct Envelope<'a> {
    /// As sent; may be empty or ill-formed.
    #[serde(borrow, default)]
    pub(crate) agent_id: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow, default)]
    timestamp: Option<&'a RawValue>,
}

impl Fingerprint {
    /// Reads the envelope of `body` and hashes all of it but the value of `timestamp`.
    pub(crate) fn read(body: &[u8]) -> serde_json::Result<(Envelope<'_>, Self)> {
        let envelope: Envelope<'_> = serde_json::from_slice(body)?;
        let hash = match envelope.timestamp {
            None => xxh3_128(body),
            Some(stamp) => {
                // The raw value is a slice of the body, so its address tells where it stands.
                let start = stamp.get().as_ptr() as usize - body.as_ptr() as usize;
                let end = start + stamp.get().len();
                let halves = [xxh3_128(&body[..start]), xxh3_128(&body[end..])];
                halves[0].rotate_left(1) ^ halves[1]
            }
        };
        Ok((envelope, Self(hash)))
    }
}

/// An agent as it described itself.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) id: AgentId,
    /// The name that replicas share.
    pub(crate) name: Label,
    pub(crate) namespace: Label,
    pub(crate) agent_type: AgentType,
    pub(crate) runtime: Runtime,
    pub(crate) version: Box<str>,
    pub(crate) description: Box<str>,
    pub(crate) endpoint: Endpoint,
    /// Where LLMs find the agent's tools.
    pub(crate) llm_endpoint: Endpoint,
    pub(crate) a2a_producer: bool,
    pub(crate) a2a_consumer: bool,
    pub(crate) functions: Box<[Function]>,
    pub(crate) surfaces: Box<[SurfaceAnswer]>,
    /// The schemas that must not be forgotten while the agent is known.
    pub(crate) schemas: Box<[Digest]>,
    /// What was changed while reading.
    pub(crate) warnings: Box<[String]>,
    /// The offers as a listing shows them while the agent is healthy; rendered when first asked for.
    pub(crate) listing: OnceLock<Box<RawValue>>,
    pub(crate) fingerprint: Fingerprint,
}

impl Profile {
    /// Reads a registration, checking what [`InvalidRegistration`] names.
    pub(crate) fn compile(
        registration: Registration,
        fingerprint: Fingerprint,
        public_prefix: Option<&str>,
    ) -> Result<Self, InvalidRegistration> {
        let id = AgentId::parse(&registration.agent_id).map_err(InvalidRegistration::AgentId)?;
        let name = registration.name.filter(|name| !name.is_empty());
        let name = Label::parse(name.as_deref().unwrap_or(&registration.agent_id))
            .map_err(InvalidRegistration::Name)?;
        let namespace = registration.namespace.filter(|text| !text.is_empty());
        let namespace = Label::parse(namespace.as_deref().unwrap_or("default"))
            .map_err(InvalidRegistration::Namespace)?;
        let agent_type = match registration.agent_type.as_deref().unwrap_or_default() {
            "" => AgentType::McpAgent,
            text => AgentType::parse(text)
                .ok_or_else(|| InvalidRegistration::AgentType(text.to_owned()))?,
        };
        let runtime = match registration.runtime.as_deref().unwrap_or_default() {
            "" => Runtime::Python,
            text => {
                Runtime::parse(text).ok_or_else(|| InvalidRegistration::Runtime(text.to_owned()))?
            }
        };
        if registration.tools.len() > MAX_TOOLS {
            return Err(InvalidRegistration::TooManyTools(registration.tools.len()));
        }
        let schemas = published::references(&registration.tools);
        let (description, warning) = cut(registration.description.unwrap_or_default().trim());
        let mut warnings: Vec<_> = warning.into_iter().collect();
        let tools = registration.tools.into_iter();
        let functions = tools.map(|tool| Function::compile(tool, &mut warnings));
        let functions = functions.collect::<Result<_, _>>()?;
        let scheme = match registration.http_scheme.as_deref().unwrap_or_default() {
            "" => Scheme::default(),
            text => {
                Scheme::parse(text).ok_or_else(|| InvalidRegistration::Scheme(text.to_owned()))?
            }
        };
        let host = registration.http_host.as_deref();
        Ok(Self {
            endpoint: Endpoint::new(&id, scheme, host, registration.http_port),
            llm_endpoint: llm::endpoint(&id, scheme, host, registration.http_port),
            id,
            name,
            namespace,
            agent_type,
            runtime,
            version: registration.version.unwrap_or_default().into(),
            description,
            a2a_producer: registration.a2a_producer.unwrap_or_default(),
            a2a_consumer: registration.a2a_consumer.unwrap_or_default(),
            functions,
            surfaces: surfaces(registration.surfaces.unwrap_or_default(), public_prefix),
            schemas,
            warnings: warnings.into(),
            listing: OnceLock::new(),
            fingerprint,
        })
    }

    /// Adds what its sender is to be told beside what was changed.
    pub(crate) fn warn(&mut self, warnings: Vec<String>) {
        let mut all = std::mem::take(&mut self.warnings).into_vec();
        all.extend(warnings);
        self.warnings = all.into();
    }

    /// The capabilities on offer, each with the position of its function.
    pub(crate) fn offers(&self) -> impl Iterator<Item = (usize, &Function, &Offer)> {
        self.functions
            .iter()
            .enumerate()
            .filter_map(|(position, function)| {
                function
                    .offer
                    .as_ref()
                    .map(|offer| (position, function, offer))
            })
    }

    /// The names of everything that the agent needs, each once.
    pub(crate) fn needed(&self) -> BTreeSet<Arc<str>> {
        let names = self.functions.iter().flat_map(|function| {
            let specs = function.needs.iter().flat_map(Need::alternatives);
            let names = specs.map(|spec| &spec.capability);
            names.chain(function.llm.iter().flat_map(|llm| llm.names()))
        });
        names
            .filter(|capability| !capability.is_empty())
            .cloned()
            .collect()
    }

    /// Whether an LLM function of the agent may be given tools of any capability.
    pub(crate) fn is_wild(&self) -> bool {
        let mut functions = self.functions.iter();
        functions.any(|function| function.llm.as_ref().is_some_and(|llm| llm.is_wild()))
    }

    /// The dependencies of every function, in order: the order of the wiring's slots.
    pub(crate) fn needs(&self) -> impl Iterator<Item = (&Function, &Need)> {
        self.functions
            .iter()
            .flat_map(|function| function.needs.iter().map(move |need| (function, need)))
    }

    /// The offers that require something, once per name that they require.
    pub(super) fn requirements(&self) -> impl Iterator<Item = (Arc<str>, OfferKey)> {
        self.offers().flat_map(move |(position, function, _)| {
            let specs = function.requirements().flat_map(Need::alternatives);
            specs.map(move |spec| (spec.capability.clone(), (self.id.clone(), position)))
        })
    }

    /// How many dependencies are declared.
    pub(crate) fn need_count(&self) -> usize {
        self.functions
            .iter()
            .map(|function| function.needs.len())
            .sum()
    }
}

/// Cuts a description that is too long, and says so.
fn cut(description: &str) -> (Box<str>, Option<String>) {
    match description.char_indices().nth(MAX_DESCRIPTION) {
        None => (description.into(), None),
        Some((end, _)) => {
            let length = description.chars().count();
            let warning = format!("description truncated from {length} to {MAX_DESCRIPTION} chars");
            (description[..end].into(), Some(warning))
        }
    }
}

fn surfaces(declared: Vec<wire::Surface>, public_prefix: Option<&str>) -> Box<[SurfaceAnswer]> {
    declared
        .into_iter()
        .filter(|surface| !surface.path.is_empty() && !surface.skill_id.is_empty())
        .map(|surface| {
            let public_url = public_prefix.map(|prefix| {
                let prefix = prefix.trim_end_matches('/');
                let path = surface.path.trim_start_matches('/');
                format!("{prefix}/{path}")
            });
            SurfaceAnswer {
                agent_card_url: public_url
                    .as_ref()
                    .map(|url| format!("{url}/.well-known/agent.json")),
                path: surface.path,
                skill_id: surface.skill_id,
                public_url,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(body: &str) -> Fingerprint {
        Fingerprint::read(body.as_bytes()).unwrap().1
    }

    fn compile(body: &str) -> Result<Profile, InvalidRegistration> {
        let (_, fingerprint) = Fingerprint::read(body.as_bytes()).unwrap();
        Profile::compile(
            serde_json::from_str(body).unwrap(),
            fingerprint,
            Some("https://x/"),
        )
    }

    #[test]
    fn only_the_timestamp_may_differ() {
        let first = fingerprint(r#"{"agent_id":"a","timestamp":"1","tools":[]}"#);
        assert_eq!(
            first,
            fingerprint(r#"{"agent_id":"a","timestamp":"200","tools":[]}"#)
        );
        for other in [
            r#"{"agent_id":"b","timestamp":"1","tools":[]}"#,
            r#"{"agent_id":"a","timestamp":"1","tools":[1]}"#,
            r#"{"agent_id":"a","tools":[]}"#,
        ] {
            assert_ne!(first, fingerprint(other), "{other}");
        }
    }

    #[test]
    fn names_and_kinds_are_checked() {
        for (body, message) in [
            (
                r#"{"agent_id":"Bad_Id"}"#,
                "validation failed: agent_id: `Bad_Id` may hold",
            ),
            (
                r#"{"agent_id":"a","name":"-"}"#,
                "validation failed: name: `-` may hold",
            ),
            (
                r#"{"agent_id":"a","namespace":"A"}"#,
                "validation failed: namespace: `A` may",
            ),
            (
                r#"{"agent_id":"a","agent_type":"x"}"#,
                "validation failed: agent_type: `x` is none",
            ),
            (
                r#"{"agent_id":"a","runtime":"go"}"#,
                "validation failed: runtime: `go` is none of",
            ),
        ] {
            let error = compile(body).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }

    #[test]
    fn nobody_has_more_functions_than_any_agent_has() {
        let with = |tools: usize| {
            let tools = vec!["{}"; tools].join(",");
            compile(&format!(r#"{{"agent_id":"a","tools":[{tools}]}}"#))
        };
        assert_eq!(with(10_000).unwrap().functions.len(), 10_000);
        assert_eq!(
            with(10_001).unwrap_err().to_string(),
            "validation failed: tools: 10001 are more than 10000"
        );
    }

    #[test]
    fn kwargs_are_sorted_and_empty_ones_dropped() {
        let body = r#"{"agent_id":"a","tools":[
            {"function_name":"f","capability":"c","kwargs":{"b":{"z":1,"a":2},"a":1,"task":true}},
            {"function_name":"g","capability":"c","kwargs":{}},
            {"function_name":"","capability":"c"},
            {"function_name":"h","capability":""}]}"#;
        let profile = compile(body).unwrap();
        let offers: Vec<_> = profile.offers().collect();
        assert_eq!(
            offers.len(),
            2,
            "a tool without a name or a capability offers nothing"
        );
        let kwargs = offers[0].2.kwargs.as_ref().unwrap();
        assert_eq!(kwargs.get(), r#"{"a":1,"b":{"a":2,"z":1},"task":true}"#);
        assert!(offers[0].2.is_task);
        assert!(offers[1].2.kwargs.is_none());
    }

    #[test]
    fn a_long_description_is_cut_with_a_warning() {
        let body = format!(
            r#"{{"agent_id":"a","description":" {} "}}"#,
            "ä".repeat(312)
        );
        let profile = compile(&body).unwrap();
        assert_eq!(profile.description.chars().count(), 256);
        assert_eq!(
            *profile.warnings,
            ["description truncated from 312 to 256 chars"]
        );
    }

    #[test]
    fn surfaces_get_their_public_addresses() {
        let body = r#"{"agent_id":"a","surfaces":[{"path":"/agents/date","skill_id":"date"},
            {"path":"","skill_id":"x"}]}"#;
        let profile = compile(body).unwrap();
        assert_eq!(profile.surfaces.len(), 1);
        let card = profile.surfaces[0].agent_card_url.as_deref();
        assert_eq!(card, Some("https://x/agents/date/.well-known/agent.json"));
    }
}
