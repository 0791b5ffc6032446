//! The JSON of the protocol. Server, client and command line share these structs, so a field is
//! spelled once. One file per resource.
//!
//! Go and Java clients send `null` where they mean "nothing"; [`nullable`] reads it as the default.

mod admin;
mod agents;
mod answer;
mod audit;
mod dependency;
mod error;
mod event;
mod header;
mod job;
mod llm;
mod registration;
mod schema;
mod service;
mod surfaces;
mod tag;
mod trace;

pub use admin::{EntityInfo, EntityList, RotationReport};
pub use agents::{
    AgentInfo, AgentList, AgentStatus, CapabilityInfo, DependencyResolution, LlmProviderResolution,
    LlmToolResolution,
};
pub use answer::{
    Answer, AnswerHead, AnswerStatus, AnswerTail, DependencyAnswer, LlmProviderAnswer,
    LlmToolAnswer, SlotStatus, SurfaceAnswer,
};
pub use audit::{AuditChoice, AuditEviction, AuditSpec, AuditStage, AuditTrace};
pub use dependency::{Dependency, DependencyEntry};
pub use error::{ErrorBody, ParameterError};
pub use event::{EventInfo, EventKind, EventList};
pub use header::{ANSWER_ID_HEADER, PENDING_JOBS_HEADER, PROXY_TIMEOUT_MARK, TIMEOUT_HEADER};
pub use job::{
    CLAIM_SUPERSEDED, CancelAnswer, CancelRequest, ClaimAnswer, ClaimRequest, ClaimedJob, Delta,
    DeltaAnswer, DeltaRequest, DrainReport, JobCreated, JobEventInfo, JobEventList, JobEventPosted,
    JobEventRequest, JobInfo, JobList, JobRequest, JobStatus, ReclaimAnswer, RejectedDelta,
    ReleaseAnswer, ReleaseRequest,
};
pub use llm::{FilterMode, LlmFilter, LlmSelector};
pub use registration::{AgentType, Registration, Runtime, Surface, Tool};
pub use schema::{SchemaInfo, SchemaList};
pub use service::{Banner, HealthReport, PROTOCOL_VERSION, ReadyReport, SERVICE};
pub use surfaces::SurfaceList;
pub use tag::TagEntry;
pub use trace::{
    NoTrace, SpanInfo, SpanStream, TRACE_ID_HEADER, TRACE_STREAM, TRACING_DISABLED, TraceInfo,
    TraceStats, TraceStatus,
};

use serde::{Deserialize, Deserializer};

/// Reads `null` as the type's default, as Go's decoder does.
fn nullable<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// For `skip_serializing_if`.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(flag: &bool) -> bool {
    !*flag
}
