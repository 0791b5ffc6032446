//! Where an agent stands with its registry.

use std::sync::Arc;

use arc_swap::ArcSwap;

/// Where an agent stands with its registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentState {
    /// The first registration is under way.
    Starting,
    /// The registry knows the agent.
    Registered,
    /// The registry cannot be asked; the wiring stays, attempts go on.
    Reconnecting {
        /// Why the last attempt failed.
        error: String,
    },
    /// The registry refuses the agent; the wiring stays, attempts go on.
    Rejected {
        /// The registry's reason.
        message: String,
    },
    /// The agent is unhealthy and keeps silent towards the registry.
    Withdrawn,
    /// The agent works without a registry.
    Standalone,
    /// The agent has left.
    Stopped,
}

impl AgentState {
    /// The state's name, for probes and logs.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Registered => "registered",
            Self::Reconnecting { .. } => "reconnecting",
            Self::Rejected { .. } => "rejected",
            Self::Withdrawn => "withdrawn",
            Self::Standalone => "standalone",
            Self::Stopped => "stopped",
        }
    }
}

/// The state, and what went wrong last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Where the agent stands.
    pub state: AgentState,
    /// The last failure, even when all is well again.
    pub last_error: Option<String>,
}

/// Is told of each change.
pub type Observer = Arc<dyn Fn(&Status) + Send + Sync>;

/// Holds the current status; written by the runtime's thread only.
pub(crate) struct StatusBoard {
    current: ArcSwap<Status>,
    observer: Option<Observer>,
}

impl StatusBoard {
    pub(crate) fn new(state: AgentState, observer: Option<Observer>) -> Self {
        Self {
            current: ArcSwap::from_pointee(Status {
                state,
                last_error: None,
            }),
            observer,
        }
    }

    pub(crate) fn read(&self) -> Status {
        Status::clone(&self.current.load())
    }

    pub(crate) fn set(&self, state: AgentState) {
        let before = self.current.load();
        if before.state == state {
            return;
        }
        let last_error = match &state {
            AgentState::Reconnecting { error } => Some(error.clone()),
            AgentState::Rejected { message } => Some(message.clone()),
            _ => before.last_error.clone(),
        };
        tracing::info!(from = before.state.as_str(), to = state.as_str(), error = ?last_error, "agent state changed");
        let status = Arc::new(Status { state, last_error });
        self.current.store(Arc::clone(&status));
        if let Some(observer) = &self.observer {
            observer(&status);
        }
    }
}
