//! Homes, folders and profiles that are not as usual.

use std::fs;
use std::path::Path;
use std::process::Command;

use insta::assert_snapshot;
use serde_json::json;

use super::machine::{Machine, says};

/// The PATH that the profile of `machine` makes.
fn path_of(machine: &Machine) -> String {
    let output = Command::new("/bin/sh")
        .env_clear()
        .envs([
            ("HOME", machine.home()),
            ("PATH", Path::new("/bin").to_owned()),
        ])
        .args(["-c", r#". "$HOME/.profile"; printf %s "$PATH""#])
        .output()
        .expect("a shell");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn zsh_installs_as_well() {
    let machine = Machine::new().with("zsh");
    machine.run().shell("zsh").succeeds();
    machine.assert_intact();
    machine.run().shell("zsh").arg("--uninstall").succeeds();
    assert!(!machine.default_bin().join("meshctl").exists());
}

#[test]
fn a_relative_folder_is_one_folder_from_everywhere() {
    for variable in ["MCP_MESH_INSTALL_DIR", "XDG_BIN_HOME"] {
        let machine = Machine::new();
        machine.run().env(variable, "./tools//").succeeds();
        // The folder that the installer runs in.
        let folder = machine.folder().canonicalize().unwrap().join("tools");
        assert!(says(&folder.join("meshctl")).starts_with("meshctl 4.0.0 "));
        assert_eq!(machine.receipt()["install_prefix"], json!(folder));
        assert_eq!(path_of(&machine), format!("{}:/bin", folder.display()));
    }
}

#[test]
fn what_a_shell_would_expand_stays_what_it_is_on_path() {
    let machine = Machine::new();
    let folder = machine.folder().join("a$HOME`false`\"b\\c");
    machine.run().env("XDG_BIN_HOME", &folder).succeeds();
    assert_eq!(path_of(&machine), format!("{}:/bin", folder.display()));
}

#[test]
fn path_follows_the_installation_and_the_old_one_is_named() {
    let machine = Machine::new();
    machine.run().succeeds();
    let folder = machine.home().join("tools");
    let printed = machine
        .run()
        .env("MCP_MESH_INSTALL_DIR", &folder)
        .arg("--quiet")
        .succeeds();
    assert_snapshot!(printed, @r"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    WARN: the installation in [home]/.local/bin stays, and updates are for [home]/tools from now on; to remove the old one, run this with --uninstall and MCP_MESH_INSTALL_DIR set to its folder
    ");
    assert_eq!(path_of(&machine), format!("{}:/bin", folder.display()));

    fs::remove_dir_all(&folder).unwrap();
    let printed = machine.run().arg("--quiet").succeeds();
    assert_snapshot!(printed, @r"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    ");
}

#[test]
fn a_profile_that_cannot_be_written_is_named_with_its_line() {
    let machine = Machine::new();
    // Nobody can write into that, the superuser included.
    fs::create_dir(machine.home().join(".profile")).unwrap();
    let printed = machine.run().arg("--quiet").succeeds();
    assert_snapshot!(printed, @r#"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    WARN: cannot write [home]/.profile; add this line to it yourself: . "$HOME/.config/mcp-mesh/env.sh"
    "#);
    machine.assert_intact();
    assert!(machine.home().join(".zshrc").exists());
}

#[test]
fn a_configuration_that_cannot_be_written_is_no_reason_to_fail_without_a_receipt() {
    let machine = Machine::new();
    fs::write(machine.home().join(".config"), "").unwrap();
    let printed = machine
        .run()
        .env("MCP_MESH_DISABLE_UPDATE", "1")
        .arg("--quiet")
        .succeeds();
    assert_snapshot!(printed, @r"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    WARN: cannot write [home]/.config/mcp-mesh/env.sh; put [home]/.local/bin on your PATH yourself
    WARN: cannot write [home]/.config/mcp-mesh/env.fish; put [home]/.local/bin on your PATH yourself
    ");
    assert!(machine.says("meshctl").starts_with("meshctl 4.0.0 "));
}

#[test]
fn whoever_has_no_home_is_told() {
    let machine = Machine::new()
        .with("cut")
        .with_fake("getent", "exit 2")
        .with_fake("id", "echo nobody");
    let printed = machine.run().env("HOME", "").fails();
    assert_snapshot!(printed, @r"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    ERROR: there is no home folder to install into; set HOME, or MCP_MESH_INSTALL_DIR to a folder. Nothing was changed.
    ");
}

#[test]
fn a_folder_that_is_no_mirror_is_told_what_a_mirror_is() {
    let machine = Machine::new().release("4.1.0", "");
    let mirror = |url: String| machine.run().env("MCP_MESH_DOWNLOAD_URL", url).fails();
    assert_snapshot!(mirror("file:///nowhere".to_owned()), @r"
    exit: 1
    ----- stdout -----
    downloading mcp-mesh 4.0.0 from file:///nowhere/mcp-mesh-[host].tar.gz
    ----- stderr -----
    ERROR: failed to download file:///nowhere/mcp-mesh-[host].tar.gz
    cp: …
    The folder of MCP_MESH_DOWNLOAD_URL must have every file of the release, as file:///path/to/folder.
    Nothing was changed.
    ");
    assert_snapshot!(mirror("/nowhere".to_owned()), @r"
    exit: 1
    ----- stdout -----
    downloading mcp-mesh 4.0.0 from /nowhere/mcp-mesh-[host].tar.gz
    ----- stderr -----
    ERROR: failed to download /nowhere/mcp-mesh-[host].tar.gz
    curl: …
    MCP_MESH_DOWNLOAD_URL must be a URL: https://... or, for a folder, file:///path/to/folder.
    Nothing was changed.
    ");
    let other = format!("file://{}", machine.assets("4.1.0").display());
    let said = mirror(other);
    assert_snapshot!(said.lines().last().unwrap(), @"Nothing was changed. This installer is of mcp-mesh 4.0.0: the folder of MCP_MESH_DOWNLOAD_URL must hold that release.");
}

#[test]
fn a_reader_that_goes_away_leaves_nothing_behind() {
    let machine = Machine::new();
    let output = Command::new("/bin/sh")
        .env_clear()
        .envs([
            ("HOME", machine.home()),
            ("PATH", machine.folder().join("bin")),
            ("TMPDIR", machine.folder().join("tmp")),
        ])
        .env("MCP_MESH_INSTALLER_GHE_BASE_URL", machine.hub.base_url())
        .args(["-c", r#"{ sleep 1; sh "$0"; } | :"#])
        .arg(machine.installer("4.0.0"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(!machine.default_bin().join("meshctl").exists());
    machine.assert_tidy();
}
