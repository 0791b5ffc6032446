//! Where the registry is.

use std::fmt;
use std::time::Duration;

use mesh_client::{ClientOptions, RegistryClient, Tls};
use mesh_core::env::{EnvVars, Environment};
use url::{Host, Url};

use super::tls::{Verification, client_tls};
use super::value::number;
use crate::error::{CliError, Kind};

pub(crate) const DEFAULT_HOST: &str = "localhost";
pub(crate) const DEFAULT_PORT: u16 = 8000;

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
    /// Believe whoever answers by `https`
    #[arg(long)]
    pub(crate) insecure: bool,
}

impl ConnectionArgs {
    /// Whether servers must show who they are.
    pub(crate) fn verification(&self) -> Verification {
        if self.insecure {
            Verification::RefusedByFlag
        } else {
            Verification::AsUsual
        }
    }
}

/// What every question to the registry takes
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct QueryArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Seconds to wait for the registry
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

impl QueryArgs {
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

/// How the registry is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Scheme {
    /// Plain.
    Http,
    /// Encrypted.
    Https,
}

/// Where the registry is, and whom to believe there.
#[derive(Debug, Clone)]
pub(crate) struct RegistryAddress {
    url: Url, // Private: parsing is the only way in.
    tls: Option<Tls>,
}

impl RegistryAddress {
    /// Takes the address from the flags, then from the environment, then from the defaults.
    pub(crate) fn resolve(
        args: ConnectionArgs,
        environment: &Environment,
    ) -> Result<Self, CliError> {
        let verification = args.verification();
        let url = Self::locate(args, environment)?;
        // Certificates of one's own take time to read, which `http` need not pay.
        let tls = match url.scheme() {
            "https" => client_tls(verification, environment)?,
            _ => None,
        };
        Ok(Self { url, tls })
    }

    /// The URL alone: flags, then the environment, then the defaults.
    pub(crate) fn locate(args: ConnectionArgs, environment: &Environment) -> Result<Url, CliError> {
        // Without `..`: a new flag does not compile until it is resolved here.
        let ConnectionArgs {
            url,
            host,
            port,
            scheme,
            insecure: _, // Whom to believe, not where.
        } = args;
        if let Some(url) = url {
            return parse(&url, "--registry-url");
        }
        let by_parts = host.is_some() || port.is_some() || scheme.is_some();
        if let (false, Some(url)) = (by_parts, environment.get(EnvVars::MCP_MESH_REGISTRY_URL)) {
            return parse(url, EnvVars::MCP_MESH_REGISTRY_URL);
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
        parse(&format!("{scheme}://{host}:{port}"), "--registry-host")
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

    /// Whether the connection is encrypted.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether a registry started by us can serve this address; ours speaks plain HTTP.
    pub(crate) fn is_plain(&self) -> bool {
        self.url.scheme() == "http" && self.url.path() == "/"
    }

    /// The URL to ask.
    pub(crate) fn url(&self) -> String {
        self.asked().as_str().trim_end_matches('/').to_owned()
    }

    /// An address that means "every interface" is asked on loopback.
    fn asked(&self) -> Url {
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
        url
    }

    /// A client of the registry; touches no network.
    pub(crate) fn client(&self, timeout: Duration) -> Result<RegistryClient, CliError> {
        let options = ClientOptions {
            timeout,
            tls: self.tls.clone(),
            ..ClientOptions::default()
        };
        Ok(RegistryClient::new(&self.url(), options)?)
    }
}

impl fmt::Display for RegistryAddress {
    /// The URL without its password, if it has one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&mesh_client::shown(&self.asked()))
    }
}

/// Reads `text`, which stands in `origin`.
pub(super) fn parse(text: &str, origin: &str) -> Result<Url, CliError> {
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
    Ok(url)
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
            insecure: false,
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
    fn a_password_is_asked_with_and_not_shown() {
        let args = args(Some("http://me:s3cret@0.0.0.0:9/"), None, None);
        let address = RegistryAddress::resolve(args, &Environment::default()).unwrap();
        assert_eq!(address.url(), "http://me:s3cret@127.0.0.1:9");
        assert_eq!(address.to_string(), "http://me:***@127.0.0.1:9");
        assert_eq!(
            address.client(Duration::ZERO).unwrap().base(),
            "http://me:***@127.0.0.1:9"
        );
    }

    #[test]
    fn every_command_has_its_own_default_of_the_timeout() {
        let timeout = |path: &[&str]| {
            let mut command = &crate::command();
            for name in path {
                command = command.find_subcommand(name).unwrap();
            }
            let argument = command.get_arguments().find(|a| a.get_id() == "timeout");
            argument.unwrap().get_default_values()[0].clone()
        };
        assert_eq!(timeout(&["list"]), "10");
        assert_eq!(timeout(&["audit"]), "30");
        assert_eq!(timeout(&["entity", "rotate"]), "30");
    }

    #[test]
    fn a_wrong_value_names_its_origin() {
        let message = |result: Result<String, CliError>| result.unwrap_err().to_string();
        let wrong = args(Some("localhost:9"), None, None);
        insta::assert_snapshot!(message(resolve(wrong, &[])), @"`localhost:9` (--registry-url) is not the URL of a registry: the scheme is neither `http` nor `https`");
        let port = [(EnvVars::MCP_MESH_REGISTRY_PORT, "70000")];
        insta::assert_snapshot!(message(resolve(ConnectionArgs::default(), &port)), @"MCP_MESH_REGISTRY_PORT: `70000` is not a whole number of at least 1, or it is too large");
    }
}
