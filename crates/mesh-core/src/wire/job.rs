//! Jobs: `/jobs` and what is below it.

use std::fmt;

use serde::{Deserialize, Serialize};

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
