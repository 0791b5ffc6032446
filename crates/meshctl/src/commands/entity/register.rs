//! `meshctl entity register`.

use std::path::{Path, PathBuf};

use mesh_core::Timestamp;

use super::FolderArgs;
use crate::certificate::{CertificateFile, Unreadable, Validity};
use crate::commands::Context;
use crate::error::{CliError, Kind};
use crate::trust_folder::EntityName;

/// Add the authority of an entity
///
/// The certificates of the file are kept, and nothing else that is in it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl entity register partner-corp --ca-cert partner-ca.pem
  meshctl entity register partner-corp --ca-cert renewed-ca.pem --force")]
pub(crate) struct RegisterArgs {
    /// What to call the entity: letters, digits, hyphens and underscores
    name: String,
    /// A PEM file: first the certificate of the authority, then those between it and its agents, if any
    #[arg(long, value_name = "FILE")]
    ca_cert: PathBuf,
    /// Replace the entity of this name
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    folder: FolderArgs,
}

pub(super) fn run(args: RegisterArgs, context: &mut Context) -> Result<(), CliError> {
    let RegisterArgs {
        name,
        ca_cert,
        force,
        folder,
    } = args;
    let name = EntityName::parse(&name)?;
    let folder = folder.locate(&context.environment)?;
    let file = CertificateFile::read(&ca_cert).map_err(|error| unreadable(&ca_cert, error))?;
    judge(&file, &ca_cert, context.clock.now())?;
    folder.add(&name, &file, force)?;
    let authority = &file.first;
    let printer = &mut context.printer;
    printer.result(format_args!("Entity '{name}' registered"))?;
    printer.result(format_args!("  Subject: {}", authority.subject))?;
    printer.result(format_args!("  Expires: {}", authority.until))?;
    let path = folder.file(&name);
    printer.result(format_args!("  CA cert: {}", path.display()))?;
    if let Validity::Ending { days } = authority.validity(context.clock.now()) {
        context
            .printer
            .warn(format_args!("the authority expires in {days} days"))?;
    }
    if file.has_key {
        context.printer.warn(format_args!(
            "`{}` holds a private key as well, which was not stored: whoever has it can admit \
             agents, so keep it with its owner",
            ca_cert.display()
        ))?;
    }
    Ok(())
}

/// Only a valid authority can vouch for agents.
fn judge(file: &CertificateFile, path: &Path, now: Timestamp) -> Result<(), CliError> {
    let authority = &file.first;
    let wrong = |problem: String| {
        CliError::new(format!("`{}`: {problem}", path.display())).of_kind(Kind::Usage)
    };
    if !authority.is_authority {
        return Err(wrong(format!(
            "the first certificate, `{}`, is not a CA certificate",
            authority.subject
        ))
        .hint(format!(
            "ask for the certificate of the authority that issued it: `{}`",
            authority.issuer
        )));
    }
    match authority.validity(now) {
        Validity::Valid | Validity::Ending { .. } => Ok(()),
        Validity::Expired => Err(wrong(format!(
            "the CA certificate expired on {}",
            authority.until
        ))
        .hint("ask its owner for the new one")),
        Validity::NotYet => Err(wrong(format!(
            "the CA certificate is not yet valid, but from {}",
            authority.from
        ))
        .hint("register it then, or check this machine's clock")),
    }
}

fn unreadable(path: &Path, error: Unreadable) -> CliError {
    let name = path.display();
    match error {
        Unreadable::File(error) => {
            let kind = if error.kind() == std::io::ErrorKind::NotFound {
                Kind::NotFound
            } else {
                Kind::Failed
            };
            CliError::new(format!("failed to read `{name}`"))
                .because(error)
                .of_kind(kind)
        }
        Unreadable::NoCertificate { has_key } => {
            let hint = if has_key {
                "it is a private key: name the certificate that goes with it"
            } else {
                "binary files become PEM with `openssl x509 -inform der -in FILE -out ca.pem`"
            };
            CliError::new(format!("no CERTIFICATE PEM blocks found in `{name}`"))
                .of_kind(Kind::Usage)
                .hint(hint)
        }
        error => CliError::new(format!("`{name}` cannot be used: {error}")).of_kind(Kind::Usage),
    }
}
