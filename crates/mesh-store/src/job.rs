//! Jobs: what is stored of them, and the rules by which they change.
//!
//! A job changes only inside one transaction that locks its row, reads it, applies a rule of [`rules`] and
//! writes it back. [`work`] does so for every database, so they share every rule and every step.

use std::time::Duration;

mod row;
pub mod rules;
pub(crate) mod work;

pub use row::{
    Claim, DeltaRejection, EventRead, Executor, Expired, Expiry, Job, JobCursor, JobDelta,
    JobEventRow, JobQuery, JobRefusal, JobRelease, JobRow, NewJob, NewJobEvent, Reclaimed,
};

/// For SQL; `i64::MAX` nanoseconds are 292 years.
pub(crate) fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// How many jobs one call expires, takes from lost owners or fails on the way to a claim, so that no
/// transaction keeps others waiting. A caller with more to do calls again until nothing comes.
pub const BATCH: u32 = 256;
