//! Certificates of one's own, from PEM files.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mesh_core::Hint;
use mesh_core::env::EnvVars;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{CertificateError, ClientConfig, RootCertStore};

use crate::unverified::Anyone;

/// Where certificates are; what is absent is not used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Authorities to trust beside those that the system and Mozilla trust.
    pub ca: Option<PathBuf>,
    /// What this side shows, its own certificate first.
    pub certificate: Option<PathBuf>,
    /// The key to it.
    pub key: Option<PathBuf>,
}

impl TlsFiles {
    /// Whether there is nothing of one's own.
    #[must_use]
    pub fn are_absent(&self) -> bool {
        *self == Self::default()
    }

    /// Whether nothing is missing with which both sides can show who they are.
    #[must_use]
    pub fn are_complete(&self) -> bool {
        self.ca.is_some() && self.certificate.is_some() && self.key.is_some()
    }
}

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A certificate without its key, or the other way round.
    #[error("`{given}` is set and `{missing}` is not")]
    Incomplete {
        /// The variable that names a file.
        given: &'static str,
        /// The variable that names none.
        missing: &'static str,
    },
    /// A file is not there, or not readable.
    #[error("failed to read `{path}`, which `{variable}` names")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The variable that names it.
        variable: &'static str,
        /// The system's own account.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("`{path}`, which `{variable}` names, cannot be used: {reason}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// The variable that names it.
        variable: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The only authority to trust cannot be read.
    #[error("failed to read the authority `{path}`")]
    LostAuthority {
        /// The file.
        path: PathBuf,
        /// The system's own account.
        source: io::Error,
    },
    /// The only authority to trust is none.
    #[error("the authority `{path}` cannot be used: {reason}")]
    BadAuthority {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl Hint for TlsError {
    fn hint(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Self::Incomplete { .. } => "a certificate and its key go together".into(),
            Self::Unreadable { variable, .. } | Self::Unusable { variable, .. } => {
                format!("`{variable}` must name a PEM file").into()
            }
            Self::LostAuthority { .. } | Self::BadAuthority { .. } => format!(
                "make or remove it, or name another one with `{}`",
                EnvVars::MCP_MESH_TLS_CA
            )
            .into(),
        })
    }
}

/// What to try when certificates are why a connection failed; nothing if they are not.
pub(crate) fn hint(error: &(dyn Error + 'static)) -> Option<Cow<'static, str>> {
    use CertificateError as Fault;
    let mut causes = std::iter::successors(Some(error), |&cause| cause.source());
    Some(match causes.find_map(fault)? {
        rustls::Error::InvalidCertificate(Fault::UnknownIssuer) => format!(
            "nobody that is trusted here vouches for its certificate: set `{}` to `auto`, and name \
             its authority in `{}`",
            EnvVars::MCP_MESH_TLS_MODE,
            EnvVars::MCP_MESH_TLS_CA
        )
        .into(),
        rustls::Error::InvalidCertificate(
            Fault::NotValidForName | Fault::NotValidForNameContext { .. },
        ) => format!(
            "its certificate must name the host of its address; an agent's is `{}`",
            EnvVars::MCP_MESH_HTTP_HOST
        )
        .into(),
        rustls::Error::InvalidCertificate(Fault::Expired | Fault::ExpiredContext { .. }) => {
            "give it a certificate that is valid, and start it anew".into()
        }
        rustls::Error::InvalidMessage(_) => "it speaks no TLS: its address is `http`".into(),
        rustls::Error::AlertReceived(_) => format!(
            "it wants a certificate of an authority that it trusts: set `{}` and `{}`",
            EnvVars::MCP_MESH_TLS_CERT,
            EnvVars::MCP_MESH_TLS_KEY
        )
        .into(),
        _ => return None,
    })
}

fn fault<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    // An `io::Error` names the cause of what it wraps as its own, and so hides what it wraps.
    match cause.downcast_ref::<io::Error>() {
        Some(error) => fault(error.get_ref()?),
        None => cause.downcast_ref(),
    }
}

/// Certificates that were read and fit together. Clones share them.
#[derive(Clone)]
pub struct Tls(Arc<ClientConfig>);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads `files`. Nothing is read again later.
    pub fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let mut roots = public_roots();
        // What the system has and cannot be read is no fault of whoever asked for these files.
        let system = rustls_native_certs::load_native_certs().certs;
        roots.add_parsable_certificates(system);
        if let Some(path) = &files.ca {
            let file = PemFile::read(path, EnvVars::MCP_MESH_TLS_CA)?;
            for certificate in file.certificates()? {
                roots.add(certificate).map_err(|error| file.error(error))?;
            }
        }
        Self::with_identity(builder().with_root_certificates(roots), files)
    }

    /// Trusts the authorities in the file `ca` and no others, and shows no certificate.
    pub fn trusting_only(ca: &Path) -> Result<Self, TlsError> {
        let lost = |source| TlsError::LostAuthority {
            path: ca.to_owned(),
            source,
        };
        let bad = |reason: String| TlsError::BadAuthority {
            path: ca.to_owned(),
            reason,
        };
        let content = fs::read(ca).map_err(lost)?;
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&content) {
            let certificate = certificate.map_err(|error| bad(error.to_string()))?;
            roots
                .add(certificate)
                .map_err(|error| bad(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(bad("it holds no certificate".to_owned()));
        }
        let config = builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }

    /// Believes whoever answers, and shows what `files` say. Whoever uses it must have been asked to.
    pub fn believing_anyone(files: &TlsFiles) -> Result<Self, TlsError> {
        let builder = builder()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anyone::default()));
        Self::with_identity(builder, files)
    }

    fn with_identity(
        builder: rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>,
        files: &TlsFiles,
    ) -> Result<Self, TlsError> {
        let config = match (&files.certificate, &files.key) {
            (Some(certificate), Some(key)) => {
                let certificate = PemFile::read(certificate, EnvVars::MCP_MESH_TLS_CERT)?;
                let key = PemFile::read(key, EnvVars::MCP_MESH_TLS_KEY)?;
                builder
                    .with_client_auth_cert(certificate.certificates()?, key.key()?)
                    .map_err(|error| key.error(error))?
            }
            (Some(_), None) => {
                return Err(TlsError::Incomplete {
                    given: EnvVars::MCP_MESH_TLS_CERT,
                    missing: EnvVars::MCP_MESH_TLS_KEY,
                });
            }
            (None, Some(_)) => {
                return Err(TlsError::Incomplete {
                    given: EnvVars::MCP_MESH_TLS_KEY,
                    missing: EnvVars::MCP_MESH_TLS_CERT,
                });
            }
            (None, None) => builder.with_no_client_auth(),
        };
        Ok(Self(Arc::new(config)))
    }

    pub(crate) fn config(&self) -> ClientConfig {
        ClientConfig::clone(&self.0)
    }
}

/// Without certificates of one's own: Mozilla's roots for `https`; nothing for `http`, where the
/// configuration is never used.
pub(crate) fn plain_config(with_roots: bool) -> ClientConfig {
    let roots = if with_roots {
        public_roots()
    } else {
        RootCertStore::empty()
    };
    builder()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

fn public_roots() -> RootCertStore {
    webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()
}

fn builder() -> rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring implements the default versions")
}

/// A file, and the variable that names it.
struct PemFile<'a> {
    path: &'a Path,
    variable: &'static str,
    content: Vec<u8>,
}

impl<'a> PemFile<'a> {
    fn read(path: &'a Path, variable: &'static str) -> Result<Self, TlsError> {
        let content = fs::read(path).map_err(|source| TlsError::Unreadable {
            path: path.to_owned(),
            variable,
            source,
        })?;
        Ok(Self {
            path,
            variable,
            content,
        })
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let certificates: Result<Vec<_>, _> =
            CertificateDer::pem_slice_iter(&self.content).collect();
        match certificates {
            Ok(certificates) if certificates.is_empty() => {
                Err(self.error("it holds no certificate"))
            }
            Ok(certificates) => Ok(certificates),
            Err(error) => Err(self.error(error)),
        }
    }

    fn key(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        PrivateKeyDer::from_pem_slice(&self.content).map_err(|error| match error {
            pem::Error::NoItemsFound => self.error("it holds no private key"),
            error => self.error(error),
        })
    }

    fn error(&self, reason: impl fmt::Display) -> TlsError {
        TlsError::Unusable {
            path: self.path.to_owned(),
            variable: self.variable,
            reason: reason.to_string(),
        }
    }
}
