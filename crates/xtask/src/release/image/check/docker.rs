//! The docker command, and the end of all that was started with it.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use uuid::Uuid;

use super::super::Platform;
use crate::release::Tool;

/// A daemon, asked by the command that users type.
///
/// Containers, volumes and networks carry a label of this run; dropping it removes them.
#[derive(Debug)]
pub(super) struct Docker {
    host: Option<String>,
    platform: Platform,
    run: String,
}

impl Docker {
    const LABEL: &str = "io.mcp-mesh.image-check";

    pub(super) fn new(host: Option<&str>, platform: Platform) -> Self {
        Self {
            host: host.map(ToOwned::to_owned),
            platform,
            run: Uuid::new_v4().simple().to_string(),
        }
    }

    /// A name that nobody else has.
    pub(super) fn name(&self, what: &str) -> String {
        format!("mesh-check-{}-{what}", &self.run[..12])
    }

    pub(super) fn command(&self, arguments: &[&str]) -> Tool {
        let tool = Tool::new("docker").args(arguments);
        match &self.host {
            Some(host) => tool.env("DOCKER_HOST", host),
            None => tool,
        }
    }

    /// `docker run`, with the platform and the label.
    pub(super) fn run(&self, arguments: &[&str]) -> Tool {
        let platform = self.platform.to_string();
        self.command(&["run", "--platform", &platform, "--label", &self.label()])
            .args(arguments)
    }

    /// `docker run --detach` under a name.
    pub(super) fn start(&self, name: &str, arguments: &[&str]) -> anyhow::Result<()> {
        self.run(&["--detach", "--name", name])
            .args(arguments)
            .output()?;
        Ok(())
    }

    /// Makes a volume called `name`.
    pub(super) fn volume(&self, name: &str) -> anyhow::Result<()> {
        self.command(&["volume", "create", "--label", &self.label(), name])
            .output()?;
        Ok(())
    }

    /// Makes a network called `name`, whose containers know each other by name.
    pub(super) fn network(&self, name: &str) -> anyhow::Result<()> {
        self.command(&["network", "create", "--label", &self.label(), name])
            .output()?;
        Ok(())
    }

    /// A part of what docker knows of `thing`.
    pub(super) fn inspect(&self, thing: &str, format: &str) -> anyhow::Result<String> {
        self.command(&["inspect", "--format", format, thing])
            .output()
    }

    /// Everything that a container wrote.
    pub(super) fn logs(&self, name: &str) -> String {
        let mut command = self.command(&["logs", name]).into_command();
        match command.output() {
            Ok(output) => [output.stdout, output.stderr]
                .map(|bytes| String::from_utf8_lossy(&bytes).trim_end().to_owned())
                .join("\n"),
            Err(error) => format!("its log cannot be read: {error}"),
        }
    }

    /// Waits until a container says that it is healthy.
    pub(super) fn until_healthy(&self, name: &str, patience: Duration) -> anyhow::Result<Duration> {
        let before = Instant::now();
        loop {
            let state = self.inspect(name, "{{.State.Status}} {{.State.Health.Status}}")?;
            if state == "running healthy" {
                return Ok(before.elapsed());
            }
            if !state.starts_with("running") || before.elapsed() > patience {
                let said = self.inspect(name, "{{json .State.Health.Log}}")?;
                bail!(
                    "`{name}` does not get healthy, it is {state}: {said}\n{}",
                    self.logs(name)
                );
            }
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// Runs a container that must fail, and gives what it said.
    pub(super) fn fails(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = self
            .run(&["--rm", "--stop-timeout", "5"])
            .args(arguments)
            .into_command();
        let output = command.output().context("failed to run `docker`")?;
        let said = [output.stdout, output.stderr]
            .map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned())
            .join("\n");
        ensure!(
            !output.status.success(),
            "`docker run {}` should fail, but ended well: {said}",
            arguments.join(" ")
        );
        // From 125 on it is docker's own failure.
        ensure!(
            output.status.code().is_some_and(|code| code < 125),
            "`docker run {}` did not even start: {said}",
            arguments.join(" ")
        );
        Ok(said.trim().to_owned())
    }

    /// What a container of `image` finds on its file system.
    pub(super) fn files(&self, image: &str) -> anyhow::Result<Files> {
        let name = self.name("files");
        self.command(&["create", "--platform", &self.platform.to_string()])
            .args(["--label", &self.label(), "--name", &name, image, "none"])
            .output()?;
        let mut export = self
            .command(&["export", &name])
            .into_command()
            .stdout(Stdio::piped())
            .spawn()
            .context("failed to run `docker`")?;
        let archive = export.stdout.take().context("docker has no output")?;
        let mut files = Files::read(archive)
            .with_context(|| format!("failed to read the files of `{image}`"))?;
        let status = export.wait().context("failed to wait for `docker`")?;
        ensure!(status.success(), "`docker export {name}` failed ({status})");
        // Asked of the image, docker describes the platform that it likes best.
        files.settings = self.inspect(&name, "{{json .Config}}")?;
        self.command(&["rm", "--volumes", &name]).output()?;
        Ok(files)
    }

    /// Removes what carries this run's label.
    pub(super) fn remove_everything(&self) -> anyhow::Result<()> {
        let filter = format!("label={}", self.label());
        for (list, remove) in [
            (
                ["ps", "--all", "--quiet", "--filter"].as_slice(),
                ["rm", "--force", "--volumes"].as_slice(),
            ),
            (&["volume", "ls", "--quiet", "--filter"], &["volume", "rm"]),
            (
                &["network", "ls", "--quiet", "--filter"],
                &["network", "rm"],
            ),
        ] {
            let found = self.command(list).arg(&filter).output()?;
            if !found.is_empty() {
                self.command(remove).args(found.lines()).output()?;
            }
        }
        Ok(())
    }

    fn label(&self) -> String {
        format!("{}={}", Self::LABEL, self.run)
    }
}

/// The files of an image, as an archive.
#[derive(Debug)]
pub(super) struct Files {
    /// How long the archive is.
    pub(super) bytes: u64,
    /// Without a slash in front.
    pub(super) paths: BTreeSet<String>,
    /// Programs and libraries, and the number that ELF gives to their CPU.
    pub(super) programs: Vec<(String, u16)>,
    /// How a container of it is set up, as JSON.
    pub(super) settings: String,
}

impl Files {
    fn read(archive: impl Read) -> io::Result<Self> {
        let mut archive = tar::Archive::new(Counted(archive, 0));
        let mut paths = BTreeSet::new();
        let mut programs = Vec::new();
        for entry in archive.entries()? {
            let mut entry = entry?;
            let path = entry.path()?.to_string_lossy().into_owned();
            let mut head = Vec::new();
            entry.by_ref().take(20).read_to_end(&mut head)?;
            // Both CPUs have the lower byte first.
            if let ([0x7f, b'E', b'L', b'F', ..], [.., low, high]) = (&head[..], &head[..]) {
                programs.push((path.clone(), u16::from_le_bytes([*low, *high])));
            }
            paths.insert(path);
        }
        let mut counted = archive.into_inner();
        // Whoever writes it wants to get rid of its end too.
        io::copy(&mut counted, &mut io::sink())?;
        let Counted(_, bytes) = counted;
        Ok(Self {
            bytes,
            paths,
            programs,
            settings: String::new(),
        })
    }
}

/// Counts the bytes that are read.
struct Counted<R>(R, u64);

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Self(from, bytes) = self;
        let read = from.read(buffer)?;
        *bytes += read as u64;
        Ok(read)
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        // After a failure, which is the one to be told.
        let _leftovers = self.remove_everything();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_counted_to_its_last_byte() {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(3);
        tar.append_data(&mut header, "usr/a", b"abc".as_slice())
            .unwrap();
        let mut bytes = tar.into_inner().unwrap();
        bytes.extend([0; 4096]);
        let files = Files::read(bytes.as_slice()).unwrap();
        assert_eq!(files.bytes, bytes.len() as u64);
        assert_eq!(files.paths.into_iter().collect::<Vec<_>>(), ["usr/a"]);
    }
}
