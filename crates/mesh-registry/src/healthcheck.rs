//! `--healthcheck`: asks the registry that the same settings would serve. A container without a shell or
//! curl in it has no other way to find out.

use std::borrow::Cow;
use std::io;
use std::time::Duration;

use mesh_client::{ClientError, ClientOptions, Proxies, RegistryClient};
use mesh_core::Hint;
use mesh_core::env::EnvVars;
use mesh_core::wire::{HealthReport, SERVICE};
use tokio::time::timeout;

use crate::{Settings, address};

/// What all of it may take; who asks is waiting.
const LIMIT: Duration = Duration::from_secs(2);
/// A report is a few hundred bytes; whatever sends more is no registry.
const LONGEST_REPORT: usize = 64 << 10;
const HEALTHY: &str = "healthy";

/// Why the registry is not known to be healthy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HealthcheckError {
    #[error("failed to start the runtime")]
    Runtime(#[source] io::Error),
    #[error("nobody knows the port of a registry that was started with `--port 0`")]
    AnyPort,
    #[error("`{host}` is not a name or address of this machine")]
    Resolve { host: String, source: io::Error },
    #[error("no answer within {LIMIT:?} at `{host}:{port}`")]
    Silent { host: String, port: u16 },
    // Its own message names the URL and the fault.
    #[error(transparent)]
    Asked(#[from] ClientError),
    #[error("what listens at `{url}` is not a registry: it calls itself `{service}`")]
    Stranger { url: String, service: String },
    #[error("the registry at `{url}` says that it is `{status}`")]
    Unhealthy { url: String, status: String },
}

impl Hint for HealthcheckError {
    fn hint(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Runtime(_) => None,
            Self::Unhealthy { .. } => Some("read the registry's log".into()),
            Self::Silent { .. } => Some("it may be overloaded; read its log".into()),
            Self::AnyPort => Some("name the port with `--port`".into()),
            Self::Resolve { .. } | Self::Asked(_) | Self::Stranger { .. } => Some(
                format!(
                    "check that a registry runs with the same `{}` and `{}`, and read its log",
                    EnvVars::HOST,
                    EnvVars::PORT
                )
                .into(),
            ),
        }
    }
}

/// Whether the registry that `settings` describe is there and healthy.
pub(crate) fn run(settings: &Settings) -> Result<(), HealthcheckError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(HealthcheckError::Runtime)?;
    let (host, port) = (&settings.host, settings.port);
    let outcome = runtime.block_on(async { timeout(LIMIT, check(host, port)).await });
    // A look-up that hangs in the system's resolver is left behind.
    runtime.shutdown_background();
    outcome.unwrap_or_else(|_| {
        let host = host.clone();
        Err(HealthcheckError::Silent { host, port })
    })
}

/// Healthy is who says so at any of the addresses. A registry that is bound to several is one.
async fn check(host: &str, port: u16) -> Result<(), HealthcheckError> {
    if port == 0 {
        return Err(HealthcheckError::AnyPort);
    }
    let unknown = |source| HealthcheckError::Resolve {
        host: host.to_owned(),
        source,
    };
    let mut first_error = None;
    for address in address::to_ask(host, port).await.map_err(unknown)? {
        match ask(&format!("http://{address}")).await {
            Ok(()) => return Ok(()),
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    Err(first_error.unwrap_or_else(|| unknown(io::ErrorKind::AddrNotAvailable.into())))
}

async fn ask(url: &str) -> Result<(), HealthcheckError> {
    let options = ClientOptions {
        timeout: LIMIT,
        connect_timeout: LIMIT,
        max_body: LONGEST_REPORT,
        proxies: Proxies::Never,
        ..ClientOptions::default()
    };
    let report = RegistryClient::new(url, options)?.health().await?;
    judge(url, &report)
}

fn judge(url: &str, report: &HealthReport) -> Result<(), HealthcheckError> {
    let url = url.to_owned();
    if report.service != SERVICE {
        let service = report.service.clone();
        return Err(HealthcheckError::Stranger { url, service });
    }
    if report.status != HEALTHY {
        let status = report.status.clone();
        return Err(HealthcheckError::Unhealthy { url, status });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(service: &str, status: &str) -> Result<(), String> {
        let report = serde_json::from_value(serde_json::json!({
            "status": status,
            "version": "1.0.0",
            "uptime_seconds": 12,
            "timestamp": "2026-01-02T03:04:05Z",
            "service": service,
        }))
        .unwrap();
        judge("http://[::1]:8000", &report)
            .map_err(|error| format!("{error} / {}", error.hint().unwrap_or_default()))
    }

    #[test]
    fn only_a_registry_that_says_healthy_is_healthy() {
        assert_eq!(told(SERVICE, "healthy"), Ok(()));
        insta::assert_snapshot!(told(SERVICE, "degraded").unwrap_err(), @"the registry at `http://[::1]:8000` says that it is `degraded` / read the registry's log");
        insta::assert_snapshot!(told("weather-agent", "healthy").unwrap_err(), @"what listens at `http://[::1]:8000` is not a registry: it calls itself `weather-agent` / check that a registry runs with the same `HOST` and `PORT`, and read its log");
    }

    #[tokio::test]
    async fn a_port_that_the_system_chooses_cannot_be_asked() {
        let error = check("localhost", 0).await.unwrap_err();
        assert!(matches!(error, HealthcheckError::AnyPort), "{error}");
    }
}
