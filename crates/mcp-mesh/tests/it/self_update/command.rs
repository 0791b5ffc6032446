//! The command as users have it: a build without a key, in the places where package managers put it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use mesh_core::env::EnvVars;
use mesh_test::{Hub, Programs, TestContext, assert_matches_schema, mesh_snapshot};
use tempfile::TempDir;

use crate::schemas::schema;

/// meshctl at a path of its own.
struct Place {
    context: TestContext,
    folder: TempDir,
    meshctl: PathBuf,
}

impl Place {
    /// Puts the program at `path` below a folder of its own.
    fn at(path: &str) -> Self {
        let folder =
            TempDir::with_prefix("self-update-").expect("the temporary folder is writable");
        let built = Path::new(env!("CARGO_BIN_EXE_meshctl"));
        let meshctl = folder.path().join(path);
        fs::create_dir_all(meshctl.parent().expect("it is in a folder"))
            .expect("the folder is writable");
        // A link is the same file, which costs nothing; not every folder can have one.
        fs::hard_link(built, &meshctl)
            .or_else(|_| fs::copy(built, &meshctl).map(drop))
            .expect("the folder is writable");
        let context = TestContext::new(Programs {
            meshctl: meshctl.clone(),
            registry: env!("CARGO_BIN_EXE_mcp-mesh-registry").into(),
        });
        Self {
            context,
            folder,
            meshctl,
        }
    }

    fn with_receipt(self, prefix: &Path) -> Self {
        let receipt = serde_json::json!({
            "install_prefix": prefix,
            "binaries": ["meshctl", "mcp-mesh-registry"],
        });
        let path = ".config/mcp-mesh/mcp-mesh-receipt.json";
        let written = self.context.write(path, &receipt.to_string());
        assert!(written.is_file());
        self
    }

    fn prefix(&self) -> PathBuf {
        self.meshctl.parent().expect("it is in a folder").to_owned()
    }

    fn update(&self, arguments: &[&str]) -> Command {
        let mut command = self.context.meshctl();
        command.args(["self", "update"]).args(arguments);
        command
    }

    fn filters(&self) -> Vec<(String, String)> {
        let mut filters = vec![
            (
                regex_of(&self.folder.path().display().to_string()),
                "[PLACE]".to_owned(),
            ),
            (
                regex_of(env!("CARGO_PKG_REPOSITORY")),
                "[REPOSITORY]".to_owned(),
            ),
        ];
        filters.extend(self.context.filters());
        filters
    }
}

fn regex_of(text: &str) -> String {
    text.replace('.', r"\.")
}

#[test]
fn our_own_installation_needs_a_key() {
    let place = Place::at("bin/meshctl");
    let prefix = place.prefix();
    let place = place.with_receipt(&prefix);
    mesh_snapshot!(place, place.update(&[]), @r"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    Error: this build knows no release key, so it cannot verify an update
    Hint: upgrade with `curl -LsSf [REPOSITORY]/releases/latest/download/mcp-mesh-installer.sh | MCP_MESH_INSTALL_DIR='[PLACE]/bin' sh`
    ");
}

#[test]
fn package_managers_upgrade_what_they_installed() {
    let brew = Place::at("Cellar/mcp-mesh/4.0.0/bin/meshctl");
    mesh_snapshot!(brew, brew.update(&[]), @r"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    Error: this meshctl was installed with Homebrew, so it is not replaced here
    Hint: upgrade it with `brew upgrade mcp-mesh`
    ");
    let scoop = Place::at("scoop/apps/mcp-mesh/4.0.0/meshctl");
    mesh_snapshot!(scoop, scoop.update(&["--version", "4.1"]), @r"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    Error: this meshctl was installed with Scoop, so it is not replaced here
    Hint: upgrade it with `scoop update mcp-mesh`
    ");
    let pip = Place::at("venv/bin/meshctl");
    fs::write(pip.folder.path().join("venv/pyvenv.cfg"), "").unwrap();
    mesh_snapshot!(pip, pip.update(&["-q"]), @r"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    Error: this meshctl was installed as a Python package, so it is not replaced here
    Hint: run `pip install --upgrade mcp-mesh` in the environment `[PLACE]/venv`
    ");
}

#[test]
fn who_has_no_home_is_answered_too() {
    let brew = Place::at("Cellar/mcp-mesh/4.0.0/bin/meshctl");
    let mut command = brew.update(&[]);
    command
        .env_remove(EnvVars::MCP_MESH_HOME)
        .env("HOME", "nowhere");
    mesh_snapshot!(brew, command, @r"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    Error: this meshctl was installed with Homebrew, so it is not replaced here
    Hint: upgrade it with `brew upgrade mcp-mesh`
    ");
}

#[test]
fn an_unpacked_archive_gets_the_installer() {
    let place = Place::at("tools/meshctl");
    mesh_snapshot!(place, place.update(&[]), @r"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    Error: `[PLACE]/tools/meshctl` was installed without the installer, so it is not replaced here
    Hint: upgrade it with `curl -LsSf [REPOSITORY]/releases/latest/download/mcp-mesh-installer.sh | MCP_MESH_INSTALL_DIR='[PLACE]/tools' sh`
    ");
    let elsewhere = place.folder.path().join("elsewhere");
    let place = place.with_receipt(&elsewhere);
    mesh_snapshot!(place, place.update(&[]), @r"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    Error: the receipt `[HOME]/.config/mcp-mesh/mcp-mesh-receipt.json` is for the installation in `[PLACE]/elsewhere`, but this program is `[PLACE]/tools/meshctl`
    Hint: update that one with `[PLACE]/elsewhere/meshctl self update`, this one with `curl -LsSf [REPOSITORY]/releases/latest/download/mcp-mesh-installer.sh | MCP_MESH_INSTALL_DIR='[PLACE]/tools' sh`
    ");
}

#[test]
fn a_receipt_that_cannot_be_read_is_named() {
    let place = Place::at("bin/meshctl");
    let path = ".config/mcp-mesh/mcp-mesh-receipt.json";
    assert!(place.context.write(path, "<html>").is_file());
    mesh_snapshot!(place, place.update(&[]), @r"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    Error: cannot read the receipt `[HOME]/.config/mcp-mesh/mcp-mesh-receipt.json`: expected value at line 1 column 1
    Hint: run the installer again; it replaces `[HOME]/.config/mcp-mesh/mcp-mesh-receipt.json`
    ");
}

#[test]
fn a_check_changes_nothing_and_says_what_there_is() {
    let place = Place::at("Cellar/mcp-mesh/4.0.0/bin/meshctl");
    let hub = Hub::start(place.folder.path().join("hub"));
    let check = |arguments: &[&str]| {
        let mut command = place.update(arguments);
        command.env(EnvVars::MCP_MESH_INSTALLER_GHE_BASE_URL, hub.base_url());
        command
    };
    let release = |version: &str| {
        fs::create_dir_all(hub.root().join("releases").join(format!("v{version}"))).unwrap();
    };
    release(mesh_core::VERSION);
    mesh_snapshot!(place, check(&["--check"]), @r"
    exit: 0
    ----- stdout -----
    meshctl [VERSION] is the newest
    ----- stderr -----
    ");
    release("99.1.0");
    mesh_snapshot!(place, check(&["--check"]), @r"
    exit: 0
    ----- stdout -----
    meshctl 99.1.0 is available; this is [VERSION]
    ----- stderr -----
    Upgrade with `brew upgrade mcp-mesh`
    ");
    let output = check(&["--check", "--json"]).output().unwrap();
    assert_matches_schema(
        &schema("self-update-check"),
        &serde_json::from_slice(&output.stdout).unwrap(),
    );
    mesh_snapshot!(place, check(&["--check", "--json"]), @r#"
    exit: 0
    ----- stdout -----
    {
      "current": "[VERSION]",
      "latest": "99.1.0",
      "update_available": true,
      "installed_by": "homebrew",
      "upgrade_command": "brew upgrade mcp-mesh"
    }
    ----- stderr -----
    "#);
    assert!(
        hub.requests()
            .iter()
            .all(|request| request.path.ends_with("/releases/latest"))
    );
}

#[test]
fn what_cannot_be_asked_together_is_refused() {
    let place = Place::at("bin/meshctl");
    mesh_snapshot!(place, place.update(&["--check", "--version", "4.1.0"]), @r"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    Error: the argument '--check' cannot be used with '--version <VERSION>'

    Usage: meshctl self update --check

    For more information, try '--help'.
    ");
    mesh_snapshot!(place, place.update(&["--json"]), @r"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    Error: the following required arguments were not provided:
      --check

    Usage: meshctl self update --check --json

    For more information, try '--help'.
    ");
    mesh_snapshot!(place, place.update(&["--version", "newest"]), @r"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    Error: invalid value 'newest' for '--version <VERSION>': `newest` is no version; write `4.1.0`, `4.1` or `4`

    For more information, try '--help'.
    ");
}
