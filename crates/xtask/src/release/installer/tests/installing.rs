//! What goes well.

use std::fs;

use insta::{allow_duplicates, assert_snapshot};
use serde_json::json;

use super::machine::{Machine, host, says};

#[test]
fn both_binaries_come_with_a_receipt() {
    for shell in ["sh", "bash"] {
        let machine = Machine::new();
        let printed = machine.run().shell(shell).succeeds();
        allow_duplicates! { assert_snapshot!(printed, @r#"
        exit: 0
        ----- stdout -----
        downloading mcp-mesh 4.0.0 from [hub]/dhyansraj/mcp-mesh/releases/download/v4.0.0/mcp-mesh-[host].tar.gz
        installing to [home]/.local/bin
          mcp-mesh-registry
          meshctl
        run 'meshctl --help' to start; 'meshctl self update' upgrades

        To add $HOME/.local/bin to your PATH, either restart your shell or run:

            . "$HOME/.config/mcp-mesh/env.sh" (sh, bash, zsh)
            source "$HOME/.config/mcp-mesh/env.fish" (fish)
        ----- stderr -----
        "#); }
        assert_eq!(
            machine.says("meshctl"),
            format!("meshctl 4.0.0 {}\n", host())
        );
        machine.assert_intact();
        assert_eq!(
            machine.receipt(),
            json!({
                "install_prefix": machine.default_bin(),
                "install_layout": "flat",
                "binaries": ["mcp-mesh-registry", "meshctl"],
                "cdylibs": [],
                "cstaticlibs": [],
                "source": {"release_type": "github", "owner": "dhyansraj", "name": "mcp-mesh", "app_name": "mcp-mesh"},
                "version": "4.0.0",
                "provider": {"source": "cargo-dist", "version": "0.34.0"},
                "binary_aliases": {},
                "modify_path": true,
            })
        );
    }
}

#[test]
fn a_newer_release_replaces_both() {
    let machine = Machine::new().release("4.1.0", "");
    machine.run().succeeds();
    machine.run().version("4.1.0").succeeds();
    assert!(machine.says("meshctl").starts_with("meshctl 4.1.0 "));
    assert!(
        machine
            .says("mcp-mesh-registry")
            .starts_with("mcp-mesh-registry 4.1.0 ")
    );
    assert_eq!(machine.receipt()["version"], "4.1.0");
}

#[test]
fn wget_does_where_there_is_no_curl() {
    let machine = Machine::new().without("curl").with("wget");
    machine.run().succeeds();
    machine.assert_intact();
}

#[test]
fn any_program_that_knows_sha_256_does() {
    for (program, also) in [("shasum", Some("perl")), ("openssl", None)] {
        for shell in ["sh", "bash"] {
            let mut machine = Machine::new().without("sha256sum").with(program);
            if let Some(also) = also {
                machine = machine.with(also);
            }
            machine.run().shell(shell).succeeds();
            machine.assert_intact();
        }
    }
}

#[test]
fn a_checksum_may_be_written_in_capitals() {
    let machine = Machine::new();
    let installer = machine.installer("4.0.0");
    let text = fs::read_to_string(&installer).unwrap();
    let capitals: Vec<_> = text
        .lines()
        .map(
            |line| match line.trim_start().strip_prefix("_checksum_value=") {
                Some(value) => format!("_checksum_value={}", value.to_uppercase()),
                None => line.to_owned(),
            },
        )
        .collect();
    fs::write(&installer, capitals.join("\n") + "\n").unwrap();
    machine.run().succeeds();
    machine.assert_intact();
}

#[test]
fn one_binary_alone_is_what_the_receipt_lists() {
    for (flag, variable, binary, other) in [
        ("--meshctl-only", "meshctl", "meshctl", "mcp-mesh-registry"),
        (
            "--registry-only",
            "registry",
            "mcp-mesh-registry",
            "meshctl",
        ),
    ] {
        for by_flag in [true, false] {
            let machine = Machine::new();
            if by_flag {
                machine.run().arg(flag).succeeds();
            } else {
                machine
                    .run()
                    .env("MCP_MESH_INSTALL_ONLY", variable)
                    .succeeds();
            }
            assert!(
                machine
                    .says(binary)
                    .starts_with(&format!("{binary} 4.0.0 "))
            );
            assert!(!machine.default_bin().join(other).exists());
            assert_eq!(machine.receipt()["binaries"], json!([binary]));
        }
    }
}

#[test]
fn the_other_binary_stays_and_stays_listed() {
    let machine = Machine::new().release("4.1.0", "");
    machine.run().arg("--registry-only").succeeds();
    machine
        .run()
        .version("4.1.0")
        .arg("--meshctl-only")
        .succeeds();
    assert!(machine.says("meshctl").starts_with("meshctl 4.1.0 "));
    assert!(
        machine
            .says("mcp-mesh-registry")
            .starts_with("mcp-mesh-registry 4.0.0 ")
    );
    assert_eq!(
        machine.receipt()["binaries"],
        json!(["meshctl", "mcp-mesh-registry"])
    );
}

#[test]
fn profiles_are_edited_unless_asked_not_to() {
    let machine = Machine::new();
    let profile = machine.home().join(".profile");
    fs::write(&profile, "# mine\n").unwrap();
    machine.run().arg("--no-modify-path").succeeds();
    machine.run().env("MCP_MESH_NO_MODIFY_PATH", "1").succeeds();
    machine
        .run()
        .env("INSTALLER_NO_MODIFY_PATH", "true")
        .succeeds();
    assert_eq!(fs::read_to_string(&profile).unwrap(), "# mine\n");
    assert!(!machine.home().join(".zshrc").exists());
    assert_eq!(machine.receipt()["modify_path"], false);

    machine.run().env("MCP_MESH_NO_MODIFY_PATH", "0").succeeds();
    assert_eq!(
        fs::read_to_string(&profile).unwrap(),
        "# mine\n\n. \"$HOME/.config/mcp-mesh/env.sh\"\n"
    );
    assert_eq!(machine.receipt()["modify_path"], true);
}

#[test]
fn the_script_of_another_program_stays_where_it_is() {
    let machine = Machine::new();
    machine.run().succeeds();
    // What dist took for its own, since other programs that it packs once wrote the same.
    let theirs = machine.default_bin().join("env");
    fs::copy(machine.home().join(".config/mcp-mesh/env.sh"), &theirs).unwrap();
    let profile = machine.home().join(".profile");
    fs::write(&profile, ". \"$HOME/.local/bin/env\"\n").unwrap();
    machine.run().arg("--no-modify-path").succeeds();
    assert!(theirs.exists());
    assert_eq!(
        fs::read_to_string(&profile).unwrap(),
        ". \"$HOME/.local/bin/env\"\n"
    );
}

#[test]
fn updates_can_be_left_to_others() {
    for (value, receipt) in [("1", false), ("true", false), ("0", true), ("", true)] {
        let machine = Machine::new();
        machine
            .run()
            .env("MCP_MESH_DISABLE_UPDATE", value)
            .succeeds();
        assert_eq!(
            machine.receipt_path().exists(),
            receipt,
            "MCP_MESH_DISABLE_UPDATE={value}"
        );
    }
}

#[test]
fn folders_are_where_the_environment_says() {
    let machine = Machine::new();
    let folder = machine.folder().join("a, \"b\" & c\\d");
    machine
        .run()
        .env("XDG_BIN_HOME", &folder)
        .env("MCP_MESH_HOME", machine.folder().join("state"))
        .succeeds();
    assert!(says(&folder.join("meshctl")).starts_with("meshctl 4.0.0 "));
    assert_eq!(machine.receipt()["install_prefix"], json!(folder));
    assert!(!machine.default_bin().exists());
    assert!(!machine.folder().join("state").exists());

    let unmanaged = machine.folder().join("unmanaged");
    fs::remove_file(machine.receipt_path()).unwrap();
    machine
        .run()
        .env("MCP_MESH_UNMANAGED_INSTALL", &unmanaged)
        .succeeds();
    assert!(says(&unmanaged.join("meshctl")).starts_with("meshctl 4.0.0 "));
    assert!(!machine.receipt_path().exists());
}

#[test]
fn a_mirror_may_be_a_folder() {
    // wget knows no file:// itself.
    for (downloader, name, written) in [
        ("curl", "a mirror", "a mirror"),
        ("wget", "a mirror", "a%20mirror"),
        ("wget", "50% höher", "50%25%20h%c3%B6her"),
    ] {
        let machine = Machine::new().without("curl").with(downloader);
        let archive = host().archive();
        let folder = machine.folder().join(name);
        fs::create_dir(&folder).unwrap();
        fs::copy(
            machine.assets("4.0.0").join(&archive),
            folder.join(&archive),
        )
        .unwrap();
        let url = format!("file://{}/{written}", machine.folder().display());
        machine.run().env("MCP_MESH_DOWNLOAD_URL", url).succeeds();
        machine.assert_intact();
        assert_eq!(machine.hub.requests(), []);
    }
}

#[test]
fn quiet_is_quiet() {
    let machine = Machine::new();
    let printed = machine.run().arg("--quiet").succeeds();
    assert_snapshot!(printed, @r"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    ");
}

#[test]
fn help_names_every_flag_and_variable() {
    let machine = Machine::new();
    let printed = machine.run().arg("--help").succeeds();
    for name in [
        "--version",
        "--meshctl-only",
        "--registry-only",
        "--no-modify-path",
        "--uninstall",
        "--quiet",
        "--verbose",
        "MCP_MESH_INSTALL_DIR",
        "MCP_MESH_UNMANAGED_INSTALL",
        "MCP_MESH_INSTALL_ONLY",
        "MCP_MESH_NO_MODIFY_PATH",
        "MCP_MESH_DISABLE_UPDATE",
        "MCP_MESH_DOWNLOAD_URL",
        "MCP_MESH_INSTALLER_GHE_BASE_URL",
        "MCP_MESH_INSTALLER_GITHUB_BASE_URL",
        "MCP_MESH_GITHUB_TOKEN",
        "HTTPS_PROXY",
    ] {
        assert!(printed.contains(name), "{name} is missing:\n{printed}");
    }
    assert_eq!(machine.hub.requests(), []);
}
