//! Jobs as they are stored, what callers hand in, and why they are refused.

use std::collections::BTreeMap;
use std::time::Duration;

use mesh_core::Timestamp;
use mesh_core::wire::{CLAIM_SUPERSEDED, JobStatus};
use serde_json::value::RawValue;

/// All of a job that its rules look at. What may be big, payload and result, stands beside it in [`Job`],
/// so that a change of progress carries neither.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRow {
    /// A UUID; to know it is to have access.
    pub id: String,
    /// What its worker must offer.
    pub capability: String,
    /// The agent that works on it; a terminal job keeps its last one.
    pub owner: Option<String>,
    /// Rises with every claim and never otherwise; fences off earlier claims.
    pub claim_epoch: i64,
    /// How far it is.
    pub status: JobStatus,
    /// Its owner's word, usually between 0 and 1.
    pub progress: Option<f64>,
    /// Its owner's word.
    pub progress_message: Option<String>,
    /// Why it failed or was called off.
    pub error: Option<String>,
    /// Largest sequence number that its owner received, by kind of event.
    pub recv_cursor: Option<BTreeMap<String, i64>>,
    /// How often it was claimed.
    pub attempt_count: i64,
    /// How often it may be claimed again.
    pub max_retries: i64,
    /// Seconds that one attempt may be silent.
    pub max_duration: Option<i64>,
    /// When it fails whatever its state, in seconds since the Unix epoch.
    pub total_deadline: Option<i64>,
    /// Until when its owner may be silent; `None` if it was pushed to its owner instead of claimed.
    pub lease_expires_at: Option<Timestamp>,
    /// When its owner last wrote.
    pub last_heartbeat_at: Option<Timestamp>,
    /// When it was created.
    pub submitted_at: Timestamp,
    /// Who created it.
    pub submitted_by: String,
    /// When it became terminal.
    pub finished_at: Option<Timestamp>,
}

impl JobRow {
    /// `recv_cursor` as JSON, which is how it is stored.
    pub(crate) fn cursor_text(&self) -> Option<String> {
        let cursor = self.recv_cursor.as_ref()?;
        Some(serde_json::to_string(cursor).expect("texts and numbers are JSON"))
    }
}

/// A whole job.
#[derive(Debug, Clone)]
pub struct Job {
    /// All but what may be big.
    pub row: JobRow,
    /// What its worker is given.
    pub submitted_payload: Box<RawValue>,
    /// What its worker made of it.
    pub result: Option<Box<RawValue>>,
}

/// A job to create.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// A fresh UUID.
    pub id: String,
    /// What its worker must offer.
    pub capability: String,
    /// What its worker is given.
    pub submitted_payload: Box<RawValue>,
    /// Who creates it.
    pub submitted_by: String,
    /// How often it may be claimed again.
    pub max_retries: i64,
    /// Seconds that one attempt may be silent.
    pub max_duration: Option<i64>,
    /// When it fails whatever its state, in seconds since the Unix epoch.
    pub total_deadline: Option<i64>,
    /// The agent that it is pushed to; `None` leaves it to whoever claims it.
    pub owner: Option<String>,
}

/// Which jobs to list, newest first; what is empty or `None` does not filter.
#[derive(Debug, Clone, Default)]
pub struct JobQuery {
    /// Only in one of these states.
    pub statuses: Vec<JobStatus>,
    /// Only of this owner.
    pub owner: Option<String>,
    /// Only of this capability.
    pub capability: Option<String>,
    /// Only submitted at this second since the Unix epoch or later.
    pub submitted_since: Option<i64>,
    /// At most so many.
    pub limit: u32,
    /// Only what comes after this job.
    pub after: Option<JobCursor>,
}

/// A place in the list of jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobCursor {
    /// When the job was submitted.
    pub submitted_at: Timestamp,
    /// Its id.
    pub id: String,
}

/// What a call to claim a job came to.
#[derive(Debug, Clone, Default)]
pub struct Claim {
    /// The job, now its caller's.
    pub job: Option<Job>,
    /// Jobs that failed on the way, since they had no owner and no attempt left.
    pub exhausted: Vec<JobRow>,
}

/// What a worker reports about one job; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct JobDelta {
    /// The job.
    pub id: String,
    /// The claim that the worker acts for; `None` trusts the owner's name alone.
    pub claim_epoch: Option<i64>,
    /// The new state, as it was sent.
    pub status: Option<String>,
    /// Any number.
    pub progress: Option<f64>,
    /// Any text.
    pub progress_message: Option<String>,
    /// Counts only together with `completed`.
    pub result: Option<Box<RawValue>>,
    /// Counts only together with `failed`.
    pub error: Option<String>,
    /// Merged into the job's, the larger number winning.
    pub recv_cursor: Option<BTreeMap<String, i64>>,
}

/// Why a delta was passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeltaRejection {
    /// There is no such job.
    NotFound,
    /// The job was claimed again, or taken away: whoever sent this should stop.
    ClaimSuperseded,
    /// Another agent owns the job, or nobody.
    NotOwner,
    /// Nothing changes the job any more.
    AlreadyTerminal,
    /// The state is no state.
    InvalidStatus,
}

impl DeltaRejection {
    /// The wire's spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::ClaimSuperseded => CLAIM_SUPERSEDED,
            Self::NotOwner => "not_owner",
            Self::AlreadyTerminal => "already_terminal",
            Self::InvalidStatus => "invalid_status",
        }
    }
}

/// Why a job was left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobRefusal {
    /// There is no such job.
    NotFound,
    /// Another agent owns the job, or nobody.
    NotOwner,
    /// Nothing changes the job any more.
    Terminal,
    /// The caller's claim is not the job's latest.
    Superseded,
}

/// An owner's wish to give its job back.
#[derive(Debug, Clone, Default)]
pub struct JobRelease {
    /// The owner.
    pub instance_id: String,
    /// The claim that it acts for; `None` trusts the owner's name alone.
    pub claim_epoch: Option<i64>,
    /// Why; an error's text if it was the last attempt.
    pub reason: Option<String>,
}

/// A job that was taken from its owner.
#[derive(Debug, Clone, PartialEq)]
pub struct Reclaimed {
    /// The job, without an owner.
    pub job: JobRow,
    /// Who had it.
    pub previous_owner: Option<String>,
}

/// One event of a job's log.
#[derive(Debug, Clone)]
pub struct JobEventRow {
    /// The job.
    pub job_id: String,
    /// Counts from 1 in each job.
    pub seq: i64,
    /// What it is about.
    pub kind: String,
    /// Any JSON.
    pub payload: Option<Box<RawValue>>,
    /// The poster's trace, a JSON object.
    pub trace_context: Option<Box<RawValue>>,
    /// The entity of the poster's certificate.
    pub posted_by: Option<String>,
    /// When it was posted.
    pub created_at: Timestamp,
}

/// An event to append.
#[derive(Debug, Clone, Default)]
pub struct NewJobEvent {
    /// What it is about.
    pub kind: String,
    /// Any JSON.
    pub payload: Option<Box<RawValue>>,
    /// The poster's trace, a JSON object.
    pub trace_context: Option<Box<RawValue>>,
    /// The entity of the poster's certificate.
    pub posted_by: Option<String>,
}

/// Which events of a job to read, oldest first.
#[derive(Debug, Clone, Default)]
pub struct EventRead {
    /// Only after this sequence number.
    pub after: i64,
    /// Only of these kinds; empty means all.
    pub kinds: Vec<String>,
    /// At most so many.
    pub limit: u32,
    /// Who works on the job, if that is who reads: its claim is verified and its lease extended.
    pub executor: Option<Executor>,
    /// How old a job without a deadline may become.
    pub stale: Option<Duration>,
}

/// A worker and its claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executor {
    /// The agent.
    pub instance_id: String,
    /// Its claim.
    pub claim_epoch: i64,
}

/// Why a job changed without anybody asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// Its owner is gone.
    Orphaned,
    /// Its owner was silent for too long.
    Lease,
    /// Its deadline is over.
    Deadline,
    /// It has no deadline and is too old.
    Stale,
}

/// A job that changed without anybody asking.
#[derive(Debug, Clone, PartialEq)]
pub struct Expired {
    /// The job as it is now: without an owner again, or failed.
    pub job: JobRow,
    /// Why.
    pub why: Expiry,
    /// Who had it.
    pub previous_owner: Option<String>,
}
