//! Where an agent can be called.

use std::fmt;
use std::net::Ipv6Addr;

use mesh_core::AgentId;

/// A host and port as the agent advertised them, or nothing to call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// Reachable over HTTP.
    Http {
        /// A host name or address, as advertised.
        host: Box<str>,
        /// 1 to 65535.
        port: u16,
    },
    /// The agent advertised no host or no port.
    Stdio(AgentId),
}

impl Endpoint {
    pub(crate) fn new(id: &AgentId, host: Option<&str>, port: Option<i64>) -> Self {
        let port = port
            .and_then(|port| u16::try_from(port).ok())
            .filter(|&port| port > 0);
        match (host.filter(|host| !host.is_empty()), port) {
            (Some(host), Some(port)) => Self::Http {
                host: host.into(),
                port,
            },
            _ => Self::Stdio(id.clone()),
        }
    }

    /// The host and port to connect to. `None` if there are none, or if what was advertised as a
    /// host would put more than a host into a URL.
    pub(crate) fn authority(&self) -> Option<(&str, u16)> {
        match self {
            Self::Http { host, port } if !host.contains(['/', '\\', '?', '#', '@']) => {
                Some((host, *port))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // An address of version 6 needs brackets, or its colons would read as ports.
            Self::Http { host, port } if host.parse::<Ipv6Addr>().is_ok() => {
                write!(f, "http://[{host}]:{port}")
            }
            Self::Http { host, port } => write!(f, "http://{host}:{port}"),
            Self::Stdio(id) => write!(f, "stdio://{id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_without_host_or_port_cannot_be_called() {
        let id = AgentId::parse("a-1").unwrap();
        let spelled = |host, port| Endpoint::new(&id, host, port).to_string();
        assert_eq!(
            spelled(Some("10.0.0.5"), Some(9000)),
            "http://10.0.0.5:9000"
        );
        assert_eq!(spelled(Some("::1"), Some(9000)), "http://[::1]:9000");
        for (host, port) in [(None, Some(1)), (Some(""), Some(1)), (Some("h"), Some(0))] {
            assert_eq!(spelled(host, port), "stdio://a-1");
        }
        assert_eq!(spelled(Some("h"), Some(70_000)), "stdio://a-1");
    }
}
