//! The names of what the store is asked for.

use std::fmt;

use prometheus_client::encoding::{EncodeLabelValue, LabelValueEncoder};

/// What the store is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum StoreOperation {
    /// A batch of changes, in one transaction.
    Apply,
    /// Signs of life.
    Touch,
    /// Traces of how dependencies were resolved, written.
    Audit,
    /// Events, read.
    Events,
    /// Events beyond the cap, deleted.
    CapEvents,
    /// Schemas, read.
    Schemas,
    /// Schemas that nobody refers to, deleted.
    ForgetSchemas,
    /// A job, created.
    CreateJob,
    /// A job, claimed; or that there is none.
    ClaimJob,
    /// What an owner says of its jobs.
    ApplyDeltas,
    /// A claim, given back.
    ReleaseJob,
    /// A job, taken from its owner by an operator.
    ReclaimJob,
    /// A job, cancelled.
    CancelJob,
    /// An event of a job, appended.
    AppendJobEvent,
    /// Events of a job, read.
    JobEvents,
    /// Jobs, read.
    Jobs,
    /// Claimable jobs, counted.
    CountJobs,
    /// Jobs of lost owners, or past their time, found and freed or ended.
    RecoverJobs,
    /// Jobs that ended, deleted.
    ForgetJobs,
    /// The switch that stops the handing out of jobs, and what runs meanwhile.
    Drain,
    /// Whether it is there.
    Ping,
}

impl StoreOperation {
    pub(super) const ALL: &'static [Self] = &[
        Self::Apply,
        Self::Touch,
        Self::Audit,
        Self::Events,
        Self::CapEvents,
        Self::Schemas,
        Self::ForgetSchemas,
        Self::CreateJob,
        Self::ClaimJob,
        Self::ApplyDeltas,
        Self::ReleaseJob,
        Self::ReclaimJob,
        Self::CancelJob,
        Self::AppendJobEvent,
        Self::JobEvents,
        Self::Jobs,
        Self::CountJobs,
        Self::RecoverJobs,
        Self::ForgetJobs,
        Self::Drain,
        Self::Ping,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Apply => "apply",
            Self::Touch => "touch",
            Self::Audit => "audit",
            Self::Events => "events",
            Self::CapEvents => "cap_events",
            Self::Schemas => "schemas",
            Self::ForgetSchemas => "forget_schemas",
            Self::CreateJob => "create_job",
            Self::ClaimJob => "claim_job",
            Self::ApplyDeltas => "apply_deltas",
            Self::ReleaseJob => "release_job",
            Self::ReclaimJob => "reclaim_job",
            Self::CancelJob => "cancel_job",
            Self::AppendJobEvent => "append_job_event",
            Self::JobEvents => "job_events",
            Self::Jobs => "jobs",
            Self::CountJobs => "count_jobs",
            Self::RecoverJobs => "recover_jobs",
            Self::ForgetJobs => "forget_jobs",
            Self::Drain => "drain",
            Self::Ping => "ping",
        }
    }
}

impl EncodeLabelValue for StoreOperation {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        EncodeLabelValue::encode(&self.as_str(), encoder)
    }
}
