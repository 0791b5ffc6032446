//! Where an agent can be called.

use std::fmt;
use std::net::Ipv6Addr;

use mesh_core::AgentId;

/// How an agent is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Scheme {
    #[default]
    Http,
    Https,
}

impl Scheme {
    pub(crate) const ALL: &[Self] = &[Self::Http, Self::Https];

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|scheme| scheme.to_string() == text)
            .copied()
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Https => "https",
        })
    }
}

/// A host and port as the agent advertised them, or nothing to call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// Reachable over HTTP.
    Http {
        /// With TLS, or without.
        scheme: Scheme,
        /// A host name or address, as advertised.
        host: Box<str>,
        /// 1 to 65535.
        port: u16,
    },
    /// The agent advertised no host or no port.
    Stdio(AgentId),
}

impl Endpoint {
    pub(crate) fn new(id: &AgentId, scheme: Scheme, host: Option<&str>, port: Option<i64>) -> Self {
        let port = port
            .and_then(|port| u16::try_from(port).ok())
            .filter(|&port| port > 0);
        match (host.filter(|host| !host.is_empty()), port) {
            (Some(host), Some(port)) => Self::Http {
                scheme,
                host: host.into(),
                port,
            },
            _ => Self::Stdio(id.clone()),
        }
    }

    /// Whether a call needs TLS.
    pub(crate) fn is_secure(&self) -> bool {
        matches!(
            self,
            Self::Http {
                scheme: Scheme::Https,
                ..
            }
        )
    }

    /// The host and port to connect to. `None` if there are none, or if what was advertised as a
    /// host would put more than a host into a URL.
    pub(crate) fn authority(&self) -> Option<(&str, u16)> {
        match self {
            Self::Http { host, port, .. } if !host.contains(['/', '\\', '?', '#', '@']) => {
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
            Self::Http { scheme, host, port } if host.parse::<Ipv6Addr>().is_ok() => {
                write!(f, "{scheme}://[{host}]:{port}")
            }
            Self::Http { scheme, host, port } => write!(f, "{scheme}://{host}:{port}"),
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
        let spelled = |host, port| Endpoint::new(&id, Scheme::Http, host, port).to_string();
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

    #[test]
    fn an_agent_behind_tls_is_called_so() {
        let id = AgentId::parse("a-1").unwrap();
        let spelled = |host| Endpoint::new(&id, Scheme::Https, Some(host), Some(9000)).to_string();
        assert_eq!(spelled("h"), "https://h:9000");
        assert_eq!(spelled("::1"), "https://[::1]:9000");
        assert_eq!(Scheme::parse("https"), Some(Scheme::Https));
        assert_eq!(Scheme::parse("HTTPS"), None);
    }
}
