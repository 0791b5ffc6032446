//! What can go wrong without anybody's ill will. The old version works afterwards.

use std::fs;
use std::path::Path;

use mesh_core::env::EnvVars;
use mesh_test::{Fault, free_port};
use meshctl::self_update::Outcome;

use super::stand::{NEW, Stand, archive, contents, says};

#[test]
fn a_version_that_does_not_exist_is_named() {
    let stand = Stand::new();
    stand.publish(NEW);
    insta::assert_snapshot!(stand.failure("9.9.9"), @r"
    there is no release 9.9.9: `[HUB]/[OWNER]/[NAME]/releases/download/v9.9.9/SHA256SUMS` does not exist
    Hint: `[HUB]/[OWNER]/[NAME]/releases` lists what there is
    ");
    insta::assert_snapshot!(stand.failure("9.9"), @r"
    there is no release 9.9 at `[HUB]/[OWNER]/[NAME]/releases`
    Hint: `[HUB]/[OWNER]/[NAME]/releases` lists what there is
    ");
}

#[test]
fn before_the_first_release_there_is_none() {
    let stand = Stand::new();
    insta::assert_snapshot!(stand.failure("latest"), @r"
    there is no release at `[HUB]/[OWNER]/[NAME]/releases`
    Hint: open it in a browser; a server that `MCP_MESH_INSTALLER_GHE_BASE_URL` names must have the releases there
    ");
}

#[test]
fn a_download_that_breaks_off_is_no_download() {
    let stand = Stand::new();
    stand.publish(NEW);
    stand.hub.spoil(&archive(), Fault::Truncated);
    let message = stand.failure("latest");
    assert!(
        message.starts_with("the download of `[HUB]/[OWNER]/[NAME]/releases/download/v1.1.0/[ARCHIVE]` broke off after "),
        "{message}"
    );
    assert!(
        message.ends_with("Hint: try again; nothing was changed"),
        "{message}"
    );
    stand.hub.heal();
    assert!(matches!(
        stand.update("latest"),
        Ok(Outcome::Updated { .. })
    ));
}

#[test]
fn nobody_answers_without_a_network() {
    let mut stand = Stand::new();
    let nowhere = format!("http://127.0.0.1:{}", free_port().unwrap());
    stand.set(EnvVars::MCP_MESH_INSTALLER_GHE_BASE_URL, &nowhere);
    let message = stand.failure("latest").replace(&nowhere, "[NOWHERE]");
    let (message, hint) = message.split_once('\n').unwrap();
    let message = message.split(" (os error").next().unwrap();
    assert_eq!(
        message,
        "failed to reach `[NOWHERE]/[OWNER]/[NAME]/releases/latest`: Connection refused"
    );
    insta::assert_snapshot!(hint, @"Hint: check the network; behind a proxy set `HTTPS_PROXY`, for a mirror `MCP_MESH_INSTALLER_GHE_BASE_URL`");
}

/// Not even root may create files in such a folder.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_written_is_found_out_before_the_download() {
    let mut stand = Stand::new();
    stand.publish(NEW);
    stand.write_receipt(Path::new("/sys/kernel"), &["meshctl"]);
    stand.updater.program.path = "/sys/kernel/meshctl".into();
    let message = stand.failure("latest");
    assert!(
        message.starts_with("cannot write to `/sys/kernel`: "),
        "{message}"
    );
    assert!(
        message.ends_with("Hint: run it as the user who owns `/sys/kernel`"),
        "{message}"
    );
    let requests = stand.hub.requests();
    assert!(
        requests
            .iter()
            .all(|request| !request.path.contains("/download/")),
        "{requests:?}"
    );
}

#[test]
fn the_receipt_of_another_installation_names_both_places() {
    let stand = Stand::new();
    let other = stand.home().join("elsewhere");
    fs::create_dir(&other).unwrap();
    stand.write_receipt(&other, &["meshctl"]);
    insta::assert_snapshot!(stand.failure("latest"), @r"
    the receipt `[HOME]/config/mcp-mesh/mcp-mesh-receipt.json` is for the installation in `[HOME]/elsewhere`, but this program is `[HOME]/bin/meshctl`
    Hint: update that one with `[HOME]/elsewhere/meshctl self update`, this one with `curl -LsSf [REPOSITORY]/releases/latest/download/mcp-mesh-installer.sh | MCP_MESH_INSTALL_DIR='[HOME]/bin' sh`
    ");
}

#[test]
fn an_installer_that_fails_half_way_is_undone() {
    let stand = Stand::new();
    stand.pack(NEW, |name| says(name, NEW));
    let installer = "#!/bin/sh
        cd \"$MCP_MESH_INSTALL_DIR\"
        echo new > new && mv new meshctl && rm mcp-mesh-registry
        echo '{}' > \"$XDG_CONFIG_HOME/mcp-mesh/mcp-mesh-receipt.json\"
        echo 'placing mcp-mesh-registry'
        echo 'No space left on device' >&2
        exit 28
    ";
    stand.publish_installer(NEW, installer);
    insta::assert_snapshot!(stand.failure("latest"), @r"
    placing mcp-mesh-registry
    No space left on device
    the installer failed (exit status: 28); the old version is back
    Hint: mend what it says above, and try again
    ");
}

#[test]
fn a_release_that_does_not_run_here_is_undone() {
    let stand = Stand::new();
    // Genuine, but for another machine.
    stand.pack(NEW, |_| "\u{7f}ELF nothing that runs".to_owned());
    let installer = format!(
        "tar -xf \"${{MCP_MESH_DOWNLOAD_URL#file://}}/{}\" --strip-components 1 -C \"$MCP_MESH_INSTALL_DIR\"",
        archive()
    );
    stand.publish_installer(NEW, &installer);
    let message = stand.failure("latest");
    assert!(
        message.starts_with("the new `[HOME]/bin/meshctl` does not work here (Exec format error"),
        "{message}"
    );
    // Genuine, but not what its name says.
    stand.pack(NEW, |name| says(name, "1.0.9"));
    stand.publish_installer(NEW, &installer);
    insta::assert_snapshot!(stand.failure("latest"), @r"
    the new `[HOME]/bin/meshctl` does not work here (it says `meshctl version 1.0.9`, not 1.1.0); the old version is back
    Hint: report it with the version and your system; the old one stays usable
    ");
}

#[test]
fn two_updates_do_not_meet() {
    let stand = Stand::new();
    stand.publish(NEW);
    fs::create_dir_all(stand.updater.lock_file.parent().unwrap()).unwrap();
    let lock = fs::File::create(&stand.updater.lock_file).unwrap();
    lock.lock().unwrap();
    insta::assert_snapshot!(stand.failure("latest"), @r"
    another `meshctl self update` runs
    Hint: wait until it ends
    ");
    drop(lock);
    assert!(matches!(
        stand.update("latest"),
        Ok(Outcome::Updated { .. })
    ));
    assert_eq!(contents(&stand.bin())[1], says("mcp-mesh-registry", NEW));
}

#[test]
fn a_build_without_a_key_says_so() {
    let mut stand = Stand::new();
    stand.publish(NEW);
    stand.updater.key = None;
    insta::assert_snapshot!(stand.failure("latest"), @r"
    this build knows no release key, so it cannot verify an update
    Hint: upgrade with `curl -LsSf [REPOSITORY]/releases/latest/download/mcp-mesh-installer.sh | MCP_MESH_INSTALL_DIR='[HOME]/bin' sh`
    ");
    assert_eq!(stand.hub.requests(), []);
}
