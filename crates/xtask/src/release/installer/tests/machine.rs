//! A machine to install on, with only the programs that a test gives it.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use mesh_test::{Hub, transcript};
use serde_json::Value;
use tempfile::TempDir;

use super::super::{harden_shell, sample};
use super::project;
use crate::release::project::BINARIES;
use crate::release::{Checksums, Project, Target};

/// What an installation takes besides a downloader and a program that knows SHA-256.
const PROGRAMS: [&str; 23] = [
    "awk", "bash", "cat", "chmod", "cp", "grep", "gzip", "head", "ldd", "ln", "mkdir", "mktemp",
    "mv", "rm", "rmdir", "sed", "sh", "sleep", "sysctl", "tail", "tar", "tr", "uname",
];

/// A machine: a home, a PATH, a folder for temporary files, and a hub that serves releases.
pub(super) struct Machine {
    pub(super) hub: Hub,
    folder: TempDir,
}

/// One run of an installer.
pub(super) struct Run<'a> {
    machine: &'a Machine,
    shell: &'static str,
    version: String,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
}

/// What a run printed, without what differs between two runs.
#[derive(Debug)]
pub(super) struct Outcome(String);

impl Machine {
    /// A machine with curl and sha256sum, and one release, 4.0.0.
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["hub", "home", "bin", "tmp"] {
            fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        let machine = Self {
            hub: Hub::start(folder.path().join("hub")),
            folder,
        };
        for name in PROGRAMS {
            machine.with_if_there(name);
        }
        machine.with("curl").with("sha256sum").release("4.0.0", "")
    }

    /// Publishes `version`; its binaries print it, and `padding` makes them larger.
    pub(super) fn release(self, version: &str, padding: &str) -> Self {
        let project = project(version);
        let folder = self.assets(version);
        fs::create_dir_all(&folder).expect("a folder");
        for target in Target::ALL
            .into_iter()
            .filter(|target| target.archive_extension() == "tar.gz")
        {
            fs::write(
                folder.join(target.archive()),
                archive(target, version, padding),
            )
            .expect("a file");
        }
        let archives = Checksums::of_folder(&folder).expect("readable files");
        let installer = hardened(&project, &archives);
        fs::write(folder.join("mcp-mesh-installer.sh"), installer).expect("a file");
        self.sum_up(version);
        self
    }

    /// Writes the checksums of a release anew.
    pub(super) fn sum_up(&self, version: &str) {
        let folder = self.assets(version);
        let sums = Checksums::of_folder(&folder)
            .expect("readable files")
            .to_text();
        fs::write(folder.join(Checksums::FILE), sums).expect("a file");
    }

    /// The folder of a release's files.
    pub(super) fn assets(&self, version: &str) -> PathBuf {
        self.folder
            .path()
            .join("hub/releases")
            .join(format!("v{version}"))
    }

    /// Puts a program of the real machine on PATH.
    pub(super) fn with(self, program: &str) -> Self {
        assert!(self.with_if_there(program), "these tests need `{program}`");
        self
    }

    fn with_if_there(&self, program: &str) -> bool {
        let real = ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin"]
            .map(|folder| Path::new(folder).join(program))
            .into_iter()
            .find(|path| path.exists());
        real.is_some_and(|real| symlink(real, self.program(program)).is_ok())
    }

    pub(super) fn without(self, program: &str) -> Self {
        fs::remove_file(self.program(program)).expect("it is there");
        self
    }

    /// Puts a program on PATH that is this shell script.
    pub(super) fn with_fake(self, program: &str, script: &str) -> Self {
        let path = self.program(program);
        // Never through the link, into the real program.
        let _absent = fs::remove_file(&path);
        write_program(&path, script);
        self
    }

    fn program(&self, name: &str) -> PathBuf {
        self.folder.path().join("bin").join(name)
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// Where binaries go unless something else is said.
    pub(super) fn default_bin(&self) -> PathBuf {
        self.home().join(".local/bin")
    }

    pub(super) fn receipt_path(&self) -> PathBuf {
        self.home().join(".config/mcp-mesh/mcp-mesh-receipt.json")
    }

    pub(super) fn receipt(&self) -> Value {
        let text = fs::read_to_string(self.receipt_path()).expect("there is a receipt");
        serde_json::from_str(&text).expect("a receipt is JSON")
    }

    pub(super) fn installer(&self, version: &str) -> PathBuf {
        self.assets(version).join("mcp-mesh-installer.sh")
    }

    pub(super) fn run(&self) -> Run<'_> {
        Run {
            machine: self,
            shell: "sh",
            version: "4.0.0".to_owned(),
            arguments: Vec::new(),
            variables: vec![
                ("PATH".to_owned(), text(&self.folder.path().join("bin"))),
                ("HOME".to_owned(), text(&self.home())),
                ("TMPDIR".to_owned(), text(&self.folder.path().join("tmp"))),
                (
                    "MCP_MESH_INSTALLER_GHE_BASE_URL".to_owned(),
                    self.hub.base_url().to_owned(),
                ),
            ],
        }
    }

    /// What the binary in the default folder says when it runs.
    pub(super) fn says(&self, binary: &str) -> String {
        says(&self.default_bin().join(binary))
    }

    /// Checks that 4.0.0 is installed, whole and as it was.
    pub(super) fn assert_intact(&self) {
        for binary in BINARIES {
            assert!(self.says(binary).starts_with(&format!("{binary} 4.0.0 ")));
        }
        assert_eq!(self.receipt()["version"], "4.0.0");
        self.assert_tidy();
    }

    /// Checks that nothing was left over.
    pub(super) fn assert_tidy(&self) {
        let left = self.left_over();
        assert!(left.is_empty(), "left over: {left:?}");
    }

    /// What an installer made for itself and that is still there.
    pub(super) fn left_over(&self) -> Vec<PathBuf> {
        let temporary = self.folder.path().join("tmp");
        [
            temporary.clone(),
            self.default_bin(),
            self.home().join(".config/mcp-mesh"),
        ]
        .iter()
        .flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten())
        .filter(|entry| {
            entry.path().starts_with(&temporary) || entry.file_name().as_encoded_bytes()[0] == b'.'
        })
        .map(|entry| entry.path())
        .collect()
    }
}

impl Run<'_> {
    pub(super) fn shell(mut self, shell: &'static str) -> Self {
        self.shell = shell;
        self
    }

    /// Which release's installer runs.
    pub(super) fn version(mut self, version: &str) -> Self {
        version.clone_into(&mut self.version);
        self
    }

    pub(super) fn arg(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    pub(super) fn env(mut self, name: &str, value: impl AsRef<Path>) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), text(value.as_ref())));
        self
    }

    /// The installer, piped into the shell as its page says.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new("/bin/sh");
        command
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.machine.folder())
            .args([
                "-c",
                r#"shell=$1 installer=$2; shift 2; cat "$installer" | "$shell" -s -- "$@""#,
            ])
            .args(["sh", self.shell])
            .arg(self.machine.installer(&self.version))
            .args(&self.arguments);
        command
    }

    fn outcome(&self) -> Outcome {
        let outcome = transcript(&mut self.command());
        let folder = self.machine.folder();
        let known = [
            (text(&folder.join("home")), "[home]"),
            (text(&folder.join("tmp")), "[tmp]"),
            (text(folder), "[machine]"),
            (self.machine.hub.base_url().to_owned(), "[hub]"),
            (host().archive_stem(), "mcp-mesh-[host]"),
        ];
        let mut text = outcome;
        for (real, name) in known {
            text = text.replace(&real, name);
        }
        Outcome(text.lines().map(steady).collect())
    }

    pub(super) fn succeeds(&self) -> String {
        let Outcome(text) = self.outcome();
        assert!(text.starts_with("exit: 0\n"), "{text}");
        self.machine.assert_tidy();
        text
    }

    pub(super) fn fails(&self) -> String {
        let Outcome(text) = self.outcome();
        assert!(text.starts_with("exit: 1\n"), "{text}");
        self.machine.assert_tidy();
        text
    }
}

/// A line without names drawn by lot, and without the words of other programs, which differ between machines.
fn steady(line: &str) -> String {
    let mut line = line.to_owned();
    for start in ["[tmp]/tmp.", "/.mcp-mesh.", "/.receipt."] {
        if let Some(at) = line.find(start).map(|at| at + start.len()) {
            let end = line[at..]
                .find(|c: char| !c.is_ascii_alphanumeric())
                .map_or(line.len(), |end| at + end);
            line.replace_range(at..end, "X");
        }
    }
    let foreign = ["curl: ", "mkdir: ", "cp: ", "mv: ", "tar: ", "wget: "];
    match foreign.into_iter().find(|name| line.starts_with(name)) {
        Some(name) => format!("{name}…\n"),
        None => line + "\n",
    }
}

/// The target of the machine that runs the tests.
pub(super) fn host() -> Target {
    Target::host().expect("tests run where releases run")
}

pub(super) fn says(program: &Path) -> String {
    let output = Command::new(program)
        .output()
        .expect("it is installed and runs");
    String::from_utf8(output.stdout).expect("text")
}

fn text(path: &Path) -> String {
    path.to_str().expect("a UTF-8 path").to_owned()
}

fn write_program(path: &Path, script: &str) {
    fs::write(path, format!("#!/bin/sh\n{script}\n")).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a file of our own");
}

/// The installer as a release has it, with the checksums of `archives`.
fn hardened(project: &Project, archives: &Checksums) -> String {
    let recorded = sample::checksums().expect("the recorded installer has checksums");
    let mut text = sample::shell(project).expect("the recorded installer has a receipt");
    let mut all = Vec::new();
    for (name, old) in recorded.iter() {
        let new = archives.get(name).unwrap_or(old);
        text = text.replace(old, new);
        all.push((name.to_owned(), new.to_owned()));
    }
    harden_shell(&text, project, &all.into_iter().collect())
        .expect("the recorded installer is what dist writes")
}

fn archive(target: Target, version: &str, padding: &str) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for binary in BINARIES {
        let script = format!("#!/bin/sh\necho '{binary} {version} {target}'\nexit\n{padding}");
        let mut header = tar::Header::new_gnu();
        header.set_size(script.len() as u64);
        header.set_mode(0o755);
        let path = format!("{}/{binary}", target.archive_stem());
        tar.append_data(&mut header, path, script.as_bytes())
            .expect("memory");
    }
    tar.into_inner()
        .and_then(GzEncoder::finish)
        .expect("memory")
}
