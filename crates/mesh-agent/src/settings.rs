//! What an agent is started with.

use std::fmt;
use std::time::Duration;

use mesh_client::TlsFiles;

use crate::Observer;

/// How an agent behaves towards its registry.
#[derive(Clone)]
pub struct AgentSettings {
    /// The registry's base URL.
    pub registry_url: String,
    /// How long after one heartbeat the next one is sent.
    pub heartbeat_interval: Duration,
    /// How long first calls wait for dependencies that nobody has offered yet.
    pub settle: Duration,
    /// No registry traffic at all: nothing is ever wired.
    pub standalone: bool,
    /// Certificates of one's own, for a registry and agents at `https`.
    pub tls: TlsFiles,
    /// Told of each change of [`crate::Status`]; runs on the runtime's thread.
    pub observer: Option<Observer>,
}

impl Default for AgentSettings {
    fn default() -> Self {
        Self {
            registry_url: "http://localhost:8000".to_owned(),
            heartbeat_interval: Duration::from_secs(5),
            settle: Duration::from_secs(20),
            standalone: false,
            tls: TlsFiles::default(),
            observer: None,
        }
    }
}

impl fmt::Debug for AgentSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            registry_url,
            heartbeat_interval,
            settle,
            standalone,
            tls,
            observer,
        } = self;
        f.debug_struct("AgentSettings")
            .field("registry_url", registry_url)
            .field("heartbeat_interval", heartbeat_interval)
            .field("settle", settle)
            .field("standalone", standalone)
            .field("tls", tls)
            .field("observer", &observer.is_some())
            .finish()
    }
}

/// The agent's own verdict on itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Health {
    /// Serves.
    #[default]
    Healthy,
    /// Serves with restrictions; the registry is told and goes on wiring it.
    Degraded,
    /// Does not serve: the registry hears nothing, gives the agent up and wires others.
    Unhealthy,
}

impl Health {
    /// Reads the wire's spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "healthy" => Some(Self::Healthy),
            "degraded" => Some(Self::Degraded),
            "unhealthy" => Some(Self::Unhealthy),
            _ => None,
        }
    }

    /// The wire's spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        }
    }
}
