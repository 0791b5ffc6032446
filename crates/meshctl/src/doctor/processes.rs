//! What runs, what should, and what the registry believes.

use futures_util::future::join_all;
use mesh_core::env::EnvVars;
use mesh_core::wire::AgentInfo;

use super::configuration::set;
use super::finding::counted;
use super::origin::Origin;
use super::registry::Seen;
use super::{Finding, Subject};
use crate::error::CliError;
use crate::mesh_view::is_healthy;
use crate::presence::is_deserted;
use crate::supervisor::{Marked, State, Supervised, Supervisor};

/// How many agents are tried.
const MOST: usize = 200;

/// `marked` are the processes that were started from here, where the system tells.
pub(super) async fn check(
    (subject, supervisor): (&Subject<'_>, Option<Supervisor>),
    seen: &Seen,
    marked: Option<&[Marked]>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    // What is wrong with the directory itself was said of it.
    if let Some(supervisor) = supervisor {
        let found = recorded(&supervisor, subject, (seen, marked)).and_then(|mut found| {
            found.extend(strays(&supervisor, marked)?);
            Ok(found)
        });
        match found {
            Ok(found) => findings.extend(found),
            Err(error) => {
                let cure = format!("ls -l {}", supervisor.home().pids().display());
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
    (seen, marked): (&Seen, Option<&[Marked]>),
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
        findings.push(Finding::warning("started_registry", message).cure(
            match Origin::of(subject) {
                // No variable counts beside a flag.
                Origin::Flag(_) => format!("meshctl doctor --registry-url {url}"),
                _ => set(EnvVars::MCP_MESH_REGISTRY_URL, &url),
            },
        ));
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
        let left: Vec<String> = marked
            .into_iter()
            .flatten()
            .filter(|process| orphaned.contains(&process.record))
            .map(shown)
            .collect();
        let message = format!(
            "{} gone, but processes that it started still run{}{}",
            is_or_are(&orphaned),
            if left.is_empty() { "" } else { ": " },
            left.join(", ")
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

/// What was started from here and has no record any more, so that `stop` does not end it.
fn strays(supervisor: &Supervisor, marked: Option<&[Marked]>) -> Result<Vec<Finding>, CliError> {
    let check = "strays";
    let Some(marked) = marked else {
        let message = "not looked for: this system does not tell who started a process";
        return Ok(vec![Finding::ok(check, message)]);
    };
    let (mut strays, mut started) = (Vec::new(), Vec::new());
    for process in marked {
        if supervisor.accounts_for(process)? {
            continue;
        }
        if supervisor.is_starting(process) {
            started.push(process);
        } else {
            strays.push(process);
        }
    }
    let listed = |processes: &[&Marked]| -> String {
        let of = |process: &&Marked| format!("{} of '{}'", shown(process), process.record);
        processes.iter().map(of).collect::<Vec<_>>().join(", ")
    };
    let mut findings = Vec::new();
    if let [first, ..] = started.as_slice() {
        let name = first.record.trim_end_matches(".watcher");
        let message = format!(
            "being started, or left by a start that was killed: {}",
            listed(&started)
        );
        findings.push(Finding::warning(check, message).cure(format!("meshctl stop {name}")));
    }
    if !strays.is_empty() {
        let numbers: Vec<String> = strays.iter().map(|it| it.pid.to_string()).collect();
        let message = format!(
            "without a record, so that `stop` does not end it: {}",
            listed(&strays)
        );
        findings.push(Finding::warning(check, message).cure(format!("kill {}", numbers.join(" "))));
    }
    Ok(findings)
}

/// Its number, and what runs.
fn shown(process: &Marked) -> String {
    format!("process {}, `{}`", process.pid, process.program)
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
    let asked = healthy.iter().take(MOST);
    let dead: Vec<&str> = join_all(asked.map(async |agent| {
        let is_dead = is_deserted(&agent.endpoint).await;
        is_dead.then_some(agent.id.as_str())
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
