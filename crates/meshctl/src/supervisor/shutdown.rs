//! Ending a process with everything that it started, and making sure of it.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::platform::{Demand, Platform, ProcessGroups};
use super::process::{Pid, Process, State};

/// How often a group that was asked to end is looked at.
const POLL: Duration = Duration::from_millis(20);
/// How long a killed group may take to vanish.
const AFTER_KILL: Duration = Duration::from_secs(3);

/// Why a process still runs.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StopError {
    /// The operating system refused.
    #[error("process {pid} cannot be signalled")]
    Refused {
        pid: Pid,
        #[source]
        source: std::io::Error,
    },
    /// Even killing did not end it.
    #[error("process {pid} survived being killed")]
    Survived { pid: Pid },
}

impl Process {
    /// Ends the whole group: politely, and after `grace` by force. Returns once it is dead.
    pub(crate) async fn stop(&self, grace: Duration) -> Result<(), StopError> {
        if !grace.is_zero() && self.ends_after(Demand::Terminate, grace).await? {
            return Ok(());
        }
        if self.ends_after(Demand::Kill, AFTER_KILL).await? {
            return Ok(());
        }
        Err(StopError::Survived { pid: self.pid })
    }

    async fn ends_after(&self, demand: Demand, patience: Duration) -> Result<bool, StopError> {
        if self.state() == State::Gone {
            return Ok(true);
        }
        Platform::demand(self.pid, demand).map_err(|source| StopError::Refused {
            pid: self.pid,
            source,
        })?;
        let deadline = Instant::now() + patience;
        loop {
            if self.state() == State::Gone {
                return Ok(true);
            }
            if Instant::now() >= deadline {
                return Ok(false);
            }
            sleep(POLL).await;
        }
    }
}
