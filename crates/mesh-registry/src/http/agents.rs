//! `GET /agents` lists the mesh; `DELETE /agents/{agent_id}` is an agent's goodbye.

use std::borrow::Cow;
use std::sync::Arc;

use aide::axum::ApiRouter;
use aide::axum::routing::{delete_with, get_with};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use mesh_core::wire::{AgentInfo, AgentList, CapabilityInfo};
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use super::error::ApiError;
use super::openapi::Describe;
use super::query::Pairs;
use super::raw_json;
use crate::App;
use crate::topology::{Agent, Mesh, Profile};

/// The bytes of an agent with five tools and three dependencies.
const TYPICAL_AGENT: usize = 2_500;

pub(super) fn routes() -> ApiRouter<Arc<App>> {
    ApiRouter::new()
        .api_route(
            "/agents",
            get_with(list, |operation| {
                operation
                    .tag("mesh")
                    .summary("Who is in the mesh")
                    .query::<String>("namespace", "Only agents of this namespace")
                    .query::<String>("type", "Only agents of this type")
                    .query::<String>("status", "Only agents with this status")
                    .query::<Vec<String>>("capabilities", "Only agents that offer any of these")
                    .query::<bool>(
                        "fuzzy",
                        "Capabilities match as parts of a name, in any case",
                    )
                    .answers::<AgentList>(200, "The agents, by id")
                    .refuses_parameters()
            }),
        )
        .api_route(
            "/agents/{agent_id}",
            delete_with(leave, |operation| {
                operation
                    .tag("agents")
                    .summary("Say goodbye")
                    .path("agent_id", "The agent")
                    .answers_nothing(204, "It has left, or was never there")
                    .needs_store()
            }),
        )
}

async fn leave(
    State(app): State<Arc<App>>,
    agent_id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, ApiError> {
    // What is no text is nobody's id, and who is unknown has left.
    if let Ok(Path(agent_id)) = agent_id {
        app.writer.leave(agent_id).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn list(State(app): State<Arc<App>>, query: Pairs) -> Result<Response, ApiError> {
    let filter = Filter::new(&query)?;
    let mesh = app.mesh.load();
    let mut agents: Vec<&Agent> = mesh.agents().filter(|agent| filter.keeps(agent)).collect();
    agents.sort_unstable_by(|left, right| left.profile.id.cmp(&right.profile.id));
    let list = AgentList {
        count: agents.len(),
        agents: OneByOne(&mesh, &agents),
        timestamp: app.clock.now(),
    };
    // Growing to the length of a large mesh by doubling would copy all of it several times.
    let mut bytes = Vec::with_capacity(list.count * TYPICAL_AGENT);
    serde_json::to_writer(&mut bytes, &list).expect("wire types hold nothing that JSON lacks");
    Ok(raw_json(StatusCode::OK, bytes))
}

/// Agents that become wire values only while they are rendered, one at a time: ten thousand of
/// them at once cost more to allocate and to free than to write down.
struct OneByOne<'a>(&'a Mesh, &'a [&'a Agent]);

impl Serialize for OneByOne<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.1.iter().map(|agent| info(self.0, agent)))
    }
}

/// Which agents a request asks for.
struct Filter<'a> {
    namespace: Option<&'a str>,
    agent_type: Option<&'a str>,
    status: Option<&'a str>,
    capabilities: Vec<String>,
    /// Capabilities match as parts of a name, in any case.
    fuzzy: bool,
}

impl<'a> Filter<'a> {
    fn new(query: &'a Pairs) -> Result<Self, ApiError> {
        let fuzzy = match query.first("fuzzy") {
            None | Some("false" | "0" | "f" | "F" | "FALSE" | "False") => false,
            Some("true" | "1" | "t" | "T" | "TRUE" | "True") => true,
            Some(other) => {
                return Err(ApiError::Invalid(format!(
                    "Invalid query parameters: fuzzy: `{other}` is neither `true` nor `false`"
                )));
            }
        };
        let capabilities = query
            .all("capabilities")
            .map(|name| {
                if fuzzy {
                    name.to_lowercase()
                } else {
                    name.to_owned()
                }
            })
            .collect();
        Ok(Self {
            namespace: query.first("namespace"),
            agent_type: query.first("type"),
            status: query.first("status"),
            capabilities,
            fuzzy,
        })
    }

    fn keeps(&self, agent: &Agent) -> bool {
        let profile = &agent.profile;
        self.namespace
            .is_none_or(|namespace| namespace == profile.namespace.as_str())
            && self
                .agent_type
                .is_none_or(|kind| kind == profile.agent_type.as_str())
            && self
                .status
                .is_none_or(|status| status == agent.status.as_str())
            && (self.capabilities.is_empty() || self.offers_any(profile))
    }

    fn offers_any(&self, profile: &Profile) -> bool {
        profile.offers().any(|(_, _, offer)| {
            if self.fuzzy {
                let name = offer.capability.to_lowercase();
                self.capabilities.iter().any(|part| name.contains(part))
            } else {
                self.capabilities
                    .iter()
                    .any(|name| **name == *offer.capability)
            }
        })
    }
}

fn info<'a>(mesh: &Mesh, agent: &'a Agent) -> AgentInfo<Cow<'a, RawValue>, &'a RawValue> {
    let profile = &agent.profile;
    AgentInfo {
        id: profile.id.to_string(),
        name: profile.name.to_string(),
        agent_type: profile.agent_type.to_string(),
        runtime: Some(profile.runtime.to_string()),
        version: profile.version.to_string(),
        description: profile.description.to_string(),
        a2a_producer: profile.a2a_producer,
        a2a_consumer: profile.a2a_consumer,
        status: agent.status,
        endpoint: profile.endpoint.to_string(),
        total_dependencies: profile.need_count(),
        dependencies_resolved: agent.wiring.wired(),
        capabilities: if mesh.all_available(agent) {
            let listing = profile
                .listing
                .get_or_init(|| capabilities(profile, |_| None));
            Cow::Borrowed(listing)
        } else {
            let reason = |position| mesh.unavailable_reason(agent, position);
            Cow::Owned(capabilities(profile, reason))
        },
        dependency_resolutions: agent.wiring.listing(profile),
        llm_tool_resolutions: agent.wiring.llm.tool_resolutions(profile),
        llm_provider_resolutions: agent.wiring.llm.provider_resolutions(profile),
        created_at: agent.created_at,
        last_seen: agent.pulse.last_seen(),
        entity_id: agent.entity_id.as_deref().map(Into::into),
    }
}

/// The offers as a listing shows them. `reason` says why that of the function at a position is not
/// available.
fn capabilities(profile: &Profile, reason: impl Fn(usize) -> Option<String>) -> Box<RawValue> {
    let list: Vec<_> = profile
        .offers()
        .map(|(position, function, offer)| {
            let unavailable_reason = reason(position);
            CapabilityInfo {
                function_name: function.name.to_string(),
                name: offer.capability.to_string(),
                version: offer.version.as_str().to_owned(),
                description: offer.description.to_string(),
                tags: offer.tags.to_vec(),
                llm_filter: offer.llm_filter.clone(),
                llm_provider: offer.llm_provider.clone(),
                task: offer.is_task.then_some(true),
                available: unavailable_reason.is_none(),
                unavailable_reason,
            }
        })
        .collect();
    to_raw_value(&list).expect("wire types hold nothing that JSON lacks")
}
