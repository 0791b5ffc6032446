//! The scripts that build for other machines, as far as they refuse before they begin:
//! `build-binaries.sh` and `cross-toolchain.sh` of `packaging/scripts`.

use std::process::Command;

use mesh_core::env::Environment;

use crate::{platform, root};

/// What the script says to variables that it refuses.
fn refusal(variables: &[(&str, &str)]) -> String {
    let script = root::checkout().join("packaging/scripts/build-binaries.sh");
    let output = Command::new("bash")
        .arg(script)
        .current_dir(root::checkout())
        // Should it build after all, it does not get far.
        .env("VERSION", "0.0.0")
        .envs(variables.iter().copied())
        .output()
        .expect("bash");
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1), "{variables:?}: {said}");
    said
}

#[test]
fn a_platform_that_nobody_builds_is_named_before_anything_is_built() {
    for (platforms, named) in [
        ("linux", "`linux`"),
        ("linux/amd64,, nope/amd64", "`nope/amd64`"),
        ("linux/amd64\ndarwin/arm", "`darwin/arm`"),
        ("linux/arm64;id", "`linux/arm64;id`"),
        ("* linux/amd64", "`*`"),
    ] {
        let said = refusal(&[("PLATFORMS", platforms)]);
        assert!(said.contains(&format!("{named} is no platform")), "{said}");
    }
}

#[test]
fn building_for_nothing_is_no_success() {
    for platforms in [" ", ",", ", ,"] {
        let said = refusal(&[("PLATFORMS", platforms)]);
        assert!(said.contains("names no platform"), "{said}");
    }
}

#[test]
fn an_answer_that_is_neither_yes_nor_no_is_refused() {
    let said = refusal(&[("COMPRESS", "maybe")]);
    assert!(said.contains("COMPRESS=`maybe`"), "{said}");
}

/// What the script asks of `cargo xtask release build`, where that can do all but `impossible`.
fn builds(platforms: &str, impossible: &str) -> (Option<i32>, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let cargo = folder.path().join("cargo");
    let text = format!(
        "#!/bin/sh\necho \"$*\" >>{}/asked\ncase \"$*\" in *{impossible}*) exit 1 ;; esac\n",
        folder.path().display()
    );
    std::fs::write(&cargo, text).expect("a program");
    platform::set_mode(&cargo, 0o755).expect("a program");
    let environment = Environment::of_process();
    let path = environment.get("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.path().to_owned()).chain(std::env::split_paths(path));
    let status = Command::new("bash")
        .arg(root::checkout().join("packaging/scripts/build-binaries.sh"))
        .env("PATH", std::env::join_paths(folders).expect("folders"))
        .env("PLATFORMS", platforms)
        .env("OUTPUT_DIR", "/out")
        .env_remove("OS")
        .status()
        .expect("bash");
    let asked = std::fs::read_to_string(folder.path().join("asked")).expect("what was asked");
    let asked = asked
        .lines()
        .map(|line| line.replace("xtask release build --target ", ""))
        .collect();
    (status.code(), asked)
}

#[test]
fn a_platform_that_cannot_be_built_here_fails_before_the_first_build() {
    let (code, asked) = builds("linux/arm64,darwin/amd64", "darwin");
    assert_eq!(code, Some(1));
    assert_eq!(
        asked,
        [
            "aarch64-unknown-linux-gnu --plain-dir /out --dry-run",
            "x86_64-apple-darwin --plain-dir /out --dry-run"
        ]
    );
}

#[test]
fn windows_is_linked_by_gnu_tools_elsewhere() {
    let (code, asked) = builds("windows/amd64", "nothing");
    assert_eq!(code, Some(0));
    assert_eq!(
        asked[1],
        "x86_64-pc-windows-msvc --plain-dir /out --windows-gnu"
    );
}

/// What `cross-toolchain.sh` says to a system that calls itself `system`.
fn unsuitable(system: &str, targets: &[&str]) -> String {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), system).expect("a file");
    let output = Command::new("bash")
        .arg(root::checkout().join("packaging/scripts/cross-toolchain.sh"))
        .args(targets)
        .env("OS_RELEASE", file.path())
        .output()
        .expect("bash");
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

#[test]
fn another_system_is_told_the_way_to_a_foreign_target() {
    for system in [
        "ID=fedora\nVERSION_ID=43\n",
        "ID=debian\nVERSION_ID=13\n",
        "",
    ] {
        let said = unsuitable(system, &["x86_64-apple-darwin"]);
        assert!(
            said.contains("`rustup target add x86_64-apple-darwin`"),
            "{said}"
        );
    }
}

#[test]
fn a_target_without_a_recipe_is_named() {
    let said = unsuitable(
        "ID=debian\nVERSION_ID=12\n",
        &["riscv64gc-unknown-linux-gnu"],
    );
    assert!(said.contains("`riscv64gc-unknown-linux-gnu`"), "{said}");
    assert!(said.contains("x86_64-pc-windows-gnu"), "{said}");
}
