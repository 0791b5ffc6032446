//! Whether the spans that agents publish are read by anybody.

use mesh_core::env::EnvVars;
use mesh_core::wire::TraceStatus;
use url::Url;

use super::configuration::{THEN, set};
use super::origin::START;
use super::registry::Seen;
use super::{Finding, Subject};
use crate::settings::{RegistryAddress, is_true};
use crate::supervisor::Marked;

const CHECK: &str = "tracing";
const SWITCH: &str = EnvVars::MCP_MESH_DISTRIBUTED_TRACING_ENABLED;
/// What agents and registry take if nobody says where Redis is.
const DEFAULT_REDIS: &str = "redis://localhost:6379";

/// Nothing where nobody traces.
pub(super) fn check(subject: &Subject<'_>, seen: &Seen, marked: &[Marked]) -> Option<Finding> {
    let status = seen.tracing.as_ref()?;
    if status.enabled {
        return Some(reading(status, subject));
    }
    let agents = marked.iter().find(|process| process.traces);
    let who = match agents {
        Some(process) => format!("'{}' publishes spans", process.record),
        None if subject.environment.get(SWITCH).is_some_and(is_true) => {
            format!("agents that are started from here publish spans ({SWITCH})")
        }
        None => return None,
    };
    let message = format!("{who}, and the registry reads none: traces are lost");
    Some(Finding::warning(CHECK, message).cure(if is_ours(subject) {
        format!("meshctl stop --registry{THEN}{START} --dte")
    } else {
        "meshctl man observability".to_owned()
    }))
}

/// Whether the registry that is asked was started from this state directory.
fn is_ours(subject: &Subject<'_>) -> bool {
    let (Some(supervisor), Ok(address)) = (subject.supervisor(), &subject.address) else {
        return false;
    };
    let registry = supervisor.registry();
    let url = registry.ok().flatten().and_then(|registry| registry.url);
    url == Some(address.url())
}

fn reading(status: &TraceStatus, subject: &Subject<'_>) -> Finding {
    let is_connected = status
        .stream
        .as_ref()
        .is_some_and(|stream| stream.connection_state == "connected");
    if is_connected {
        return Finding::ok(CHECK, "the registry reads the spans that agents publish");
    }
    let reason = status.reason.as_deref().unwrap_or("it does not say why");
    let message = format!("the registry cannot read the spans that agents publish: {reason}");
    Finding::warning(CHECK, message).cure(redis(subject))
}

/// What helps a Redis that does not answer: it is started, or looked for where it is said to be.
fn redis(subject: &Subject<'_>) -> String {
    let url = subject.environment.get(EnvVars::REDIS_URL);
    let url = url.unwrap_or(DEFAULT_REDIS);
    let Ok(url) = Url::parse(url) else {
        return set(EnvVars::REDIS_URL, DEFAULT_REDIS);
    };
    let port = url.port().unwrap_or(6379);
    let host = url.host_str().unwrap_or("localhost");
    let is_here = ["localhost", "127.0.0.1", "[::1]"].contains(&host);
    let address = subject.address.as_ref();
    if is_here && address.is_ok_and(RegistryAddress::is_local) {
        format!("redis-server --port {port} --daemonize yes")
    } else {
        // Without the password, which this is passed on with.
        format!("redis-cli -h {host} -p {port} ping")
    }
}
