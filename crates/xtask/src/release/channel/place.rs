//! A machine as a new user has it: an empty home, and only the system's programs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::release::Tool;

/// An empty home folder. What runs here sees none of our environment.
#[derive(Debug)]
pub(crate) struct Place {
    home: PathBuf,
    variables: Vec<(&'static str, String)>,
}

impl Place {
    /// An empty home called `name` under `parent`; what was there before goes.
    pub(crate) fn new(parent: &Path, name: &str) -> anyhow::Result<Self> {
        let home = parent.join(name);
        if home.exists() {
            fs::remove_dir_all(&home)
                .with_context(|| format!("failed to remove `{}`", home.display()))?;
        }
        fs::create_dir_all(&home)
            .with_context(|| format!("failed to create `{}`", home.display()))?;
        Ok(Self {
            home,
            variables: Vec::new(),
        })
    }

    /// The same place, where every program sees another variable.
    pub(crate) fn with_variable(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// Where the installers put programs.
    pub(crate) fn bin(&self) -> PathBuf {
        self.home.join(".local/bin")
    }

    /// A program of the system, run in this home.
    pub(crate) fn system(&self, program: &str) -> Tool {
        self.inhabit(Tool::at(Path::new(program)))
    }

    /// The program at `path`, run in this home.
    pub(crate) fn program(&self, path: &Path) -> Tool {
        self.inhabit(Tool::at(path))
    }

    /// A line for the shell, run in this home.
    pub(crate) fn shell(&self, line: &str) -> Tool {
        self.system("sh").args(["-euc", line])
    }

    /// Fetches `url` into the home as `name`.
    pub(crate) fn download(&self, url: &str, name: &str) -> anyhow::Result<()> {
        // Only the rehearsal's hub is not secure.
        let protocol = if url.starts_with("http://127.0.0.1:") {
            "=http"
        } else {
            "=https"
        };
        self.system("curl")
            .args(["--fail", "--location", "--silent", "--show-error"])
            .args(["--proto", protocol, "--output", name, url])
            .output()?;
        Ok(())
    }

    fn inhabit(&self, tool: Tool) -> Tool {
        let tool = if cfg!(windows) {
            // Programs there do not start without the system's own variables.
            tool
        } else {
            tool.env_clear()
                .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
                .env("LC_ALL", "C.UTF-8")
        };
        let tool = self
            .variables
            .iter()
            .fold(tool, |tool, (name, value)| tool.env(name, value));
        tool.env("HOME", &self.home)
            .env("MCP_MESH_HOME", self.home.join(".mcp-mesh"))
            .current_dir(&self.home)
    }

    /// Removes it, when all went well; a failure leaves it for a look.
    pub(crate) fn remove(&self) -> anyhow::Result<()> {
        fs::remove_dir_all(&self.home)
            .with_context(|| format!("failed to remove `{}`", self.home.display()))
    }
}
