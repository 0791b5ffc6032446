//! Runs the installer on what is installed, and goes back if that fails.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use mesh_core::env::EnvVars;
use semver::Version;
use tokio::process::Command;
use tokio::time::timeout;
use url::Url;

use super::kept::Kept;
use super::receipt::Receipt;
use super::staging::Staged;
use super::{UpdateError, platform};
use crate::supervisor::platform::{Platform, ProcessGroups};

/// How long a new program may take to say its version.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much of the installer's output goes with its failure, in lines.
const LINES: usize = 12;
/// What would lead the installer elsewhere than to the verified files and this installation.
const MISLEADING: [&str; 8] = [
    EnvVars::MCP_MESH_INSTALLER_GHE_BASE_URL,
    EnvVars::MCP_MESH_INSTALLER_GITHUB_BASE_URL,
    EnvVars::MCP_MESH_GITHUB_TOKEN,
    EnvVars::MCP_MESH_UNMANAGED_INSTALL,
    EnvVars::MCP_MESH_DISABLE_UPDATE,
    EnvVars::MCP_MESH_INSTALL_ONLY,
    "INSTALLER_DOWNLOAD_URL",
    "MCP_MESH_PRINT_QUIET",
];

/// An installation of ours.
pub(super) struct Installation {
    folder: PathBuf,
    receipt: Receipt,
}

impl Installation {
    /// The installation in `folder`, which `receipt` is for.
    pub(super) fn new(folder: &Path, receipt: Receipt) -> Self {
        Self {
            folder: folder.to_owned(),
            receipt,
        }
    }

    /// Whether the programs and the receipt can be replaced, before anything is downloaded for it.
    pub(super) fn check_writable(&self) -> Result<(), UpdateError> {
        let receipts = self.receipt.path.parent();
        for folder in [Some(self.folder.as_path()), receipts]
            .into_iter()
            .flatten()
        {
            tempfile::Builder::new()
                .prefix(".mcp-mesh-")
                .tempfile_in(folder)
                .map_err(|source| UpdateError::NotWritable {
                    folder: folder.to_owned(),
                    source,
                })?;
        }
        Ok(())
    }

    /// Replaces the programs by those of `staged`, or leaves them as they were.
    pub(super) async fn replace(
        &self,
        staged: &Staged,
        version: &Version,
    ) -> Result<(), UpdateError> {
        let kept = Kept::keep(&self.folder, &self.receipt)?;
        let installed = async {
            self.install(staged).await?;
            self.try_out(version).await
        };
        match uninterrupted(installed).await {
            Ok(()) => {
                kept.discard();
                Ok(())
            }
            Err(error) => {
                kept.restore()?;
                Err(error)
            }
        }
    }

    async fn install(&self, staged: &Staged) -> Result<(), UpdateError> {
        let failed = |reason: String, said| UpdateError::Installer { reason, said };
        let output = self
            .installer(staged)?
            .output()
            .await
            .map_err(|error| failed(error.to_string(), Vec::new()))?;
        if output.status.success() {
            return Ok(());
        }
        Err(failed(output.status.to_string(), last_words(&output)))
    }

    /// The installer, told to take the verified archive, to install here, and to leave profiles alone.
    /// The same variables as axoupdater's.
    fn installer(&self, staged: &Staged) -> Result<Command, UpdateError> {
        let archives =
            Url::from_directory_path(staged.folder()).map_err(|()| UpdateError::Temporary {
                folder: staged.folder().to_owned(),
                source: std::io::ErrorKind::InvalidFilename.into(),
            })?;
        let mut command = platform::run(&staged.installer());
        for variable in MISLEADING {
            command.env_remove(variable);
        }
        command
            .env(
                EnvVars::MCP_MESH_DOWNLOAD_URL,
                archives.as_str().trim_end_matches('/'),
            )
            .env(EnvVars::MCP_MESH_INSTALL_DIR, &self.receipt.prefix)
            .env("CARGO_DIST_FORCE_INSTALL_DIR", &self.receipt.prefix)
            .env(EnvVars::MCP_MESH_NO_MODIFY_PATH, "1")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        // The new receipt takes the place of the old one, wherever that was found.
        if let Some(config_home) = self.receipt.config_home() {
            command.env("XDG_CONFIG_HOME", config_home);
        }
        if let [only] = self.receipt.binaries.as_slice() {
            let name = only.trim_end_matches(std::env::consts::EXE_SUFFIX);
            command.env(EnvVars::MCP_MESH_INSTALL_ONLY, name);
        }
        Ok(command)
    }

    /// Runs what was installed: a program for another system, or none at all, is found out here.
    async fn try_out(&self, version: &Version) -> Result<(), UpdateError> {
        for name in &self.receipt.binaries {
            let program = self.folder.join(name);
            let broken = |reason: String| UpdateError::Broken {
                program: program.clone(),
                reason,
            };
            let run = Command::new(&program)
                .arg("--version")
                .stdin(Stdio::null())
                .kill_on_drop(true)
                .output();
            let output = timeout(PATIENCE, run)
                .await
                .map_err(|_| broken(format!("no answer within {PATIENCE:?}")))?
                .map_err(|error| broken(error.to_string()))?;
            if !output.status.success() {
                return Err(broken(output.status.to_string()));
            }
            let said = String::from_utf8_lossy(&output.stdout);
            let said = said.lines().next().unwrap_or_default();
            let expected = version.to_string();
            if said.rsplit(' ').next() != Some(expected.as_str()) {
                return Err(broken(format!("it says `{said}`, not {version}")));
            }
        }
        Ok(())
    }
}

/// Does `work` to its end, whoever interrupts. It takes a second or two, and half of it would be worse.
/// On a terminal the installer hears the interruption too, and its failure ends the work.
async fn uninterrupted<T>(work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    loop {
        tokio::select! {
            result = &mut work => return result,
            heard = Platform::interrupted() => if heard.is_err() {
                // Signals cannot be heard here, so they keep their usual effect.
                return work.await;
            },
        }
    }
}

/// The end of what a program said.
fn last_words(output: &Output) -> Vec<String> {
    let said = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    let lines: Vec<_> = said
        .iter()
        .flat_map(|text| text.lines())
        .filter(|line| !line.trim().is_empty())
        .map(str::to_owned)
        .collect();
    lines[lines.len().saturating_sub(LINES)..].to_vec()
}
