//! The order of an update.

use std::path::PathBuf;

use mesh_client::releases::{Progress, ReleaseClient, ReleaseSource, VersionRequest};
use mesh_core::env::Environment;
use semver::Version;

use super::installation::Installation;
use super::lock::Lock;
use super::origin::install_into;
use super::receipt::Receipt;
use super::staging::{Staged, stage};
use super::{Origin, Program, ReleaseKey, UpdateError, archive_name};
use crate::supervisor::platform::{Platform, ProcessGroups};

/// The repository that this build came from.
const REPOSITORY: &str = env!("CARGO_PKG_REPOSITORY");

/// Updates one program.
#[derive(Debug)]
pub struct Updater {
    /// What is updated.
    pub program: Program,
    /// Where receipts and releases are.
    pub environment: Environment,
    /// Whom it believes; nobody, if there is none.
    pub key: Option<ReleaseKey>,
    /// Held during an update.
    pub lock_file: PathBuf,
}

/// What there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The version that runs.
    pub current: Version,
    /// The newest release.
    pub latest: Version,
    /// Who installed this program.
    pub origin: Origin,
    /// What brings the newest release, if a command does.
    pub upgrade_command: Option<String>,
}

/// What happens during an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// There is something to do.
    Found {
        /// The version that runs.
        from: Version,
        /// The version that will.
        to: Version,
    },
    /// A file comes.
    Downloading {
        /// Its name.
        name: String,
        /// How far it is.
        progress: Progress,
    },
    /// Everything is there and genuine; the installer runs.
    Installing,
}

/// How an update ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// What was asked for runs already, or something newer than the newest release.
    Current {
        /// The version that runs.
        current: Version,
        /// What was found.
        found: Version,
    },
    /// The installation was replaced.
    Updated {
        /// The version before.
        from: Version,
        /// The version now.
        to: Version,
        /// Where it is.
        folder: PathBuf,
    },
}

impl Check {
    /// Whether the newest release is newer than what runs.
    #[must_use]
    pub fn update_available(&self) -> bool {
        self.latest > self.current
    }
}

impl Updater {
    /// Looks for a newer release; changes nothing.
    pub async fn check(&self) -> Result<Check, UpdateError> {
        let (origin, _) = Origin::find(&self.program, &self.environment)?;
        let latest = self.client()?.resolve(&VersionRequest::Latest).await?;
        let upgrade_command = if origin == Origin::Installer && self.key.is_none() {
            Some(install_into(self.program.folder()))
        } else {
            origin.upgrade_command(&latest)
        };
        Ok(Check {
            current: self.program.version.clone(),
            latest,
            origin,
            upgrade_command,
        })
    }

    /// Brings the installation to `request`. Older versions only come if they are asked for.
    pub async fn update(
        &self,
        request: &VersionRequest,
        report: &mut dyn FnMut(Event),
    ) -> Result<Outcome, UpdateError> {
        let installation = Installation::new(self.program.folder(), self.receipt()?);
        let key = self.key.as_ref().ok_or_else(|| UpdateError::NoKey {
            command: install_into(self.program.folder()),
        })?;
        let archive = archive_name().ok_or(UpdateError::NoBuild)?;
        let client = self.client()?;
        if client.source().is_one_folder() && !matches!(request, VersionRequest::Exact(_)) {
            return Err(UpdateError::UnknownFolder);
        }
        let current = &self.program.version;
        let found = client.resolve(request).await?;
        let wanted = match request {
            VersionRequest::Latest => found > *current,
            VersionRequest::Exact(_) | VersionRequest::Newest { .. } => found != *current,
        };
        if !wanted {
            return Ok(Outcome::Current {
                current: current.clone(),
                found,
            });
        }
        let _lock = Lock::take(&self.lock_file)?;
        installation.check_writable()?;
        report(Event::Found {
            from: current.clone(),
            to: found.clone(),
        });
        let staged = interruptible(stage(&client, key, (&found, &archive), report)).await?;
        report(Event::Installing);
        installation.replace(&staged, &found).await?;
        Ok(Outcome::Updated {
            from: current.clone(),
            to: found,
            folder: self.program.folder().to_owned(),
        })
    }

    fn client(&self) -> Result<ReleaseClient, UpdateError> {
        let source = ReleaseSource::resolve(REPOSITORY, &self.environment)?;
        Ok(ReleaseClient::new(source))
    }

    /// The receipt for this program, or who else is to be asked.
    fn receipt(&self) -> Result<Receipt, UpdateError> {
        let (origin, receipt) = Origin::find(&self.program, &self.environment)?;
        let program = self.program.path.clone();
        if let Some(receipt) = receipt {
            return Ok(receipt);
        }
        Err(match origin {
            Origin::Archive {
                folder,
                other: Some((receipt, prefix)),
            } => UpdateError::OtherInstallation {
                receipt,
                prefix,
                program,
                command: install_into(&folder),
            },
            Origin::Archive { other: None, .. } => UpdateError::Unmanaged { program, origin },
            _ => UpdateError::Managed(origin),
        })
    }
}

/// Ends `staging` when the user interrupts, so that what came is deleted.
async fn interruptible(
    staging: impl Future<Output = Result<Staged, UpdateError>>,
) -> Result<Staged, UpdateError> {
    tokio::pin!(staging);
    tokio::select! {
        result = &mut staging => result,
        heard = Platform::interrupted() => match heard {
            Ok(()) => Err(UpdateError::Interrupted),
            // Signals cannot be heard here, so they keep their usual effect.
            Err(_) => staging.await,
        },
    }
}
