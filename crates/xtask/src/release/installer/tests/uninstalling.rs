//! `--uninstall`: everything that an installation brought goes, and nothing else.

use std::fs;

use insta::{allow_duplicates, assert_snapshot};

use super::machine::Machine;

#[test]
fn an_installation_leaves_no_trace() {
    for shell in ["sh", "bash"] {
        let machine = Machine::new();
        let profile = machine.home().join(".profile");
        let zsh = machine.home().join(".zshrc");
        let before = "# first\n\n\nexport A=1\n\n# last\n";
        fs::write(&profile, before).unwrap();
        fs::create_dir_all(machine.home().join(".mcp-mesh")).unwrap();
        machine.run().succeeds();
        fs::write(&zsh, fs::read_to_string(&zsh).unwrap() + "# after\n").unwrap();

        // What removes needs nothing that installs.
        let machine = machine.without("curl").without("sha256sum");
        let printed = machine.run().shell(shell).arg("--uninstall").succeeds();
        allow_duplicates! { assert_snapshot!(printed, @r"
        exit: 0
        ----- stdout -----
        removed [home]/.local/bin/mcp-mesh-registry
        removed [home]/.local/bin/meshctl
        removed a line from [home]/.profile
        removed a line from [home]/.zshrc
        mcp-mesh is uninstalled; agents' state and logs in ~/.mcp-mesh stay
        ----- stderr -----
        "); }
        assert_eq!(fs::read_to_string(&profile).unwrap(), before);
        assert_eq!(fs::read_to_string(&zsh).unwrap(), "# after\n");
        assert_eq!(fs::read_dir(machine.default_bin()).unwrap().count(), 0);
        assert!(!machine.home().join(".config/mcp-mesh").exists());
        assert!(
            !machine
                .home()
                .join(".config/fish/conf.d/mcp-mesh.env.fish")
                .exists()
        );
        assert!(machine.home().join(".mcp-mesh").exists());
    }
}

#[test]
fn neighbours_stay() {
    let machine = Machine::new();
    machine.run().arg("--meshctl-only").succeeds();
    let neighbour = machine.default_bin().join("mcp-mesh-registry");
    fs::write(&neighbour, "somebody else's").unwrap();
    let config = machine.home().join(".config/mcp-mesh/mine");
    fs::write(&config, "").unwrap();
    machine.run().arg("--uninstall").succeeds();
    assert!(!machine.default_bin().join("meshctl").exists());
    assert!(neighbour.exists());
    assert!(config.exists());
}

#[test]
fn profiles_stay_when_asked() {
    let machine = Machine::new();
    machine.run().succeeds();
    let profile = machine.home().join(".profile");
    let before = fs::read_to_string(&profile).unwrap();
    machine
        .run()
        .arg("--uninstall")
        .arg("--no-modify-path")
        .succeeds();
    assert_eq!(fs::read_to_string(&profile).unwrap(), before);
    assert!(!machine.receipt_path().exists());
}

#[test]
fn what_was_to_be_installed_does_not_keep_anything_here() {
    let machine = Machine::new();
    machine.run().succeeds();
    machine
        .run()
        .env("MCP_MESH_INSTALL_ONLY", "meshctl")
        .arg("--uninstall")
        .succeeds();
    assert_eq!(fs::read_dir(machine.default_bin()).unwrap().count(), 0);
}

#[test]
fn another_installation_is_removed_by_its_folder() {
    let machine = Machine::new();
    machine.run().succeeds();
    let folder = machine.folder().join("other");
    machine
        .run()
        .env("MCP_MESH_UNMANAGED_INSTALL", &folder)
        .succeeds();
    machine
        .run()
        .env("MCP_MESH_INSTALL_DIR", &folder)
        .arg("--uninstall")
        .succeeds();
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    machine.assert_intact();
}

#[test]
fn nothing_to_remove_is_said() {
    let machine = Machine::new();
    assert_snapshot!(machine.run().arg("--uninstall").fails(), @r"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    ERROR: there is no receipt at [home]/.config/mcp-mesh/mcp-mesh-receipt.json, so no installation to remove. If mcp-mesh was installed without one, set MCP_MESH_INSTALL_DIR to the folder of meshctl; if by a package manager, remove it with that.
    ");
    let printed = machine
        .run()
        .arg("--uninstall")
        .arg("--meshctl-only")
        .fails();
    assert!(
        printed.contains("--uninstall removes everything"),
        "{printed}"
    );
}
