//! A hub with signed releases, and an installation of an older one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use mesh_core::Hint as _;
use mesh_core::env::{EnvVars, Environment};
use mesh_test::Hub;
use meshctl::self_update::{
    Event, INSTALLER, Outcome, Program, ReleaseKey, UpdateError, Updater, archive_name,
};
use minisign::KeyPair;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

/// The installer as cargo-dist wrote it, for a release that was packed from lies.
const DIST_INSTALLER: &str = include_str!("../../../../xtask/tests/recorded/mcp-mesh-installer.sh");
/// The release that is installed at first.
pub(super) const OLD: &str = "1.0.0";
/// The release that tests update to.
pub(super) const NEW: &str = "1.1.0";
const PROGRAMS: [&str; 2] = ["meshctl", "mcp-mesh-registry"];

/// A hub, a key, and a home in which [`OLD`] is installed.
pub(super) struct Stand {
    pub(super) hub: Hub,
    pub(super) updater: Updater,
    keys: KeyPair,
    home: TempDir,
}

impl Stand {
    pub(super) fn new() -> Self {
        let home = TempDir::with_prefix("self-update-").expect("the temporary folder is writable");
        let hub = Hub::start(home.path().join("hub"));
        let keys = KeyPair::generate_unencrypted_keypair().expect("there is randomness");
        let environment = [
            ("HOME", home.path().display().to_string()),
            (
                "XDG_CONFIG_HOME",
                home.path().join("config").display().to_string(),
            ),
            (
                EnvVars::MCP_MESH_INSTALLER_GHE_BASE_URL,
                hub.base_url().to_owned(),
            ),
        ];
        let bin = home.path().join("bin");
        let updater = Updater {
            program: Program {
                path: canonical(home.path()).join("bin/meshctl"),
                called_as: None,
                version: version(OLD),
            },
            environment: environment.into_iter().collect(),
            key: Some(ReleaseKey::parse(&keys.pk.to_base64()).expect("a key")),
            lock_file: home.path().join("state/lock"),
        };
        let stand = Self {
            hub,
            updater,
            keys,
            home,
        };
        fs::create_dir_all(&bin).expect("the home is writable");
        for name in PROGRAMS {
            write_program(&bin.join(name), &says(name, OLD));
        }
        stand.write_receipt(&bin, &PROGRAMS);
        stand
    }

    /// The folder of the installation.
    pub(super) fn bin(&self) -> PathBuf {
        self.home.path().join("bin")
    }

    pub(super) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(super) fn receipt(&self) -> PathBuf {
        self.home().join("config/mcp-mesh/mcp-mesh-receipt.json")
    }

    /// Replaces the receipt by one for the programs `binaries` in `prefix`.
    pub(super) fn write_receipt(&self, prefix: &Path, binaries: &[&str]) {
        let folder = self.receipt();
        let folder = folder.parent().expect("it is in a folder");
        fs::create_dir_all(folder).expect("the home is writable");
        let receipt = serde_json::json!({
            "install_prefix": prefix,
            "install_layout": "flat",
            "binaries": binaries,
            "source": {"release_type": "github", "owner": "acme", "name": "mesh", "app_name": "mcp-mesh"},
            "version": OLD,
            "provider": {"source": "cargo-dist", "version": "0.34.0"},
            "modify_path": true,
        });
        fs::write(self.receipt(), receipt.to_string()).expect("the home is writable");
    }

    /// Replaces a variable of the environment.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        let environment: Environment = self.updater.environment.clone();
        self.updater.environment = environment.overlaid([(name, value)]);
    }

    /// The folder of a release's files on the hub.
    pub(super) fn assets(&self, version: &str) -> PathBuf {
        self.hub.root().join(format!("releases/v{version}"))
    }

    /// Publishes a release with dist's installer.
    pub(super) fn publish(&self, version: &str) {
        self.pack(version, |name| says(name, version));
        let installer = self.dist_installer(version);
        self.publish_installer(version, &installer);
    }

    /// Packs the archive of a release; `content` is what its programs consist of.
    pub(super) fn pack(&self, version: &str, content: impl Fn(&str) -> String) {
        let archive = archive();
        let stem = archive.trim_end_matches(".tar.gz");
        let work = TempDir::new_in(self.home()).expect("the home is writable");
        let folder = work.path().join(stem);
        fs::create_dir(&folder).expect("the home is writable");
        for name in PROGRAMS {
            write_program(&folder.join(name), &content(name));
        }
        fs::create_dir_all(self.assets(version)).expect("the home is writable");
        let status = Command::new("tar")
            .arg("-czf")
            .arg(self.assets(version).join(&archive))
            .arg("-C")
            .arg(work.path())
            .arg(stem)
            .status();
        assert!(status.expect("there is tar").success());
    }

    /// Adds this installer to a release that is packed, and signs the release.
    pub(super) fn publish_installer(&self, version: &str, installer: &str) {
        fs::write(self.assets(version).join(INSTALLER), installer).expect("the home is writable");
        self.list(version);
        self.sign(version, &format!("mcp-mesh v{version}"));
    }

    /// Writes the list of checksums of what is there.
    pub(super) fn list(&self, version: &str) {
        let folder = self.assets(version);
        let lines: Vec<_> = [archive().as_str(), INSTALLER]
            .into_iter()
            .filter(|name| folder.join(name).is_file())
            .map(|name| format!("{} *{name}\n", sha256(&folder.join(name))))
            .collect();
        fs::write(folder.join("SHA256SUMS"), lines.concat()).expect("the home is writable");
    }

    /// Signs the list of checksums.
    pub(super) fn sign(&self, version: &str, comment: &str) {
        self.sign_with(&self.keys, version, comment);
    }

    pub(super) fn sign_with(&self, keys: &KeyPair, version: &str, comment: &str) {
        let folder = self.assets(version);
        let sums = fs::read(folder.join("SHA256SUMS")).expect("it was listed before");
        let signature = minisign::sign(None, &keys.sk, sums.as_slice(), Some(comment), None)
            .expect("the key is not encrypted");
        fs::write(folder.join("SHA256SUMS.minisig"), signature.into_string())
            .expect("the home is writable");
    }

    /// dist's installer for the archive that is packed.
    fn dist_installer(&self, version: &str) -> String {
        let archive = archive();
        let recorded = DIST_INSTALLER
            .split_once("APP_VERSION=\"")
            .and_then(|(_, rest)| rest.split_once('"'))
            .map(|(version, _)| version)
            .expect("it has a version");
        let installer = DIST_INSTALLER.replace(recorded, version);
        let (head, tail) = installer
            .split_once(&format!("\"{archive}\")"))
            .expect("it knows this machine's archive");
        let (between, tail) = tail
            .split_once("_checksum_value=\"")
            .expect("it has checksums");
        let (_, tail) = tail.split_once('"').expect("it is quoted");
        let hash = sha256(&self.assets(version).join(&archive));
        format!("{head}\"{archive}\"){between}_checksum_value=\"{hash}\"{tail}")
    }

    /// Updates to `request`, which is a version or `latest`.
    pub(super) fn update(&self, request: &str) -> Result<Outcome, UpdateError> {
        self.update_and_report(request).0
    }

    /// The same with what was reported meanwhile.
    pub(super) fn update_and_report(
        &self,
        request: &str,
    ) -> (Result<Outcome, UpdateError>, Vec<Event>) {
        let request = match request {
            "latest" => mesh_client::releases::VersionRequest::Latest,
            request => request.parse().expect("a version"),
        };
        let mut events = Vec::new();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let outcome = runtime.block_on(
            self.updater
                .update(&request, &mut |event| events.push(event)),
        );
        (outcome, events)
    }

    /// What an update to `request` fails with: details, message and hint. The installation must be
    /// what it was, and nothing may lie about.
    pub(super) fn failure(&self, request: &str) -> String {
        let before = self.snapshot();
        let error = self.update(request).expect_err("the update must fail");
        assert_eq!(self.snapshot(), before, "{error}");
        let mut lines = error.details().to_vec();
        lines.push(mesh_client::describe(&error));
        lines.extend(error.hint().map(|hint| format!("Hint: {hint}")));
        self.filtered(&lines.join("\n"))
    }

    /// `text` without what differs from run to run.
    pub(super) fn filtered(&self, text: &str) -> String {
        let text = text
            .replace(&canonical(self.home()).display().to_string(), "[HOME]")
            .replace(&self.home().display().to_string(), "[HOME]")
            .replace(self.hub.base_url(), "[HUB]")
            .replace(env!("CARGO_PKG_REPOSITORY"), "[REPOSITORY]")
            .replace(
                env!("CARGO_PKG_REPOSITORY").trim_start_matches("https://github.com/"),
                "[OWNER]/[NAME]",
            )
            .replace(&archive(), "[ARCHIVE]");
        hide_hashes(&text)
    }

    /// Every file of the installation and of its settings, with its content.
    fn snapshot(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        for folder in [self.bin(), self.home().join("config")] {
            collect(&folder, &mut files);
        }
        files.sort();
        files
    }
}

fn collect(folder: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            // The folder itself, too: an empty one is left over as well.
            files.push((path.clone(), Vec::new()));
            collect(&path, files);
        } else {
            files.push((path.clone(), fs::read(&path).expect("our own file")));
        }
    }
}

/// A program that says its version.
pub(super) fn says(name: &str, version: &str) -> String {
    let text = match name {
        "meshctl" => "meshctl version",
        _ => "MCP Mesh Registry",
    };
    format!("#!/bin/sh\necho '{text} {version}'\n")
}

/// What the programs in a folder consist of, in order.
pub(super) fn contents(folder: &Path) -> [String; 2] {
    PROGRAMS.map(|name| fs::read_to_string(folder.join(name)).expect("it is installed"))
}

/// The archive for this machine.
pub(super) fn archive() -> String {
    archive_name().expect("releases are built for this machine")
}

pub(super) fn version(text: &str) -> semver::Version {
    text.parse().expect("a version")
}

fn write_program(path: &Path, content: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(path, content).expect("the home is writable");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("the file is ours");
}

fn sha256(path: &Path) -> String {
    format!("{:x}", Sha256::digest(fs::read(path).expect("it is there")))
}

fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().expect("it is there")
}

fn hide_hashes(text: &str) -> String {
    let is_hash =
        |word: &str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut hidden = String::new();
    for word in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let bare = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        hidden += &if is_hash(bare) {
            word.replace(bare, "[HASH]")
        } else {
            word.to_owned()
        };
    }
    hidden
}
