//! Whom the registry trusts: the certificates that `meshctl entity register` leaves in a folder.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use mesh_core::wire::{EntityInfo, EntityList};
use x509_parser::objects::{oid_registry, oid2abbrev};
use x509_parser::pem::Pem;
use x509_parser::x509::X509Name;

/// The largest file that is looked into; a chain of certificates has a few thousand bytes.
const MAX_FILE: u64 = 1 << 20;
/// How many files are looked into.
const MAX_FILES: usize = 10_000;

/// The folder is there and cannot be listed.
#[derive(Debug, thiserror::Error)]
#[error("failed to list `{}`", path.display())]
pub(crate) struct ListError {
    path: PathBuf,
    source: io::Error,
}

/// Why a file tells of no entity.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error("{0}")]
    File(#[from] io::Error),
    #[error("larger than {MAX_FILE} bytes")]
    TooLarge,
    #[error("it holds no certificate in PEM form")]
    NoCertificate,
    #[error("its certificate cannot be read: {0}")]
    Certificate(String),
}

/// Nobody.
pub(crate) fn none() -> EntityList {
    EntityList {
        entities: Vec::new(),
        warnings: Vec::new(),
    }
}

/// Reads `entities/*.pem` below the folder `trust`. A file that cannot be read costs a warning and hides
/// nobody else; a folder that is not there holds nobody.
pub(crate) fn read(trust: &Path) -> Result<EntityList, ListError> {
    let folder = trust.join("entities");
    let failed = |source| ListError {
        path: folder.clone(),
        source,
    };
    let files = match fs::read_dir(&folder) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(none()),
        Err(error) => return Err(failed(error)),
    };
    let mut paths: Vec<PathBuf> = Vec::new();
    for file in files.take(MAX_FILES) {
        let path = file.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "pem") {
            paths.push(path);
        }
    }
    paths.sort_unstable();
    let mut list = none();
    for path in paths {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        match entity(&name, &path) {
            Ok(entity) => list.entities.push(entity),
            Err(reason) => list.warnings.push(format!("{name}.pem: {reason}")),
        }
    }
    Ok(list)
}

fn entity(name: &str, path: &Path) -> Result<EntityInfo, Unreadable> {
    let mut text = Vec::new();
    fs::File::open(path)?
        .take(MAX_FILE + 1)
        .read_to_end(&mut text)?;
    if text.len() as u64 > MAX_FILE {
        return Err(Unreadable::TooLarge);
    }
    let pem = Pem::iter_from_buffer(&text)
        .filter_map(Result::ok)
        .find(|pem| pem.label == "CERTIFICATE")
        .ok_or(Unreadable::NoCertificate)?;
    let certificate = pem
        .parse_x509()
        .map_err(|error| Unreadable::Certificate(error.to_string()))?;
    let last = certificate.validity().not_after.timestamp();
    let last = Timestamp::from_second(last)
        .map_err(|error| Unreadable::Certificate(error.to_string()))?
        .to_zoned(TimeZone::UTC);
    Ok(EntityInfo {
        name: name.to_owned(),
        subject: spelled(certificate.subject()),
        expires: last.strftime("%Y-%m-%d").to_string(),
    })
}

fn spelled(name: &X509Name<'_>) -> String {
    let attributes = name.iter_attributes().filter_map(|attribute| {
        let kind = oid2abbrev(attribute.attr_type(), oid_registry()).ok()?;
        Some((kind, attribute.as_str().ok()?))
    });
    mesh_core::subject(attributes)
}
