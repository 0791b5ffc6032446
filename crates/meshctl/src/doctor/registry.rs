//! Whether the registry answers, and what it is.

use std::net::TcpListener;
use std::time::Duration;

use mesh_client::{ClientError, RegistryClient};
use mesh_core::VERSION;
use mesh_core::wire::{AgentInfo, HealthReport, SERVICE, TraceStatus};
use tokio::net::TcpStream;

use super::{Finding, Subject, origin, platform};
use crate::error::CliError;
use crate::settings::RegistryAddress;

/// How long each answer may take.
const PATIENCE: Duration = Duration::from_millis(800);
/// How far clocks may be apart before certificates and times in logs mislead, in seconds.
const SKEW: i64 = 5;

/// What was found, and who is in the mesh if that could be asked.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) findings: Vec<Finding>,
    pub(super) agents: Option<Vec<AgentInfo>>,
    /// What it says of traces; none of a registry that says nothing, or something else.
    pub(super) tracing: Option<TraceStatus>,
}

pub(super) async fn look(subject: &Subject<'_>) -> Seen {
    let mut seen = Seen::default();
    // What is wrong with the address was said of the configuration.
    let Ok(address) = &subject.address else {
        return seen;
    };
    let client = match address.client(PATIENCE) {
        Ok(client) => client,
        Err(error) => {
            seen.findings.push(Finding::failure("registry", &error));
            return seen;
        }
    };
    let (health, (ready, release, agents, tracing)) =
        tokio::join!(in_time(client.health()), async {
            tokio::join!(
                in_time(client.ready()),
                in_time(client.release()),
                in_time(client.agents()),
                in_time(client.trace_status())
            )
        });
    let report = match health {
        Some(Ok(report)) if report.service == SERVICE => report,
        Some(Ok(_)) => {
            let reason = "it calls itself something else";
            seen.findings.push(stranger(subject, address, reason));
            return seen;
        }
        other => {
            seen.findings
                .push(silence((subject, address), &client, other).await);
            return seen;
        }
    };
    seen.tracing = tracing.and_then(Result::ok);
    let release = release.and_then(Result::ok).flatten();
    seen.findings
        .push(answering(&report, release.as_deref(), address));
    if let Some(Ok(ready)) = ready
        && !ready.ready
    {
        let reason = ready
            .reason
            .unwrap_or_else(|| "it gives no reason".to_owned());
        let finding = Finding::problem("database", format!("the registry is not ready: {reason}"));
        seen.findings.push(finding.cure("meshctl logs registry"));
    }
    seen.findings.push(clock(&report, subject));
    match agents {
        Some(Ok(list)) => seen.agents = Some(list.agents),
        Some(Err(error)) => {
            let error = CliError::from(error);
            seen.findings
                .push(Finding::failure("agents", &error).cure("meshctl logs registry"));
        }
        None => {
            let message = format!("the list of agents takes longer than {PATIENCE:?}");
            seen.findings
                .push(Finding::warning("agents", message).cure("meshctl list --timeout 60"));
        }
    }
    seen
}

/// What takes longer is not waited for; the client's own limit does not cover the look-up of a host.
async fn in_time<T>(asked: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(PATIENCE, asked).await.ok()
}

fn answering(report: &HealthReport, release: Option<&str>, address: &RegistryAddress) -> Finding {
    let check = "registry";
    let since = crate::mesh_view::span(Duration::from_secs(report.uptime_seconds));
    match release {
        Some(VERSION) => Finding::ok(
            check,
            format!("{address} answers, release {VERSION}, up for {since}"),
        ),
        Some(other) => Finding::warning(
            check,
            format!("{address} answers, release {other}, and this meshctl is {VERSION}"),
        )
        .cure("meshctl self update --check"),
        None => Finding::ok(
            check,
            format!("{address} answers, a registry of release 3, which works, up for {since}"),
        ),
    }
}

/// No registry answered: nobody is there, somebody else is, or it cannot speak.
async fn silence(
    (subject, address): (&Subject<'_>, &RegistryAddress),
    client: &RegistryClient,
    answer: Option<Result<HealthReport, ClientError>>,
) -> Finding {
    let check = "registry";
    let look = format!("curl -v {}/health", client.base());
    let is_refused = matches!(answer, Some(Err(ClientError::Unreachable { .. })));
    let is_listening = is_refused && listens(address).await;
    match answer {
        Some(Err(error)) if error.is_distrust() => {
            let error = CliError::from(error);
            let hint = "export MCP_MESH_TLS_CA=FILE_OF_ITS_AUTHORITY";
            Finding::failure(check, &error).cure(hint)
        }
        Some(Err(ClientError::Unreachable { .. })) if !is_listening && address.is_local() => {
            Finding::warning(
                check,
                format!("none runs at {address}; the port is free, and `start` starts one"),
            )
            .cure(origin::start(subject, address))
        }
        // Whatever is in front of it, or it itself.
        Some(Err(error @ ClientError::Refused { status: 500.., .. })) => {
            Finding::failure(check, &CliError::from(error)).cure(look)
        }
        Some(Err(error @ (ClientError::Refused { .. } | ClientError::Malformed { .. }))) => {
            let reason = match error {
                ClientError::Refused { status, .. } => format!("it answers {status} to /health"),
                _ => "its answer is not understood".to_owned(),
            };
            stranger(subject, address, &reason)
        }
        // It took the connection and broke it: it speaks something else.
        Some(Err(ClientError::Unreachable { .. })) if is_listening => {
            stranger(subject, address, "it does not speak HTTP as it should")
        }
        Some(Err(error)) => Finding::failure(check, &CliError::from(error)).cure(look),
        Some(Ok(_)) | None => Finding::problem(
            check,
            format!("{address} does not answer within {PATIENCE:?}"),
        )
        .cure(look),
    }
}

/// Something else is where the registry should be.
fn stranger(subject: &Subject<'_>, address: &RegistryAddress, reason: &str) -> Finding {
    let owner = Some(address)
        .filter(|address| address.is_local())
        .and_then(|address| platform::port_owner(address.port()))
        .map_or_else(String::new, |owner| format!(": {owner}"));
    let finding = Finding::problem(
        "registry",
        format!("what listens at {address} is no registry ({reason}){owner}"),
    );
    if !address.is_local() {
        return finding.cure(format!("curl -v {address}/health"));
    }
    let is_free = |port: &u16| TcpListener::bind(("localhost", *port)).is_ok();
    let other = (address.port()..u16::MAX).skip(1).take(100).find(is_free);
    match other {
        Some(port) => finding.cure(origin::start_elsewhere(subject, port)),
        None => finding,
    }
}

async fn listens(address: &RegistryAddress) -> bool {
    let target = (address.host(), address.port());
    let connected = TcpStream::connect((target.0.as_str(), target.1));
    matches!(tokio::time::timeout(PATIENCE, connected).await, Ok(Ok(_)))
}

fn clock(report: &HealthReport, subject: &Subject<'_>) -> Finding {
    let check = "clock";
    let ahead = subject.clock.now().as_seconds() - report.timestamp.as_seconds();
    if ahead.abs() <= SKEW {
        return Finding::ok(check, "goes like the registry's");
    }
    let direction = if ahead > 0 { "ahead of" } else { "behind" };
    let seconds = ahead.unsigned_abs();
    let message = format!("this machine's is {seconds} s {direction} the registry's");
    Finding::warning(check, message).cure(if cfg!(target_os = "macos") {
        "sudo sntp -sS time.apple.com"
    } else if cfg!(windows) {
        "w32tm /resync"
    } else {
        "sudo timedatectl set-ntp true"
    })
}
