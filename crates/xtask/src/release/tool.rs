//! The programs that a release is made with, installed by the Makefile into the checkout.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::root;

/// A program to run, with arguments; runs it and turns failure into an error that shows its output.
#[derive(Debug)]
pub(crate) struct Tool {
    name: String,
    command: Command,
}

impl Tool {
    /// The program `name` of the checkout's `.tools`, else of PATH.
    pub(crate) fn new(name: &str) -> Self {
        let mut command = Command::new(find(name).unwrap_or_else(|| name.into()));
        command.stdin(Stdio::null());
        Self {
            name: name.to_owned(),
            command,
        }
    }

    /// The program at `path`.
    pub(crate) fn at(path: &Path) -> Self {
        let mut command = Command::new(path);
        command.stdin(Stdio::null());
        Self {
            name: path.display().to_string(),
            command,
        }
    }

    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    pub(crate) fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.command.args(arguments);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Starts from an empty environment, as `env -i` does.
    pub(crate) fn env_clear(mut self) -> Self {
        self.command.env_clear();
        self
    }

    pub(crate) fn env_remove(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub(crate) fn current_dir(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Runs to the end, its output shown where ours goes.
    pub(crate) fn show(mut self) -> anyhow::Result<()> {
        let status = self.command.status().with_context(|| self.missing())?;
        if !status.success() {
            bail!("`{}` failed ({status})", self.line());
        }
        Ok(())
    }

    /// Runs to the end and gives what it wrote to stdout.
    pub(crate) fn output(mut self) -> anyhow::Result<String> {
        let output = self.command.output().with_context(|| self.missing())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        if !output.status.success() {
            bail!(
                "`{}` failed ({})\n{}\n{}",
                self.line(),
                output.status,
                text(&output.stdout),
                text(&output.stderr)
            );
        }
        Ok(text(&output.stdout))
    }

    /// The command itself, for a caller that wants to look at a failure.
    pub(crate) fn into_command(self) -> Command {
        self.command
    }

    fn line(&self) -> String {
        let arguments: Vec<_> = self
            .command
            .get_args()
            .map(|argument| argument.to_string_lossy())
            .collect();
        format!("{} {}", self.name, arguments.join(" "))
    }

    fn missing(&self) -> String {
        format!(
            "failed to run `{}`; `make release-tools` installs what a release needs",
            self.name
        )
    }
}

/// Folders of the checkout that hold tools, the first one wins.
pub(crate) fn folders() -> [PathBuf; 4] {
    // Python's environments differ there.
    let bin = if cfg!(windows) { "Scripts" } else { "bin" };
    [
        PathBuf::from(".tools/cargo/bin"),
        Path::new(".tools/python").join(bin),
        Path::new(".venv").join(bin),
        PathBuf::from(".tools/containers/usr/bin"),
    ]
    .map(|folder| root::checkout().join(folder))
}

fn find(name: &str) -> Option<PathBuf> {
    folders()
        .into_iter()
        .map(|folder| folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
        .find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_shows_the_command_and_its_output() {
        let error = Tool::new("sh")
            .args(["-c", "echo out; echo oops >&2; exit 3"])
            .output()
            .unwrap_err()
            .to_string();
        assert!(error.contains("exit status: 3"), "{error}");
        assert!(error.contains("out\noops"), "{error}");
    }

    #[test]
    fn a_missing_tool_is_named_with_its_cure() {
        let error = Tool::new("no-such-tool").output().unwrap_err();
        assert!(format!("{error}").contains("make release-tools"), "{error}");
    }
}
