//! Copying by skopeo, which leaves every byte as it is.

use std::path::Path;

use anyhow::Context;
use tempfile::NamedTempFile;

use super::super::Platform;
use super::{Logins, Repository, Transport};
use crate::release::Tool;

/// One end of a copy.
#[derive(Debug, Clone)]
pub(crate) enum Place<'a> {
    /// A tag or a digest in a registry, and whether it is spoken to in the open.
    Registry { reference: String, plain: bool },
    /// A folder in the layout of the Open Container Initiative.
    Layout(&'a Path),
}

/// Copies images, logged in where that is known.
#[derive(Debug)]
pub(crate) struct Skopeo {
    logins: Option<NamedTempFile>,
    by: Transport,
}

impl Skopeo {
    pub(crate) fn new(logins: &Logins, by: Transport) -> anyhow::Result<Self> {
        Ok(Self {
            logins: logins.file()?,
            by,
        })
    }

    /// What `reference` of `repository` is to this one.
    pub(crate) fn place(&self, repository: &Repository, reference: String) -> Place<'static> {
        Place::Registry {
            reference,
            plain: self.by.is_plain(repository),
        }
    }

    /// Copies an image of all its platforms; not one digest changes.
    pub(crate) fn copy(&self, from: &Place<'_>, to: &Place<'_>) -> anyhow::Result<()> {
        self.run(
            Tool::new("skopeo").args([
                "--insecure-policy",
                "copy",
                "--quiet",
                "--all",
                "--preserve-digests",
            ]),
            from,
            to,
        )
    }

    /// Copies what `platform` would run, without the others.
    pub(crate) fn copy_platform(
        &self,
        platform: Platform,
        from: &Place<'_>,
        to: &Place<'_>,
    ) -> anyhow::Result<()> {
        self.run(
            Tool::new("skopeo")
                .args(["--insecure-policy", "--override-os", "linux"])
                .args(["--override-arch", &platform.architecture()])
                .args(["copy", "--quiet", "--preserve-digests"]),
            from,
            to,
        )
    }

    fn run(&self, tool: Tool, from: &Place<'_>, to: &Place<'_>) -> anyhow::Result<()> {
        let tool = match &self.logins {
            Some(file) => tool.arg("--authfile").arg(file.path()),
            None => tool,
        };
        tool.arg("--retry-times=3")
            .arg(format!("--src-tls-verify={}", !from.is_plain()))
            .arg(format!("--dest-tls-verify={}", !to.is_plain()))
            .args([from.text(), to.text()])
            .output()
            .with_context(|| format!("failed to copy `{}` to `{}`", from.text(), to.text()))?;
        Ok(())
    }
}

impl Place<'_> {
    fn is_plain(&self) -> bool {
        matches!(self, Self::Registry { plain: true, .. })
    }

    fn text(&self) -> String {
        match self {
            Self::Registry { reference, .. } => format!("docker://{reference}"),
            Self::Layout(folder) => format!("oci:{}", folder.display()),
        }
    }
}
