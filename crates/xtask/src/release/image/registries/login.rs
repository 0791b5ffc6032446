//! Who may write to which registry.

use std::fmt;
use std::io::Write as _;

use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mesh_core::env::Environment;
use tempfile::NamedTempFile;

use super::Repository;

/// Registries that releases are published to, and the variables that hold name and token.
const KNOWN: [(&str, &str, &str); 2] = [
    (
        "docker.io",
        "DOCKER_HUB_USERNAME",
        "DOCKER_HUB_ACCESS_TOKEN",
    ),
    ("ghcr.io", "GITHUB_ACTOR", "GH_TOKEN"),
];

/// Names and passwords, one for a registry.
#[derive(Debug, Clone, Default)]
pub(crate) struct Logins(Vec<Login>);

#[derive(Clone)]
struct Login {
    host: String,
    /// Name and password as an `Authorization: Basic` header has them.
    secret: String,
}

impl Logins {
    /// Those that the environment holds completely.
    pub(crate) fn of(environment: &Environment) -> Self {
        let mut logins = Self::default();
        for (host, user, password) in KNOWN {
            if let (Some(user), Some(password)) = (environment.get(user), environment.get(password))
            {
                logins = logins.with(host, user.trim(), password.trim());
            }
        }
        logins
    }

    /// These, and one more.
    pub(crate) fn with(mut self, host: &str, user: &str, password: &str) -> Self {
        self.0.push(Login {
            host: host.to_owned(),
            secret: STANDARD.encode(format!("{user}:{password}")),
        });
        self
    }

    pub(super) fn secret(&self, repository: &Repository) -> Option<&str> {
        self.0
            .iter()
            .find(|login| login.host == repository.host())
            .map(|login| login.secret.as_str())
    }

    /// The variables that hold a login for `repository`, for an error to name.
    pub(super) fn variables(repository: &Repository) -> String {
        KNOWN
            .iter()
            .find(|(host, ..)| *host == repository.host())
            .map_or_else(
                || "a login".to_owned(),
                |(_, user, password)| format!("`{user}` and `{password}`"),
            )
    }

    /// The file that skopeo reads, for this user's eyes only; dropping it deletes it. None, where
    /// nothing is known that skopeo would not find itself.
    pub(super) fn file(&self) -> anyhow::Result<Option<NamedTempFile>> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let auths: serde_json::Map<_, _> = self
            .0
            .iter()
            .map(|login| {
                let auth = serde_json::json!({ "auth": login.secret });
                (login.host.clone(), auth)
            })
            .collect();
        let text = serde_json::json!({ "auths": auths }).to_string();
        NamedTempFile::new()
            .and_then(|mut file| file.write_all(text.as_bytes()).map(|()| file))
            .context("failed to write the logins for skopeo")
            .map(Some)
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login({})", self.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_needs_both_of_its_variables_and_is_never_shown() {
        let environment = Environment::from_iter([
            ("DOCKER_HUB_USERNAME", "acme"),
            ("DOCKER_HUB_ACCESS_TOKEN", "s3cret\n"),
            ("GH_TOKEN", "other"),
        ]);
        let logins = Logins::of(&environment);
        let hub: Repository = "acme/cli".parse().unwrap();
        assert_eq!(logins.secret(&hub), Some(&*STANDARD.encode("acme:s3cret")));
        assert_eq!(logins.secret(&"ghcr.io/acme/cli".parse().unwrap()), None);
        assert_eq!(format!("{logins:?}"), "Logins([Login(docker.io)])");
        let file = logins.file().unwrap().unwrap();
        let text = std::fs::read_to_string(file.path()).unwrap();
        assert_eq!(
            text,
            r#"{"auths":{"docker.io":{"auth":"YWNtZTpzM2NyZXQ="}}}"#
        );
    }
}
