//! `--version`: one release, the newest of a line, or none.

use std::fs;

use insta::{allow_duplicates, assert_snapshot};
use mesh_test::Fault;

use super::machine::Machine;

/// A machine with releases of three lines, and prereleases.
fn machine() -> Machine {
    let mut machine = Machine::new();
    for version in ["4.0.2", "4.0.10", "4.1.0-rc.1", "5.0.0-rc.1", "3.9.9"] {
        machine = machine.release(version, "");
    }
    machine
}

fn paths(machine: &Machine) -> Vec<String> {
    machine
        .hub
        .requests()
        .into_iter()
        .map(|request| request.path)
        .collect()
}

#[test]
fn a_version_is_exact_or_the_newest_stable_of_its_line() {
    for (wanted, installed) in [
        ("4.0.2", "4.0.2"),
        ("v4.0.2", "4.0.2"),
        ("4.0", "4.0.10"),
        ("v4", "4.0.10"),
        ("3", "3.9.9"),
        ("4.1.0-rc.1", "4.1.0-rc.1"),
        ("4.0.0", "4.0.0"),
    ] {
        let machine = machine();
        machine.run().arg("--version").arg(wanted).succeeds();
        assert!(
            machine
                .says("meshctl")
                .starts_with(&format!("meshctl {installed} ")),
            "{wanted}"
        );
        assert_eq!(machine.receipt()["version"], installed);
        let asked_api = paths(&machine).iter().any(|path| path.starts_with("/api/"));
        assert_eq!(
            asked_api,
            !wanted.contains('.') || wanted == "4.0",
            "{wanted}"
        );
    }
}

#[test]
fn the_other_installer_gets_the_same_arguments() {
    for shell in ["sh", "bash"] {
        let machine = machine();
        let printed = machine
            .run()
            .shell(shell)
            .arg("--version=4.0.2")
            .arg("--meshctl-only")
            .arg("--no-modify-path")
            .succeeds();
        allow_duplicates! { assert_snapshot!(printed, @r"
        exit: 0
        ----- stdout -----
        handing over to the installer of mcp-mesh 4.0.2
        downloading mcp-mesh 4.0.2 from [hub]/dhyansraj/mcp-mesh/releases/download/v4.0.2/mcp-mesh-[host].tar.gz
        installing to [home]/.local/bin
          meshctl
        run 'meshctl --help' to start; 'meshctl self update' upgrades
        ----- stderr -----
        "); }
        assert_eq!(
            machine.receipt()["binaries"],
            serde_json::json!(["meshctl"])
        );
        assert_eq!(machine.receipt()["modify_path"], false);
        assert_eq!(paths(&machine).len(), 3, "{:?}", paths(&machine));
    }
}

#[test]
fn the_newest_of_a_line_may_be_this_one() {
    let machine = machine();
    machine
        .run()
        .version("4.0.10")
        .arg("--version")
        .arg("4.0")
        .succeeds();
    assert!(machine.says("meshctl").starts_with("meshctl 4.0.10 "));
    assert_eq!(paths(&machine).len(), 2, "{:?}", paths(&machine));
}

#[test]
fn lines_are_found_on_later_pages() {
    let machine = machine();
    for patch in 0..110 {
        fs::create_dir_all(machine.assets(&format!("9.0.{patch}"))).unwrap();
    }
    machine.run().arg("--version").arg("3").succeeds();
    assert!(machine.says("meshctl").starts_with("meshctl 3.9.9 "));
}

#[test]
fn a_version_that_does_not_exist_is_named_with_those_that_do() {
    let machine = machine();
    machine.run().succeeds();
    assert_snapshot!(machine.run().arg("--version").arg("4.0.7").fails(), @r"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    ERROR: there is no release 4.0.7 at [hub]/dhyansraj/mcp-mesh/releases. There are: 5.0.0-rc.1 4.1.0-rc.1 4.0.10 4.0.2 4.0.0 3.9.9
    ");
    assert_snapshot!(machine.run().arg("--version").arg("5").fails(), @r"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    ERROR: there is no release 5 at [hub]/dhyansraj/mcp-mesh/releases. There are: 5.0.0-rc.1 4.1.0-rc.1 4.0.10 4.0.2 4.0.0 3.9.9
    ");
    machine.assert_intact();
}

#[test]
fn what_is_no_version_is_refused() {
    let machine = Machine::new();
    for wanted in ["latest", "", "4..0", "4.", "../evil", "4.0.0;id", "4 0"] {
        let printed = machine.run().arg("--version").arg(wanted).fails();
        assert!(
            printed.contains(&format!("'{wanted}' is no version; write --version 4,")),
            "{printed}"
        );
    }
    let printed = machine.run().arg("--version").fails();
    assert!(printed.contains("--version needs a version"), "{printed}");
    assert_eq!(machine.hub.requests(), []);
}

#[test]
fn a_mirror_decides_the_version() {
    let machine = machine();
    let mirror = format!("{}/mirror", machine.hub.base_url());
    let printed = machine
        .run()
        .env("MCP_MESH_DOWNLOAD_URL", &mirror)
        .arg("--version")
        .arg("4.0.2")
        .fails();
    assert_snapshot!(printed, @r"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    ERROR: the folder of MCP_MESH_DOWNLOAD_URL decides the version, and this installer's is 4.0.0. To get 4.0.2, leave --version out and run the installer of that release with that release's folder, or unset MCP_MESH_DOWNLOAD_URL.
    ");
    assert_eq!(machine.hub.requests(), []);
}

#[test]
fn a_tampered_installer_is_not_run() {
    let machine = machine();
    let installer = machine.installer("4.0.2");
    let marker = machine.folder().join("owned");
    fs::write(
        &installer,
        format!("#!/bin/sh\ntouch {}\n", marker.display()),
    )
    .unwrap();
    let printed = machine.run().arg("--version").arg("4.0.2").fails();
    assert!(printed.contains("checksum mismatch: [hub]/"), "{printed}");
    assert!(!marker.exists());
}

#[test]
fn an_installer_without_a_checksum_is_not_run() {
    let machine = machine();
    let sums = machine.assets("4.0.2").join("SHA256SUMS");
    for text in ["", "<html>login</html>\n", "0000 *mcp-mesh-installer.sh\n"] {
        fs::write(&sums, text).unwrap();
        let printed = machine.run().arg("--version").arg("4.0.2").fails();
        assert!(
            printed.contains("has no checksum of mcp-mesh-installer.sh"),
            "{printed}"
        );
    }
    machine.hub.spoil("SHA256SUMS", Fault::Truncated);
    machine.sum_up("4.0.2");
    let printed = machine.run().arg("--version").arg("4.0.2").fails();
    assert!(
        printed.contains(
            "failed to download [hub]/dhyansraj/mcp-mesh/releases/download/v4.0.2/SHA256SUMS"
        ),
        "{printed}"
    );
}

#[test]
fn texts_of_releases_name_no_versions() {
    let machine = machine();
    let facts = machine.folder().join("hub/published");
    fs::create_dir_all(&facts).unwrap();
    let body =
        r#"evil, "tag_name": "v4.0.99", "draft": false, {"tag_name":"v4.0.98","draft":false}"#;
    let text = serde_json::json!({"id": 7, "tag_name": "v4.0.10", "name": body, "body": body});
    fs::write(facts.join("v4.0.10.json"), text.to_string()).unwrap();
    machine.run().arg("--version").arg("4.0").succeeds();
    assert!(machine.says("meshctl").starts_with("meshctl 4.0.10 "));
}
