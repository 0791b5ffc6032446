//! Whether agents that the registry calls healthy are there, as far as this machine can tell: it believes an
//! agent for a while that was killed a moment ago.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::time::Duration;

use futures_util::future::join_all;
use mesh_core::wire::AgentInfo;
use tokio::net::TcpStream;

use crate::error::CliError;
use crate::mesh_view::{host_and_port, is_healthy};
use crate::supervisor::Supervisor;

/// How long an agent on this machine may take to accept a connection.
const PATIENCE: Duration = Duration::from_millis(200);

/// Process ids by the ids of the agents whose they were.
pub(crate) type Gone = BTreeMap<String, u32>;

/// The processes of agents that were started here and are gone while the registry calls the agent healthy, by
/// the agent's id. Whoever took the place of one is no loss.
pub(crate) async fn gone(agents: &[AgentInfo], supervisor: &Supervisor) -> Result<Gone, CliError> {
    let ended = supervisor.ended()?;
    let asked = agents
        .iter()
        .filter(|agent| is_healthy(agent))
        .filter_map(|agent| {
            let record = ended.iter().find(|(name, _)| name.as_str() == agent.name)?;
            Some((agent, record.1.pid.as_u32()))
        });
    let gone = join_all(asked.map(async |(agent, pid)| {
        let is_gone = is_deserted(&agent.endpoint).await;
        is_gone.then(|| (agent.id.clone(), pid))
    }));
    Ok(gone.await.into_iter().flatten().collect())
}

/// Whether nobody listens at `endpoint`, which is on this machine.
pub(crate) async fn is_deserted(endpoint: &str) -> bool {
    if !endpoint.starts_with("http") || !is_here(endpoint) {
        return false;
    }
    let connected = TcpStream::connect(host_and_port(endpoint));
    // One that is busy is no dead one.
    matches!(tokio::time::timeout(PATIENCE, connected).await, Ok(Err(_)))
}

/// Whether the host of `endpoint` is this machine: only then can anybody listen at its address.
fn is_here(endpoint: &str) -> bool {
    let address = host_and_port(endpoint);
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    // Names of other hosts would have to be looked up, which takes time.
    let is_address = host
        .trim_matches(['[', ']'])
        .parse::<std::net::IpAddr>()
        .is_ok();
    host == "localhost" || (is_address && TcpListener::bind(format!("{host}:0")).is_ok())
}
