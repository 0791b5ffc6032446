//! `packaging/scripts/build-binaries.sh`, as far as it refuses before it builds.

use std::process::Command;

use crate::root;

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
