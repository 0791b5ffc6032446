//! Jobs: what is stored of them, and the rules by which they change.
//!
//! A job changes only inside one transaction that locks its row, reads it, applies a rule of [`rules`] and
//! writes it back, so every database shares every rule.

mod row;
pub mod rules;

pub use row::{
    Claim, DeltaRejection, EventRead, Executor, Expired, Expiry, Job, JobCursor, JobDelta,
    JobEventRow, JobQuery, JobRefusal, JobRelease, JobRow, NewJob, NewJobEvent, Reclaimed,
};

/// How many jobs one call expires, takes from lost owners or fails on the way to a claim, so that no
/// transaction keeps others waiting. A caller with more to do calls again until nothing comes.
pub const BATCH: u32 = 256;
