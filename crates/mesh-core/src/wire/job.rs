//! `/jobs` and `/admin/drain`: work that outlives a call. Times are whole Unix seconds here.
//!
//! A job is a payload for a capability. A replica claims it; the claim's epoch is its fence: what
//! bears an older epoch than the job's is refused.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::nullable;
use super::registration::wire_enum;

wire_enum! {
    /// How far a job is.
    JobStatus {
        /// Waits to be claimed, or is worked on.
        Working = "working",
        /// Its owner waits for input.
        InputRequired = "input_required",
        /// Done; there may be a result.
        Completed = "completed",
        /// Given up; there is an error.
        Failed = "failed",
        /// Called off.
        Cancelled = "cancelled",
    }
}

impl JobStatus {
    /// Whether nothing changes the job any more.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// `POST /jobs`: a new job.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct JobRequest {
    /// What it is for.
    #[serde(default, deserialize_with = "nullable")]
    pub capability: String,
    /// The arguments: an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitted_payload: Option<Box<RawValue>>,
    /// Who asks for it.
    #[serde(default, deserialize_with = "nullable")]
    pub submitted_by: String,
    /// How often it may be claimed again after the first time; 1 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_retries: Option<i64>,
    /// The seconds that a claim holds without a sign of life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_duration: Option<i64>,
    /// When it fails, whoever holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_deadline: Option<i64>,
    /// Who runs it. Absent, the first replica that claims it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_instance_id: Option<String>,
}

/// The answer to [`JobRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JobCreated {
    /// The job's id; knowing it is the right to act on the job.
    pub id: String,
    /// `working`.
    pub status: JobStatus,
    /// Who runs it, if that was said.
    pub owner_instance_id: Option<String>,
}

/// `GET /jobs/{job_id}`, and an item of `GET /jobs`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct JobInfo {
    /// The job's id.
    pub id: String,
    /// What it is for.
    pub capability: String,
    /// Who runs it, or ran it last.
    pub owner_instance_id: Option<String>,
    /// How often it was claimed; the fence.
    pub claim_epoch: i64,
    /// By event type, up to which event the job has read; the empty type is all types.
    pub recv_cursor: Option<BTreeMap<String, i64>>,
    /// Where it stands.
    pub status: JobStatus,
    /// How far it is, by convention from 0 to 1.
    pub progress: Option<f64>,
    /// What it is doing.
    pub progress_message: Option<String>,
    /// What came out; set when completed.
    pub result: Option<Box<RawValue>>,
    /// Why it ended without a result.
    pub error: Option<String>,
    /// The arguments.
    pub submitted_payload: Box<RawValue>,
    /// How many attempts were begun.
    pub attempt_count: i64,
    /// How many attempts may follow the first.
    pub max_retries: i64,
    /// The seconds that a claim holds without a sign of life.
    pub max_duration: Option<i64>,
    /// When it fails, whoever holds it.
    pub total_deadline: Option<i64>,
    /// When the claim ends unless the owner is heard.
    pub lease_expires_at: Option<i64>,
    /// When the owner was heard last.
    pub last_heartbeat_at: Option<i64>,
    /// When it was created.
    pub submitted_at: i64,
    /// Who asked for it.
    pub submitted_by: String,
}

/// `GET /jobs`: jobs, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct JobList {
    /// The jobs.
    #[serde(default, deserialize_with = "nullable")]
    pub jobs: Vec<JobInfo>,
    /// Where the next page begins, if there is one.
    pub next_cursor: Option<String>,
}

/// `POST /jobs/claim`: who wants work.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct ClaimRequest {
    /// For what.
    #[serde(default, deserialize_with = "nullable")]
    pub capability: String,
    /// Who asks.
    #[serde(default, deserialize_with = "nullable")]
    pub instance_id: String,
    /// The seconds to wait for a job if there is none, 0 to 60. Other registries answer at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<i64>,
}

/// The answer to [`ClaimRequest`].
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ClaimAnswer {
    /// One job or none.
    pub claimed: Vec<ClaimedJob>,
}

/// A job that now belongs to whoever asked.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ClaimedJob {
    /// The job's id.
    pub id: String,
    /// How many attempts were begun, this one included.
    pub attempt_count: i64,
    /// What the owner's deltas and reads must bear.
    pub claim_epoch: i64,
    /// The arguments.
    pub submitted_payload: Box<RawValue>,
    /// The seconds that the claim holds without a sign of life.
    pub max_duration: Option<i64>,
    /// When the claim ends unless the owner is heard.
    pub lease_expires_at: Option<i64>,
    /// Up to which event an earlier attempt has read.
    pub recv_cursor: Option<BTreeMap<String, i64>>,
}

/// `POST /jobs/batch`: what happened to jobs that run at one instance.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct DeltaRequest {
    /// Where they run.
    #[serde(default, deserialize_with = "nullable")]
    pub instance_id: String,
    /// What happened, in order.
    #[serde(default, deserialize_with = "nullable")]
    pub deltas: Vec<Delta>,
}

/// What happened to one job; what is absent stays as it is.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct Delta {
    /// The job.
    #[serde(default, deserialize_with = "nullable")]
    pub id: String,
    /// The epoch of the claim under which it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim_epoch: Option<i64>,
    /// Where it stands, as in [`JobStatus`]; text, because an unknown one is refused by a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// How far it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<f64>,
    /// What it is doing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress_message: Option<String>,
    /// What came out; counts with `completed` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Box<RawValue>>,
    /// Why it failed; counts with `failed` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Up to which events it has read; never lowers what is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recv_cursor: Option<BTreeMap<String, i64>>,
}

/// The answer to [`DeltaRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeltaAnswer {
    /// How many deltas count.
    pub accepted: usize,
    /// Those that do not.
    #[serde(default, deserialize_with = "nullable")]
    pub rejected: Vec<RejectedDelta>,
}

/// What whoever acts for a claim that is not the job's current one is told, as the reason of a
/// rejected delta or as the text of an error: that execution must stop.
pub const CLAIM_SUPERSEDED: &str = "claim_superseded";

/// A delta that does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RejectedDelta {
    /// The job.
    pub id: String,
    /// `not_found`, `claim_superseded`, `not_owner`, `already_terminal` or `invalid_status`.
    pub reason: String,
}

/// `POST /jobs/{job_id}/release`: the owner cannot run it now.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct ReleaseRequest {
    /// The owner.
    #[serde(default, deserialize_with = "nullable")]
    pub instance_id: String,
    /// The epoch of the claim that is given back; a later claim is then left alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim_epoch: Option<i64>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The answer to [`ReleaseRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReleaseAnswer {
    /// `working`, or `failed` if it may not be tried again.
    pub status: JobStatus,
    /// How many attempts were begun.
    pub attempt_count: i64,
}

/// `POST /jobs/{job_id}/cancel`, to the registry and from there to the owner.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CancelRequest {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The answer to [`CancelRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CancelAnswer {
    /// `cancelled`.
    pub status: JobStatus,
    /// Who is told to stop.
    pub forwarded_to_instance_id: Option<String>,
}

/// The answer to `POST /jobs/{job_id}/reclaim`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReclaimAnswer {
    /// `working`.
    pub status: JobStatus,
    /// Who lost it.
    pub previous_owner_instance_id: Option<String>,
    /// The epoch of the last claim; the next one raises it.
    pub claim_epoch: i64,
}

/// `POST /jobs/{job_id}/events`: something the job should know.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct JobEventRequest {
    /// What kind of event.
    #[serde(default, rename = "type", deserialize_with = "nullable")]
    pub kind: String,
    /// Any JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Box<RawValue>>,
    /// Which trace it belongs to: an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_context: Option<Box<RawValue>>,
}

/// The answer to [`JobEventRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JobEventPosted {
    /// The job.
    pub job_id: String,
    /// The event's place, from 1 on.
    pub seq: i64,
    /// When it was taken.
    pub created_at: i64,
}

/// `GET /jobs/{job_id}/events`: events of one job, in order.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct JobEventList {
    /// The events.
    #[serde(default, deserialize_with = "nullable")]
    pub events: Vec<JobEventInfo>,
    /// What to ask for `after` next time.
    pub next_after: i64,
}

/// One event of a job.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct JobEventInfo {
    /// The job.
    pub job_id: String,
    /// Its place, from 1 on.
    pub seq: i64,
    /// What kind of event.
    #[serde(rename = "type")]
    pub kind: String,
    /// Any JSON.
    pub payload: Option<Box<RawValue>>,
    /// Which trace it belongs to.
    pub trace_context: Option<Box<RawValue>>,
    /// The certificate's entity that posted it.
    pub posted_by: Option<String>,
    /// When it was taken.
    pub created_at: i64,
}

/// `/admin/drain`: whether jobs are handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DrainReport {
    /// Nobody gets a job.
    pub draining: bool,
    /// How many jobs are running.
    pub live_claims: u64,
}
