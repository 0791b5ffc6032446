//! Where the address of the registry comes from, and what moves it: a cure must not be overruled by what decided
//! before.

use mesh_core::env::EnvVars;

use super::Subject;
use super::configuration::{THEN, set};
use crate::settings::{ConfigKey, Configuration, RegistryAddress};

/// Starts a registry where commands ask.
pub(super) const START: &str = "meshctl start --registry-only --detach";

/// What says where the registry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Flag(&'static str),
    Variable(&'static str),
    /// The key, and its line.
    File(&'static str, usize),
    Default,
}

impl Origin {
    pub(super) fn of(subject: &Subject<'_>) -> Self {
        let flags = &subject.connection;
        let given = [
            (flags.url.is_some(), "--registry-url"),
            (flags.host.is_some(), "--registry-host"),
            (flags.port.is_some(), "--registry-port"),
            (flags.scheme.is_some(), "--registry-scheme"),
        ];
        if let Some((_, flag)) = given.into_iter().find(|(is_given, _)| *is_given) {
            return Self::Flag(flag);
        }
        ["registry_url", "registry_host", "registry_port"]
            .into_iter()
            .filter_map(|name| ConfigKey::named(name).ok())
            .map(|key| Self::of_key(key, subject))
            .find(|origin| *origin != Self::Default)
            .unwrap_or(Self::Default)
    }

    fn of_key(key: ConfigKey, subject: &Subject<'_>) -> Self {
        if subject.given.get(key.variable).is_some() {
            return Self::Variable(key.variable);
        }
        let line = |file: &Configuration| file.line(key, subject.given);
        match subject.configuration.as_ref().ok().and_then(line) {
            Some(line) => Self::File(key.name, line),
            None => Self::Default,
        }
    }

    /// For people.
    pub(super) fn text(self, subject: &Subject<'_>) -> String {
        match (self, &subject.file) {
            (Self::Flag(name) | Self::Variable(name), _) => name.to_owned(),
            (Self::File(_, line), Ok(file)) => format!("{}:{line}", file.path().display()),
            _ => "the defaults".to_owned(),
        }
    }
}

/// Starts a registry at `address`, which is on this machine and is the one that was asked.
pub(super) fn start(subject: &Subject<'_>, address: &RegistryAddress) -> String {
    match Origin::of(subject) {
        Origin::Flag(_) => format!("{START} --registry-port {}", address.port()),
        _ => START.to_owned(),
    }
}

/// Starts a registry at another `port` of this machine, and has commands ask there.
pub(super) fn start_elsewhere(subject: &Subject<'_>, port: u16) -> String {
    let url = format!("http://localhost:{port}");
    let variable = EnvVars::MCP_MESH_REGISTRY_PORT;
    let move_it = match Origin::of(subject) {
        // Whoever types a flag types another one.
        Origin::Flag(_) => return format!("{START} --registry-port {port}"),
        Origin::Variable(name) if name == EnvVars::MCP_MESH_REGISTRY_URL => set(name, &url),
        Origin::File(key @ "registry_url", _) => format!("meshctl config set {key} {url}"),
        _ if subject.given.get(variable).is_some() || subject.configuration.is_err() => {
            set(variable, &port.to_string())
        }
        _ => format!("meshctl config set registry_port {port}"),
    };
    format!("{move_it}{THEN}{START}")
}
