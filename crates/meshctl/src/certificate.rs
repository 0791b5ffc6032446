//! Files of certificates: what is in them, and until when it counts.

use std::fmt;
use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mesh_core::Timestamp;
use x509_parser::certificate::X509Certificate;
use x509_parser::objects::{oid_registry, oid2abbrev};
use x509_parser::pem::Pem;
use x509_parser::time::ASN1Time;
use x509_parser::x509::X509Name;

/// The largest file that is looked into; a chain of certificates has a few thousand bytes.
const MAX_FILE: u64 = 1 << 20;
/// What a line of a PEM block holds.
const LINE: usize = 64;
const SECONDS_PER_DAY: i64 = 86_400;
/// Whoever needs a new certificate needs some weeks for it.
const SOON: i64 = 30 * SECONDS_PER_DAY;
const LABEL: &str = "CERTIFICATE";

/// Why a file tells of no certificate.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error(transparent)]
    File(#[from] io::Error),
    #[error("it is larger than {MAX_FILE} bytes")]
    TooLarge,
    #[error("no CERTIFICATE PEM blocks are in it")]
    NoCertificate {
        /// A private key is.
        has_key: bool,
    },
    #[error("its PEM block {place} cannot be read: {reason}")]
    Block { place: usize, reason: String },
}

/// What a PEM file holds.
#[derive(Debug, Clone)]
pub(crate) struct CertificateFile {
    /// The one that counts.
    pub(crate) first: Certificate,
    /// Those that vouch for it, or stand beside it.
    rest: Vec<Certificate>,
    /// Whether a private key lies in the same file.
    pub(crate) has_key: bool,
}

impl CertificateFile {
    pub(crate) fn read(path: &Path) -> Result<Self, Unreadable> {
        let mut text = Vec::new();
        fs::File::open(path)?
            .take(MAX_FILE + 1)
            .read_to_end(&mut text)?;
        if text.len() as u64 > MAX_FILE {
            return Err(Unreadable::TooLarge);
        }
        Self::parse(&text)
    }

    fn parse(text: &[u8]) -> Result<Self, Unreadable> {
        let mut certificates = Vec::new();
        let mut has_key = false;
        for (index, block) in Pem::iter_from_buffer(text).enumerate() {
            let failed = |error: &dyn fmt::Display| Unreadable::Block {
                place: index + 1,
                reason: error.to_string(),
            };
            let block = block.map_err(|error| failed(&error))?;
            has_key |= block.label.ends_with("PRIVATE KEY");
            if block.label == LABEL {
                let certificate = Certificate::of(&block).map_err(|error| failed(&error))?;
                certificates.push(certificate);
            }
        }
        let mut certificates = certificates.into_iter();
        let first = certificates
            .next()
            .ok_or(Unreadable::NoCertificate { has_key })?;
        Ok(Self {
            first,
            rest: certificates.collect(),
            has_key,
        })
    }

    /// All of them, the first one first.
    pub(crate) fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        std::iter::once(&self.first).chain(&self.rest)
    }

    /// The certificates as PEM, and nothing else that was in the file.
    pub(crate) fn pem(&self) -> String {
        self.certificates().map(Certificate::pem).collect()
    }
}

/// One certificate.
#[derive(Debug, Clone)]
pub(crate) struct Certificate {
    der: Vec<u8>,
    /// Whose it is: `CN=Acme CA,O=acme`.
    pub(crate) subject: String,
    /// Who vouches for it, in the same spelling.
    pub(crate) issuer: String,
    /// Both to the letter.
    names: [Vec<u8>; 2],
    /// Whether it may vouch for others.
    pub(crate) is_authority: bool,
    pub(crate) from: Moment,
    pub(crate) until: Moment,
}

impl Certificate {
    fn of(block: &Pem) -> Result<Self, &'static str> {
        let certificate: X509Certificate<'_> =
            block.parse_x509().map_err(|_| "it is not a certificate")?;
        Ok(Self {
            subject: spelled(certificate.subject()),
            issuer: spelled(certificate.issuer()),
            names: [certificate.subject(), certificate.issuer()].map(|name| name.as_raw().to_vec()),
            is_authority: certificate.is_ca(),
            from: certificate.validity().not_before.into(),
            until: certificate.validity().not_after.into(),
            der: block.contents.clone(),
        })
    }

    /// Whether `other` says that this one vouches for it.
    pub(crate) fn vouches_for(&self, other: &Self) -> bool {
        let ([own, _], [_, issuer]) = (&self.names, &other.names);
        own == issuer
    }

    /// Whether it counts at `now`.
    pub(crate) fn validity(&self, now: Timestamp) -> Validity {
        let now = now.as_seconds();
        if now < self.from.0 {
            Validity::NotYet
        } else if now > self.until.0 {
            Validity::Expired
        } else if self.until.0 - now <= SOON {
            Validity::Ending {
                days: (self.until.0 - now) / SECONDS_PER_DAY,
            }
        } else {
            Validity::Valid
        }
    }

    fn pem(&self) -> String {
        let text = STANDARD.encode(&self.der);
        let mut pem = format!("-----BEGIN {LABEL}-----\n");
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let (line, after) = rest.split_at(rest.len().min(LINE));
            pem.push_str(line);
            pem.push('\n');
            rest = after;
        }
        pem.push_str("-----END ");
        pem.push_str(LABEL);
        pem.push_str("-----\n");
        pem
    }
}

/// How long a certificate counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Validity {
    Valid,
    /// Valid, and not for long; whole days.
    Ending {
        days: i64,
    },
    Expired,
    NotYet,
}

/// A second of a certificate, which may lie beyond the years of a [`Timestamp`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(i64);

impl From<ASN1Time> for Moment {
    fn from(time: ASN1Time) -> Self {
        Self(time.timestamp())
    }
}

impl fmt::Display for Moment {
    /// The day, in UTC: `2027-09-19`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match ASN1Time::from_timestamp(self.0) {
            Ok(time) => {
                let time = time.to_datetime();
                let month = u8::from(time.month());
                write!(f, "{:04}-{month:02}-{:02}", time.year(), time.day())
            }
            Err(_) => f.write_str("?"),
        }
    }
}

fn spelled(name: &X509Name<'_>) -> String {
    let attributes = name.iter_attributes().filter_map(|attribute| {
        let kind = oid2abbrev(attribute.attr_type(), oid_registry()).ok()?;
        Some((kind, attribute.as_str().ok()?))
    });
    mesh_core::subject(attributes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_its_day() {
        assert_eq!(Moment(0).to_string(), "1970-01-01");
        assert_eq!(Moment(253_402_300_799).to_string(), "9999-12-31");
    }

    #[test]
    fn what_is_no_certificate_is_told_apart() {
        let problem = |text: &str| {
            CertificateFile::parse(text.as_bytes())
                .unwrap_err()
                .to_string()
        };
        insta::assert_snapshot!(problem(""), @"no CERTIFICATE PEM blocks are in it");
        insta::assert_snapshot!(problem("-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n"), @"no CERTIFICATE PEM blocks are in it");
        insta::assert_snapshot!(problem("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"), @"its PEM block 1 cannot be read: it is not a certificate");
        insta::assert_snapshot!(problem("-----BEGIN CERTIFICATE-----\nAA=="), @"its PEM block 1 cannot be read: incomplete PEM");
    }
}
