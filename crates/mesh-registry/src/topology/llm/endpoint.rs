//! Where a tool can be called on behalf of an LLM.

use mesh_core::AgentId;

use crate::topology::{Endpoint, Scheme};

/// Reads what an agent advertised more kindly than [`Endpoint::new`] does: an agent that names no
/// host, or every address of its own, is on this machine.
pub(crate) fn endpoint(
    id: &AgentId,
    scheme: Scheme,
    host: Option<&str>,
    port: Option<i64>,
) -> Endpoint {
    let host = host.unwrap_or_default();
    let bare = host
        .strip_prefix("http://")
        .or_else(|| host.strip_prefix("https://"))
        .unwrap_or(host)
        .trim_end_matches('/');
    let bare = match bare {
        "" | "0.0.0.0" | "::" => "localhost",
        bare => bare,
    };
    Endpoint::new(id, scheme, Some(bare), port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_kindly() {
        let id = AgentId::parse("a-1").unwrap();
        for (host, port, expected) in [
            (Some("10.0.0.9"), Some(9000), "http://10.0.0.9:9000"),
            (None, Some(9000), "http://localhost:9000"),
            (Some(""), Some(9000), "http://localhost:9000"),
            (Some("0.0.0.0"), Some(9000), "http://localhost:9000"),
            (Some("::"), Some(9000), "http://localhost:9000"),
            (Some("::1"), Some(9000), "http://[::1]:9000"),
            (Some("http://calc"), Some(80), "http://calc:80"),
            (Some("https://calc/"), Some(443), "http://calc:443"),
            (Some("calc"), Some(0), "stdio://a-1"),
            (Some("calc"), None, "stdio://a-1"),
        ] {
            let found = endpoint(&id, Scheme::Http, host, port).to_string();
            assert_eq!(found, expected, "{host:?} {port:?}");
        }
    }
}
