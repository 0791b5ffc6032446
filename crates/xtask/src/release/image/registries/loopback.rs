//! A registry of one's own on this machine, for as long as something needs it: Debian's
//! `docker-registry`, which is the one that most registries are made of.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tempfile::TempDir;

use super::Repository;
use crate::release::Tool;
use crate::root;

/// A registry that nobody else can reach. Dropping it stops it and deletes what it holds.
#[derive(Debug)]
pub(crate) struct Loopback {
    process: Child,
    address: String,
    _folder: TempDir,
}

impl Loopback {
    /// An empty one that anybody on this machine may write to.
    pub(crate) fn start() -> anyhow::Result<Self> {
        Self::with_settings("")
    }

    /// The same with more lines of configuration.
    pub(crate) fn with_settings(settings: &str) -> anyhow::Result<Self> {
        let folder = TempDir::new().context("failed to create a temporary folder")?;
        let path = |name: &str| folder.path().join(name);
        let data = path("data");
        let configuration = format!(
            "version: 0.1\n\
             log: {{level: info, accesslog: {{disabled: true}}}}\n\
             storage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}}}\n\
             http: {{addr: '127.0.0.1:0', secret: not-shared}}\n\
             {settings}",
            data.display()
        );
        let log = path("log");
        fs::write(path("config.yml"), configuration)
            .with_context(|| format!("failed to write into `{}`", folder.path().display()))?;
        let output =
            File::create(&log).with_context(|| format!("failed to write `{}`", log.display()))?;
        let process = program()
            .arg("serve")
            .arg(path("config.yml"))
            .into_command()
            .stdout(Stdio::null())
            .stderr(output)
            .spawn()
            .context(
                "failed to run `docker-registry`; `make image-programs` installs what images need",
            )?;
        let mut loopback = Self {
            process,
            address: String::new(),
            _folder: folder,
        };
        loopback.address = loopback.wait_until_it_listens(&log)?;
        Ok(loopback)
    }

    /// Name and port.
    pub(crate) fn host(&self) -> &str {
        &self.address
    }

    /// A path in it for images to lie below.
    pub(crate) fn prefix(&self) -> anyhow::Result<Repository> {
        format!("{}/mcp-mesh", self.host()).parse()
    }

    /// It takes any free port and says which.
    fn wait_until_it_listens(&mut self, log: &Path) -> anyhow::Result<String> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let said = fs::read_to_string(log)
                .with_context(|| format!("failed to read `{}`", log.display()))?;
            let address = said
                .split_once("listening on ")
                .and_then(|(_, rest)| rest.split(['"', ',', ' ', '\n']).next());
            if let Some(address) = address {
                return Ok(address.to_owned());
            }
            let ended = self
                .process
                .try_wait()
                .context("failed to look after `docker-registry`")?;
            if ended.is_some() || Instant::now() > deadline {
                bail!("`docker-registry` does not listen:\n{}", said.trim_end());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Debian's package is unpacked for us, since installing it would start one that everybody may write to.
fn program() -> Tool {
    ["registry", "containers"]
        .map(|tools| root::checkout().join(format!(".tools/{tools}/usr/bin/docker-registry")))
        .iter()
        .find(|path| path.is_file())
        .map_or_else(|| Tool::new("docker-registry"), |path| Tool::at(path))
}

impl Drop for Loopback {
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody to tell.
        let _gone = self.process.kill();
        let _status = self.process.wait();
    }
}
