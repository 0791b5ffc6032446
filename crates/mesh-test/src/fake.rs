//! Registrations of agents that do not exist, as values of the wire's own types: take one, change
//! what the test is about.

use mesh_core::wire::{Dependency, Registration, Tool};

/// An agent called `name`, with the same id, that can be called at `endpoint`
/// (`http://host:port`) and offers `tools`.
///
/// # Panics
///
/// If `endpoint` is not of that form.
#[must_use]
pub fn agent(name: &str, endpoint: &str, tools: Vec<Tool>) -> Registration {
    let (host, port) = endpoint
        .strip_prefix("http://")
        .and_then(|address| address.rsplit_once(':'))
        .and_then(|(host, port)| Some((host, port.parse().ok()?)))
        .expect("an endpoint is http://host:port");
    Registration {
        agent_id: name.to_owned(),
        name: Some(name.to_owned()),
        agent_type: Some("mcp_agent".to_owned()),
        version: Some("1.0.0".to_owned()),
        http_host: Some(host.to_owned()),
        http_port: Some(port),
        namespace: Some("default".to_owned()),
        status: Some("healthy".to_owned()),
        runtime: Some("python".to_owned()),
        tools,
        ..Registration::default()
    }
}

/// A tool whose function and capability share a name.
#[must_use]
pub fn tool(name: &str) -> Tool {
    Tool {
        function_name: name.to_owned(),
        capability: name.to_owned(),
        version: Some("1.0.0".to_owned()),
        description: Some(format!("The {name} tool")),
        ..Tool::default()
    }
}

/// A tool called `name` that needs `capabilities`, in this order.
#[must_use]
pub fn tool_needing(name: &str, capabilities: &[&str]) -> Tool {
    Tool {
        dependencies: capabilities
            .iter()
            .map(|capability| dependency(capability).into())
            .collect(),
        ..tool(name)
    }
}

/// The need for any provider of `capability`.
#[must_use]
pub fn dependency(capability: &str) -> Dependency {
    Dependency {
        capability: capability.to_owned(),
        ..Dependency::default()
    }
}
