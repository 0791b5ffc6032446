//! Releases that are not what they seem. Nothing of them runs: their installers would leave a trace.

use std::fs;

use mesh_test::Fault;
use meshctl::self_update::INSTALLER;
use minisign::KeyPair;

use super::stand::{NEW, OLD, Stand, archive, says};

/// A stand with a release whose installer leaves a trace.
fn with_traced_release() -> Stand {
    let stand = Stand::new();
    stand.pack(NEW, |name| says(name, NEW));
    stand.publish_installer(NEW, &traced(&stand));
    stand
}

fn traced(stand: &Stand) -> String {
    format!("#!/bin/sh\ntouch '{}/ran'\n", stand.home().display())
}

fn refusal(stand: &Stand) -> String {
    let message = stand.failure("latest");
    assert!(!stand.home().join("ran").exists(), "the installer ran");
    message
}

#[test]
fn a_file_that_was_changed_later_is_refused() {
    let stand = with_traced_release();
    let append = |name: &str| {
        let path = stand.assets(NEW).join(name);
        let mut bytes = fs::read(&path).unwrap();
        bytes.extend_from_slice(b"# tampered\n");
        fs::write(path, bytes).unwrap();
    };
    append(&archive());
    insta::assert_snapshot!(refusal(&stand), @r"
    `[ARCHIVE]` is not the file that was signed: its SHA-256 is [HASH], not [HASH]
    Hint: nothing was run or changed; somebody may have tampered with the download, so report it if it happens again
    ");
    append(INSTALLER);
    insta::assert_snapshot!(refusal(&stand), @r"
    `mcp-mesh-installer.sh` is not the file that was signed: its SHA-256 is [HASH], not [HASH]
    Hint: nothing was run or changed; somebody may have tampered with the download, so report it if it happens again
    ");
    // And whoever can change files can write new checksums.
    stand.list(NEW);
    insta::assert_snapshot!(refusal(&stand), @r"
    the signature of release 1.1.0 is not valid: The signature verification failed
    Hint: nothing was run or changed; somebody may have tampered with the download, so report it if it happens again
    ");
}

#[test]
fn somebody_elses_signature_is_refused() {
    let stand = with_traced_release();
    let other = KeyPair::generate_unencrypted_keypair().unwrap();
    stand.sign_with(&other, NEW, &format!("mcp-mesh v{NEW}"));
    insta::assert_snapshot!(refusal(&stand), @r"
    the signature of release 1.1.0 is not valid: The signature was created with a different key than the one provided
    Hint: nothing was run or changed; somebody may have tampered with the download, so report it if it happens again
    ");
}

#[test]
fn a_signature_for_another_release_is_refused() {
    let stand = with_traced_release();
    // An old release under a new name, so that a hole that was mended opens again.
    stand.pack(OLD, |name| says(name, OLD));
    stand.publish_installer(OLD, &traced(&stand));
    for name in ["SHA256SUMS", "SHA256SUMS.minisig", INSTALLER, &archive()] {
        fs::copy(stand.assets(OLD).join(name), stand.assets(NEW).join(name)).unwrap();
    }
    insta::assert_snapshot!(refusal(&stand), @r"
    the signature of release 1.1.0 was made for another one: `mcp-mesh v1.0.0`
    Hint: nothing was run or changed; somebody may have tampered with the download, so report it if it happens again
    ");
    for comment in [
        "mcp-mesh v1.1.01",
        "mcp-mesh v1.1.0 ",
        "other v1.1.0",
        "v1.1.0",
    ] {
        stand.sign(NEW, comment);
        let message = refusal(&stand);
        let expected = format!("was made for another one: `{comment}`");
        assert!(message.contains(&expected), "{message}");
    }
}

#[test]
fn a_release_without_a_signature_is_refused() {
    let stand = with_traced_release();
    fs::remove_file(stand.assets(NEW).join("SHA256SUMS.minisig")).unwrap();
    insta::assert_snapshot!(refusal(&stand), @r"
    release 1.1.0 is not complete: `[HUB]/[OWNER]/[NAME]/releases/download/v1.1.0/SHA256SUMS.minisig` does not exist
    Hint: nothing was changed; try another version with `--version`
    ");
    fs::write(stand.assets(NEW).join("SHA256SUMS.minisig"), "<html>").unwrap();
    insta::assert_snapshot!(refusal(&stand), @r"
    the signature of release 1.1.0 is not valid: Invalid encoding in minisign data
    Hint: nothing was run or changed; somebody may have tampered with the download, so report it if it happens again
    ");
}

#[test]
fn a_release_without_this_machines_archive_is_refused() {
    let stand = with_traced_release();
    fs::remove_file(stand.assets(NEW).join(archive())).unwrap();
    stand.list(NEW);
    stand.sign(NEW, &format!("mcp-mesh v{NEW}"));
    insta::assert_snapshot!(refusal(&stand), @r"
    release 1.1.0 has no `[ARCHIVE]`
    Hint: nothing was changed; try another version with `--version`
    ");
}

#[test]
fn a_page_in_place_of_a_file_is_not_run() {
    let stand = with_traced_release();
    let script = traced(&stand);
    stand
        .hub
        .spoil(INSTALLER, Fault::MissingWith(script.clone()));
    insta::assert_snapshot!(refusal(&stand), @r"
    release 1.1.0 is not complete: `[HUB]/[OWNER]/[NAME]/releases/download/v1.1.0/mcp-mesh-installer.sh` does not exist
    Hint: nothing was changed; try another version with `--version`
    ");
    stand.hub.spoil("/SHA256SUMS", Fault::MissingWith(script));
    insta::assert_snapshot!(refusal(&stand), @r"
    there is no release 1.1.0: `[HUB]/[OWNER]/[NAME]/releases/download/v1.1.0/SHA256SUMS` does not exist
    Hint: `[HUB]/[OWNER]/[NAME]/releases` lists what there is
    ");
}
