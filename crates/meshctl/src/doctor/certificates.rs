//! The TLS files that the environment names, and the authorities in the trust folder.

use std::fs;
use std::path::{Path, PathBuf};

use mesh_core::Timestamp;
use mesh_core::env::EnvVars;

use super::configuration::unset;
use super::{Finding, Subject, platform};
use crate::certificate::{Certificate, CertificateFile, Validity};
use crate::settings::{Verification, client_tls};
use crate::trust_folder::TrustFolder;

const MODES: [&str; 3] = ["off", "auto", "strict"];

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let environment = &subject.environment;
    let named = |name| environment.get(name).map(PathBuf::from);
    let ca = named(EnvVars::MCP_MESH_TLS_CA);
    let certificate = named(EnvVars::MCP_MESH_TLS_CERT);
    let key = named(EnvVars::MCP_MESH_TLS_KEY);
    let mut findings = Vec::new();
    findings.extend(mode(subject));
    let own = subject.home.as_ref().ok().map(crate::home::Home::authority);
    if ca.is_none() && certificate.is_none() && key.is_none() {
        findings.push(match own.filter(|path| path.exists()) {
            Some(path) => judge("authority", &path, Role::Authority, subject.clock.now()),
            None => Finding::ok("tls", "no certificates of one's own are set"),
        });
    }
    let files = [
        ("authority", &ca, Role::Authority),
        ("certificate", &certificate, Role::Own),
    ];
    for (check, path, role) in files {
        if let Some(path) = path {
            findings.push(judge(check, path, role, subject.clock.now()));
        }
    }
    findings.extend(key.as_deref().map(secrecy));
    // Whether they go together, as every command finds out: said unless a file is to blame.
    let are_fine = findings
        .iter()
        .all(|finding| finding.verdict != super::Verdict::Problem);
    if are_fine && let Err(error) = client_tls(Verification::AsUsual, environment) {
        let set = [
            EnvVars::MCP_MESH_TLS_CA,
            EnvVars::MCP_MESH_TLS_CERT,
            EnvVars::MCP_MESH_TLS_KEY,
        ];
        let set: Vec<&str> = set
            .into_iter()
            .filter(|name| environment.get(name).is_some())
            .collect();
        findings.push(Finding::failure("tls", &error).cure(unset(&set)));
    }
    if let (Some(ca), Some(certificate)) = (&ca, &certificate) {
        findings.extend(issued(ca, certificate));
    }
    if let Some(switch) = Verification::AsUsual.switched_off_by(environment) {
        let message = format!("{switch} is set: whoever answers by https is believed");
        findings.push(Finding::warning("verification", message).cure(unset(&[switch])));
    }
    findings.extend(entities(subject));
    findings
}

/// Whether agents that are started from here can speak TLS as they are told.
fn mode(subject: &Subject<'_>) -> Option<Finding> {
    let check = "tls_mode";
    let name = EnvVars::MCP_MESH_TLS_MODE;
    let text = subject.environment.get(name)?;
    if !MODES.contains(&text) {
        let message = format!("{name} is `{text}`, and must be `off`, `auto` or `strict`");
        return Some(Finding::problem(check, message).cure(unset(&[name])));
    }
    let needed = [EnvVars::MCP_MESH_TLS_CERT, EnvVars::MCP_MESH_TLS_KEY];
    let lacks = needed
        .into_iter()
        .find(|name| subject.environment.get(name).is_none());
    match lacks {
        Some(lacks) if text != "off" => Some(
            Finding::problem(
                check,
                format!("{name} is `{text}`, and {lacks} names no file"),
            )
            .cure(format!("export {lacks}=FILE.pem")),
        ),
        _ => Some(Finding::ok(check, format!("{name} is `{text}`"))),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Authority,
    Own,
}

fn judge(check: &'static str, path: &Path, role: Role, now: Timestamp) -> Finding {
    let shown = path.display();
    let look = format!("openssl x509 -noout -subject -dates -in {shown}");
    let file = match CertificateFile::read(path) {
        Ok(file) => file,
        Err(error) => {
            return Finding::problem(check, format!("{shown} cannot be used: {error}"))
                .cure(format!("ls -l {shown}"));
        }
    };
    let Certificate {
        subject,
        until,
        from,
        is_authority,
        ..
    } = &file.first;
    if role == Role::Authority && !is_authority {
        let message = format!("{shown} holds `{subject}`, which is no authority");
        return Finding::problem(check, message).cure(look);
    }
    match file.first.validity(now) {
        Validity::Valid => Finding::ok(check, format!("{subject} until {until}, {shown}")),
        Validity::Ending { days } => {
            let message = format!("{subject} expires on {until}, in {days} days: {shown}");
            Finding::warning(check, message).cure(look)
        }
        Validity::Expired => {
            Finding::problem(check, format!("{subject} expired on {until}: {shown}")).cure(look)
        }
        Validity::NotYet => {
            Finding::problem(check, format!("{subject} counts from {from} only: {shown}"))
                .cure(look)
        }
    }
}

/// A key that others can read is no secret.
fn secrecy(key: &Path) -> Finding {
    let check = "key";
    let shown = key.display();
    match fs::metadata(key) {
        Err(error) => Finding::problem(check, format!("{shown} cannot be used: {error}"))
            .cure(format!("ls -l {shown}")),
        Ok(_) if platform::is_readable_by_others(key) => {
            Finding::warning(check, format!("other users can read {shown}"))
                .cure(format!("chmod 600 {shown}"))
        }
        Ok(_) => Finding::ok(check, shown),
    }
}

/// Whether the authority is the one that vouches for the certificate.
fn issued(ca: &Path, certificate: &Path) -> Option<Finding> {
    let check = "issuer";
    let authorities = CertificateFile::read(ca).ok()?;
    let own = CertificateFile::read(certificate).ok()?;
    let is_vouched = authorities
        .certificates()
        .any(|authority| own.certificates().any(|one| authority.vouches_for(one)));
    if is_vouched {
        return Some(Finding::ok(
            check,
            "the authority vouches for the certificate",
        ));
    }
    let message = format!(
        "`{}` vouches for the certificate, and {} holds `{}`: peers with the same files refuse it",
        own.first.issuer,
        ca.display(),
        authorities.first.subject
    );
    let (ca, certificate) = (ca.display(), certificate.display());
    Some(
        Finding::warning(check, message).cure(format!("openssl verify -CAfile {ca} {certificate}")),
    )
}

/// Authorities of others that no longer count, or not for long.
fn entities(subject: &Subject<'_>) -> Option<Finding> {
    let check = "entities";
    let folder = TrustFolder::locate(None, &subject.environment).ok()?;
    let now = subject.clock.now();
    let trusted = folder.read().ok()?;
    let entities: Vec<_> = trusted
        .iter()
        .filter_map(|trusted| Some((trusted.name.as_deref()?, &trusted.file)))
        .collect();
    if entities.is_empty() {
        return None;
    }
    let doubtful: Vec<&str> = entities
        .iter()
        .filter(|(_, file)| {
            let validity = file.as_ref().map(|file| file.first.validity(now));
            !matches!(validity, Ok(Validity::Valid))
        })
        .map(|(name, _)| *name)
        .collect();
    if doubtful.is_empty() {
        let count = super::finding::counted(entities.len(), "authority");
        return Some(Finding::ok(
            check,
            format!("all of other organisations are valid: {count}"),
        ));
    }
    let message = format!(
        "expired, soon to expire or unreadable: {}",
        doubtful.join(", ")
    );
    Some(Finding::warning(check, message).cure("meshctl entity list"))
}
