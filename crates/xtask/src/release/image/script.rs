//! `packaging/scripts/build-docker.sh`, as far as it refuses before it builds.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::root;

/// What the script says to variables that it refuses: one line.
fn refusal(variables: &[(&str, &str)]) -> String {
    let output = script()
        .envs(variables.iter().copied())
        .output()
        .expect("bash");
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1), "{variables:?}: {said}");
    assert_eq!(said.lines().count(), 1, "{variables:?}: {said}");
    assert!(said.starts_with("error: "), "{variables:?}: {said}");
    said
}

fn script() -> Command {
    let mut script = Command::new("bash");
    script
        .arg(root::checkout().join("packaging/scripts/build-docker.sh"))
        // No daemon of this machine shall build anything for a test.
        .env("DOCKER_HOST", "unix:///nowhere/docker.sock")
        .env_remove("DOCKER_CONTEXT");
    script
}

#[test]
fn what_there_are_no_images_for_is_named() {
    for (variable, value, named) in [
        ("DOCKER_PLATFORMS", "linux/riscv64", "`linux/riscv64`"),
        (
            "DOCKER_PLATFORMS",
            "linux/amd64,darwin/arm64",
            "`darwin/arm64`",
        ),
        ("DOCKER_PLATFORMS", "linux/amd64 *", "`*`"),
        ("DOCKER_IMAGES", "registry,ui", "`ui`"),
        ("DOCKER_IMAGES", "cli;id", "`cli;id`"),
    ] {
        let said = refusal(&[(variable, value)]);
        assert!(
            said.contains(&format!("{variable}: there are no images for {named}")),
            "{said}"
        );
    }
    for value in ["", ",", " , "] {
        let said = refusal(&[("DOCKER_PLATFORMS", value)]);
        assert!(said.contains("names nothing"), "{said}");
    }
}

#[test]
fn a_choice_that_is_none_is_refused() {
    let said = refusal(&[("DOCKER_PUSH", "maybe")]);
    assert!(said.contains("DOCKER_PUSH=`maybe`"), "{said}");
    let said = refusal(&[("DOCKER_BUILDER", "kaniko")]);
    assert!(said.contains("DOCKER_BUILDER=`kaniko`"), "{said}");
    for value in [
        "https://docker.io/acme",
        "docker.io/Acme",
        "docker.io/acme:1",
    ] {
        let said = refusal(&[("DOCKER_REGISTRY", value)]);
        assert!(
            said.contains(&format!("DOCKER_REGISTRY=`{value}`")),
            "{said}"
        );
    }
    let said = refusal(&[("DOCKER_TAG", "4.0.0 latest")]);
    assert!(said.contains("DOCKER_TAG=`4.0.0 latest`"), "{said}");
}

#[test]
fn a_daemon_that_does_not_answer_is_told() {
    let said = refusal(&[("DOCKER_BUILDER", "buildx")]);
    assert!(said.contains("DOCKER_BUILDER=buildx: "), "{said}");
    assert!(
        said.contains("unix:///nowhere/docker.sock") || said.contains("is not installed"),
        "{said}"
    );
}

#[test]
fn a_machine_without_a_builder_is_told_the_cure() {
    let programs = tempfile::tempdir().unwrap();
    for program in ["bash", "dirname", "tr"] {
        let real = ["/usr/bin", "/bin"]
            .map(|folder| Path::new(folder).join(program))
            .into_iter()
            .find(|path| path.exists())
            .unwrap_or_else(|| panic!("there is no {program}"));
        symlink(real, programs.path().join(program)).unwrap();
    }
    let path = programs.path().to_str().unwrap();
    let said = refusal(&[("PATH", path)]);
    assert!(said.contains("nothing here builds images"), "{said}");
    assert!(said.contains("`make container-tools`"), "{said}");
    let said = refusal(&[("PATH", path), ("DOCKER_BUILDER", "buildah")]);
    assert!(said.contains("buildah is not installed"), "{said}");
}
