//! Whom to believe behind `https`, and what to show.

use mesh_client::{Tls, TlsError, TlsFiles};
use mesh_core::Hint as _;
use mesh_core::env::{EnvVars, Environment};

use super::value::is_true;
use crate::error::{CliError, Kind};
use crate::home::Home;

/// Whether servers must show who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verification {
    /// Unless `MCP_MESH_TLS_SKIP_VERIFY` says otherwise.
    AsUsual,
    /// `--insecure` was given: nothing is verified and nothing is shown.
    RefusedByFlag,
}

impl Verification {
    /// What switches verification off, if anything does.
    pub(crate) fn switched_off_by(self, environment: &Environment) -> Option<&'static str> {
        match self {
            Self::RefusedByFlag => Some("--insecure"),
            Self::AsUsual => environment
                .get(EnvVars::MCP_MESH_TLS_SKIP_VERIFY)
                .is_some_and(is_true)
                .then_some(EnvVars::MCP_MESH_TLS_SKIP_VERIFY),
        }
    }
}

/// What the variables say, else the authority in the state directory, else nothing of one's own.
pub(crate) fn client_tls(
    verification: Verification,
    environment: &Environment,
) -> Result<Option<Tls>, CliError> {
    if verification == Verification::RefusedByFlag {
        return Ok(Some(Tls::believing_anyone(&TlsFiles::default())?));
    }
    let path = |name| environment.get(name).map(Into::into);
    let files = TlsFiles {
        ca: path(EnvVars::MCP_MESH_TLS_CA),
        certificate: path(EnvVars::MCP_MESH_TLS_CERT),
        key: path(EnvVars::MCP_MESH_TLS_KEY),
    };
    if verification.switched_off_by(environment).is_some() {
        return Ok(Some(Tls::believing_anyone(&files)?));
    }
    if !files.are_absent() {
        return Ok(Some(Tls::read(&files)?));
    }
    let authority = Home::resolve(environment)?.authority();
    if authority.exists() {
        return Ok(Some(Tls::trusting_only(&authority)?));
    }
    Ok(None)
}

/// The error names the variable and the file itself.
impl From<TlsError> for CliError {
    fn from(error: TlsError) -> Self {
        let hint = error.hint().map(std::borrow::Cow::into_owned);
        let failure = Self::new(mesh_client::describe(&error)).of_kind(Kind::Usage);
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}
