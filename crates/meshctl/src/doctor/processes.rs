//! What runs, what should, and what the registry believes.

use std::net::TcpListener;
use std::time::Duration;

use futures_util::future::join_all;
use mesh_core::wire::AgentInfo;
use tokio::net::TcpStream;

use super::finding::counted;
use super::registry::Seen;
use super::{Finding, Subject};
use crate::error::CliError;
use crate::mesh_view::{host_and_port, is_healthy};
use crate::supervisor::{State, Supervised, Supervisor};

/// How long an agent on this machine may take to accept a connection.
const PATIENCE: Duration = Duration::from_millis(200);
/// How many agents are tried.
const MOST: usize = 200;

pub(super) async fn check(subject: &Subject<'_>, seen: &Seen) -> Vec<Finding> {
    let mut findings = Vec::new();
    // What is wrong with the directory itself was said of it.
    if let Some(home) = subject
        .home
        .as_ref()
        .ok()
        .filter(|home| !home.root().is_file())
    {
        let supervisor = Supervisor::of(home.clone());
        match recorded(&supervisor, subject, seen) {
            Ok(found) => findings.extend(found),
            Err(error) => {
                let cure = format!("ls -l {}", home.pids().display());
                findings.push(Finding::failure("records", &error).cure(cure));
            }
        }
    }
    if let Some(agents) = &seen.agents {
        findings.push(listed(agents).await);
    }
    findings
}

/// What this state directory's records say.
fn recorded(
    supervisor: &Supervisor,
    subject: &Subject<'_>,
    seen: &Seen,
) -> Result<Vec<Finding>, CliError> {
    let mut findings = Vec::new();
    let supervised = supervisor.supervised()?;
    let registry = supervisor.registry()?;
    let running = supervised.iter().filter(|one| runs(one)).count();
    let what = match (registry.is_some(), running) {
        (false, 0) => "nothing that was started from here runs".to_owned(),
        (true, 0) => "the registry runs, and no agent".to_owned(),
        (false, count) => format!("{}, and no registry", counted(count, "agent")),
        (true, count) => format!("the registry and {}", counted(count, "agent")),
    };
    findings.push(Finding::ok("running", what));
    if let (Some(url), Ok(address)) = (registry.and_then(|registry| registry.url), &subject.address)
        && url != address.url()
    {
        let message =
            format!("the registry that was started here is at {url}, and {address} is asked");
        findings.push(
            Finding::warning("started_registry", message)
                .cure(format!("export MCP_MESH_REGISTRY_URL={url}")),
        );
    }
    // Whoever waits for a change is told of below.
    let waits = |name: &str| supervised.iter().any(|one| one.name.as_str() == name);
    let mut gone: Vec<String> = supervisor.gone()?.iter().map(ToString::to_string).collect();
    gone.retain(|name| !waits(name));
    if let Some(first) = gone.first() {
        let first = first.trim_end_matches(".watcher");
        let message = format!(
            "{} recorded and no longer there: it crashed, or this machine was restarted",
            is_or_are(&gone)
        );
        findings.push(
            Finding::warning("records", message).cure(format!("meshctl logs {first} --tail 20")),
        );
    }
    let names = |wanted: fn(&Supervised) -> bool| -> Vec<String> {
        let chosen = supervised.iter().filter(|one| wanted(one));
        chosen.map(|one| one.name.to_string()).collect()
    };
    let waiting = names(|one| one.agent.is_none());
    if let Some(first) = waiting.first() {
        let message = format!(
            "{} not running: its watcher waits until a file changes",
            is_or_are(&waiting)
        );
        findings.push(
            Finding::warning("watchers", message).cure(format!("meshctl logs {first} --tail 20")),
        );
    }
    let orphaned = names(|one| {
        let state = one.agent.as_ref().map(crate::supervisor::Process::state);
        state == Some(State::Orphaned)
    });
    if let Some(first) = orphaned.first() {
        let message = format!(
            "{} gone, but processes that it started still run",
            is_or_are(&orphaned)
        );
        findings.push(Finding::warning("orphans", message).cure(format!("meshctl stop {first}")));
    }
    if let Some(agents) = &seen.agents {
        let mut absent = names(runs);
        absent.retain(|name| !agents.iter().any(|agent| agent.name == *name));
        if let Some(first) = absent.first() {
            let message = format!(
                "{} running, and the registry lists no such agent",
                is_or_are(&absent)
            );
            findings.push(
                Finding::warning("unregistered", message)
                    .cure(format!("meshctl logs {first} --tail 20")),
            );
        }
    }
    Ok(findings)
}

fn runs(one: &Supervised) -> bool {
    let state = one.agent.as_ref().map(crate::supervisor::Process::state);
    state == Some(State::Running)
}

/// `'a' is`, `'a', 'b' are`.
fn is_or_are(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    let verb = if names.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", quoted.join(", "))
}

/// Whether agents on this machine that the registry calls healthy are there.
async fn listed(agents: &[AgentInfo]) -> Finding {
    let check = "agents";
    let healthy: Vec<&AgentInfo> = agents.iter().filter(|agent| is_healthy(agent)).collect();
    let here = healthy
        .iter()
        .filter(|agent| agent.endpoint.starts_with("http") && is_here(&agent.endpoint))
        .take(MOST);
    let dead: Vec<&str> = join_all(here.map(async |agent| {
        let connected = TcpStream::connect(host_and_port(&agent.endpoint));
        match tokio::time::timeout(PATIENCE, connected).await {
            Ok(Err(_)) => Some(agent.id.as_str()),
            // One that is busy is no dead one.
            _ => None,
        }
    }))
    .await
    .into_iter()
    .flatten()
    .collect();
    if dead.is_empty() {
        let total = counted(agents.len(), "agent");
        return Finding::ok(
            check,
            match (agents.len(), healthy.len()) {
                (0, _) => "the registry lists none yet".to_owned(),
                (all, well) if all == well => format!("the registry lists {total}, all healthy"),
                (_, well) => format!("the registry lists {total}, {well} of them healthy"),
            },
        );
    }
    let message = format!(
        "the registry still lists as healthy what nobody serves on this machine: {}",
        dead.join(", ")
    );
    Finding::warning(check, message).cure("meshctl list --all")
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
