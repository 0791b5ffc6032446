//! Flags, environment and defaults become settings here, once, in that order of precedence.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use mesh_client::{ClientOptions, RegistryClient};
use mesh_core::env::{EnvVars, Environment};
use url::{Host, Url};

use crate::error::{CliError, Kind};

const DEFAULT_HOST: &str = "localhost";
const DEFAULT_PORT: u16 = 8000;

/// Which registry to ask
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Registry")]
pub(crate) struct ConnectionArgs {
    /// URL of the registry
    #[arg(long = "registry-url", value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Host of the registry, unless a URL is given [default: localhost]
    #[arg(long = "registry-host", value_name = "HOST")]
    pub(crate) host: Option<String>,
    /// Port of the registry, unless a URL is given [default: 8000]
    #[arg(long = "registry-port", value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: Option<u16>,
    /// Scheme of the registry, unless a URL is given
    #[arg(long = "registry-scheme", value_name = "SCHEME", value_enum)]
    pub(crate) scheme: Option<Scheme>,
}

/// How the registry is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Scheme {
    /// Plain.
    Http,
    /// Encrypted; its certificate must come from a public authority.
    Https,
}

/// Where the registry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RegistryAddress {
    url: Url, // Private: parsing is the only way in.
}

impl RegistryAddress {
    /// Takes the address from the flags, then from the environment, then from the defaults.
    pub(crate) fn resolve(
        args: ConnectionArgs,
        environment: &Environment,
    ) -> Result<Self, CliError> {
        // Without `..`: a new flag does not compile until it is resolved here.
        let ConnectionArgs {
            url,
            host,
            port,
            scheme,
        } = args;
        if let Some(url) = url {
            return Self::parse(&url, "--registry-url");
        }
        let by_parts = host.is_some() || port.is_some() || scheme.is_some();
        if let (false, Some(url)) = (by_parts, environment.get(EnvVars::MCP_MESH_REGISTRY_URL)) {
            return Self::parse(url, EnvVars::MCP_MESH_REGISTRY_URL);
        }
        let host = host
            .as_deref()
            .or_else(|| environment.get(EnvVars::MCP_MESH_REGISTRY_HOST))
            .unwrap_or(DEFAULT_HOST);
        // An IPv6 address needs its brackets in a URL.
        let host = match host.parse::<std::net::Ipv6Addr>() {
            Ok(address) => format!("[{address}]"),
            Err(_) => host.to_owned(),
        };
        let port = match port {
            Some(port) => Some(port),
            None => number(environment, EnvVars::MCP_MESH_REGISTRY_PORT)?,
        };
        let scheme = match scheme.unwrap_or(Scheme::Http) {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        let port = port.unwrap_or(DEFAULT_PORT);
        Self::parse(&format!("{scheme}://{host}:{port}"), "--registry-host")
    }

    fn parse(text: &str, origin: &str) -> Result<Self, CliError> {
        let wrong = |reason: &str| {
            CliError::new(format!(
                "`{text}` ({origin}) is not the URL of a registry: {reason}"
            ))
            .of_kind(Kind::Usage)
            .hint("use a URL such as `http://localhost:8000`")
        };
        let url = Url::parse(text.trim()).map_err(|error| wrong(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("the scheme is neither `http` nor `https`"));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(wrong("it names no host"));
        }
        Ok(Self { url })
    }

    /// The host as `--host` of the registry takes it.
    pub(crate) fn host(&self) -> String {
        match self.url.host() {
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(host) => host.to_string(),
            None => DEFAULT_HOST.to_owned(),
        }
    }

    /// The port, spelled out or not.
    pub(crate) fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(DEFAULT_PORT)
    }

    /// Whether a registry there would run on this machine.
    pub(crate) fn is_local(&self) -> bool {
        match self.url.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback() || address.is_unspecified(),
            Some(Host::Ipv6(address)) => address.is_loopback() || address.is_unspecified(),
            None => false,
        }
    }

    /// Whether a registry started by us can serve this address; ours speaks plain HTTP.
    pub(crate) fn is_plain(&self) -> bool {
        self.url.scheme() == "http" && self.url.path() == "/"
    }

    /// The URL to ask. An address that means "every interface" is asked on loopback.
    pub(crate) fn url(&self) -> String {
        let mut url = self.url.clone();
        let loopback = match url.host() {
            Some(Host::Ipv4(address)) if address.is_unspecified() => Some("127.0.0.1"),
            Some(Host::Ipv6(address)) if address.is_unspecified() => Some("[::1]"),
            _ => None,
        };
        if let Some(loopback) = loopback {
            // A loopback address is a host of every URL that has one.
            let _ = url.set_host(Some(loopback));
        }
        url.as_str().trim_end_matches('/').to_owned()
    }

    /// A client of the registry; touches no network.
    pub(crate) fn client(&self, timeout: Duration) -> Result<RegistryClient, CliError> {
        let options = ClientOptions {
            timeout,
            ..ClientOptions::default()
        };
        Ok(RegistryClient::new(&self.url(), options)?)
    }
}

impl fmt::Display for RegistryAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url())
    }
}

/// How much a process logs. One rule for the flag and the environment: any case, `WARN` is
/// `WARNING`, `FATAL` is `CRITICAL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogLevel {
    Trace,
    Debug,
    Info,
    Warning,
    Error,
    Critical,
}

impl LogLevel {
    /// The spelling that the registry and every SDK read.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
            Self::Critical => "CRITICAL",
        }
    }

    /// What `MCP_MESH_LOG_LEVEL` says, if anything.
    pub(crate) fn of_environment(environment: &Environment) -> Result<Option<Self>, CliError> {
        environment
            .get(EnvVars::MCP_MESH_LOG_LEVEL)
            .map(str::parse)
            .transpose()
            .map_err(|problem: UnknownLogLevel| invalid(EnvVars::MCP_MESH_LOG_LEVEL, &problem))
    }
}

/// A level that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not one of TRACE, DEBUG, INFO, WARN, WARNING, ERROR, CRITICAL")]
pub(crate) struct UnknownLogLevel(String);

impl FromStr for LogLevel {
    type Err = UnknownLogLevel;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim().to_ascii_uppercase().as_str() {
            "TRACE" => Ok(Self::Trace),
            "DEBUG" => Ok(Self::Debug),
            "INFO" => Ok(Self::Info),
            "WARN" | "WARNING" => Ok(Self::Warning),
            "ERROR" => Ok(Self::Error),
            "CRITICAL" | "FATAL" => Ok(Self::Critical),
            _ => Err(UnknownLogLevel(text.to_owned())),
        }
    }
}

/// A positive number from the environment.
pub(crate) fn number<T>(environment: &Environment, name: &str) -> Result<Option<T>, CliError>
where
    T: FromStr + PartialOrd + From<u8>,
{
    let Some(text) = environment.get(name) else {
        return Ok(None);
    };
    match text.trim().parse() {
        Ok(number) if number >= T::from(1) => Ok(Some(number)),
        _ => Err(invalid(
            name,
            &format_args!("`{text}` is not a whole number of at least 1, or it is too large"),
        )),
    }
}

/// The words that mean yes in the environment.
pub(crate) fn is_true(text: &str) -> bool {
    ["true", "1", "yes", "on", "t", "y"]
        .iter()
        .any(|word| text.trim().eq_ignore_ascii_case(word))
}

fn invalid(name: &str, problem: &dyn fmt::Display) -> CliError {
    CliError::new(format!("{name}: {problem}"))
        .of_kind(Kind::Usage)
        .hint(format!("correct or unset `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(args: ConnectionArgs, environment: &[(&str, &str)]) -> Result<String, CliError> {
        let environment = environment.iter().copied().collect();
        RegistryAddress::resolve(args, &environment).map(|address| address.url())
    }

    fn args(url: Option<&str>, host: Option<&str>, port: Option<u16>) -> ConnectionArgs {
        ConnectionArgs {
            url: url.map(str::to_owned),
            host: host.map(str::to_owned),
            port,
            scheme: None,
        }
    }

    #[test]
    fn flags_win_over_the_environment_and_that_over_defaults() {
        let url = (EnvVars::MCP_MESH_REGISTRY_URL, "http://env:1/");
        let host = (EnvVars::MCP_MESH_REGISTRY_HOST, "other");
        let port = (EnvVars::MCP_MESH_REGISTRY_PORT, "9");
        let none = || args(None, None, None);
        assert_eq!(resolve(none(), &[]).unwrap(), "http://localhost:8000");
        assert_eq!(resolve(none(), &[host, port]).unwrap(), "http://other:9");
        assert_eq!(resolve(none(), &[url, host]).unwrap(), "http://env:1");
        let by_port = args(None, None, Some(7));
        assert_eq!(resolve(by_port, &[url, host]).unwrap(), "http://other:7");
        let by_url = args(Some("https://h/x/"), Some("no"), Some(1));
        assert_eq!(resolve(by_url, &[url]).unwrap(), "https://h/x");
    }

    #[test]
    fn every_interface_is_asked_on_loopback() {
        let every = args(None, Some("0.0.0.0"), None);
        assert_eq!(resolve(every, &[]).unwrap(), "http://127.0.0.1:8000");
        let every = args(None, Some("::"), None);
        assert_eq!(resolve(every, &[]).unwrap(), "http://[::1]:8000");
    }

    #[test]
    fn a_wrong_value_names_its_origin() {
        let message = |result: Result<String, CliError>| result.unwrap_err().to_string();
        let wrong = args(Some("localhost:9"), None, None);
        insta::assert_snapshot!(message(resolve(wrong, &[])), @"`localhost:9` (--registry-url) is not the URL of a registry: the scheme is neither `http` nor `https`");
        let port = [(EnvVars::MCP_MESH_REGISTRY_PORT, "70000")];
        insta::assert_snapshot!(message(resolve(ConnectionArgs::default(), &port)), @"MCP_MESH_REGISTRY_PORT: `70000` is not a whole number of at least 1, or it is too large");
    }

    #[test]
    fn every_spelling_of_a_level_is_read() {
        for (text, level) in [
            ("warn", LogLevel::Warning),
            ("WARNING", LogLevel::Warning),
            ("Info", LogLevel::Info),
            ("fatal", LogLevel::Critical),
        ] {
            assert_eq!(text.parse(), Ok(level));
        }
        assert!("loud".parse::<LogLevel>().is_err());
        let environment = [(EnvVars::MCP_MESH_LOG_LEVEL, "loud")]
            .into_iter()
            .collect();
        assert!(LogLevel::of_environment(&environment).is_err());
    }
}
