//! `packaging/scripts/build-docker.sh`: what it refuses, what a build that fails leaves, and what one
//! that succeeds pushes.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use super::registries::{Api, Digest, Logins, Lookup, Loopback, Transport};
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

#[test]
fn help_is_the_scripts_head_and_arguments_are_refused() {
    for flag in ["--help", "-h"] {
        let output = script().arg(flag).output().expect("bash");
        let said = String::from_utf8(output.stdout).expect("text");
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(said.starts_with("Builds the container images"), "{said}");
        assert!(said.contains("\n  DOCKER_REGISTRY "), "{said}");
        assert!(!said.contains('#') && !said.contains("pipefail"), "{said}");
    }
    for argument in ["--push", "cli", ""] {
        let output = script().arg(argument).output().expect("bash");
        let said = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(
            said.starts_with(&format!("error: `{argument}` is not")),
            "{said}"
        );
        assert!(said.contains("--help"), "{said}");
    }
}

/// What images are built from, and where the script works.
struct Context {
    folder: tempfile::TempDir,
}

impl Context {
    /// Without any file that an image holds.
    fn empty() -> Self {
        let folder = tempfile::tempdir().expect("the test's own folder");
        fs::create_dir_all(folder.path().join("context/linux/amd64"))
            .expect("the test's own folder");
        fs::create_dir(folder.path().join("tmp")).expect("the test's own folder");
        let arguments = "SOURCE_DATE_EPOCH=1700000000\nVERSION=4.0.0\n";
        fs::write(folder.path().join("context/build-arguments"), arguments)
            .expect("the test's own folder");
        let empty = tar::Builder::new(Vec::new())
            .into_inner()
            .expect("the test's own folder");
        fs::write(folder.path().join("context/registry-root.tar"), empty)
            .expect("the test's own folder");
        Self { folder }
    }

    /// With everything of the registry's image, written `age` seconds after the beginning of time.
    fn of_a_registry(age: u64) -> Self {
        let context = Self::empty();
        for file in [
            "LICENSE",
            "linux/amd64/mcp-mesh-registry",
            "linux/amd64/sbom/mcp-mesh-registry.cdx.json",
        ] {
            let path = context.folder.path().join("context").join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("the test's own folder");
            fs::write(&path, file).expect("the test's own folder");
            let written = fs::File::options().append(true).open(&path);
            written
                .and_then(|file| file.set_modified(UNIX_EPOCH + Duration::from_secs(age)))
                .expect("the test's own file");
        }
        context
    }

    /// The script, told to build `image` by buildah.
    fn build(&self, image: &str) -> Command {
        let mut script = script();
        script
            .env("DOCKER_BUILDER", "buildah")
            .env("DOCKER_IMAGES", image)
            .env("DOCKER_PLATFORMS", "linux/amd64")
            .env("CONTEXT", self.folder.path().join("context"))
            .env("OUTPUT_DIR", self.folder.path().join("output"))
            .env("TMPDIR", self.folder.path().join("tmp"));
        script
    }

    /// What buildah's failure to build `image` comes to, after the line that says what is built.
    fn failure(&self, image: &str, python_image: &str) -> String {
        let output = self
            .build(image)
            .env("PYTHON_IMAGE", python_image)
            .output()
            .expect("bash");
        let said = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(1), "{said}");
        let (first, rest) = said.split_once('\n').unwrap_or_default();
        assert!(first.starts_with("building "), "{said}");
        rest.to_owned()
    }

    /// Nothing is mounted, and no folder of the script is there.
    fn assert_nothing_is_left(&self) {
        let mounts = fs::read_to_string("/proc/self/mounts").expect("Linux, as buildah is there");
        let here = self.folder.path().to_str().expect("text");
        assert!(!mounts.contains(here), "{mounts}");
        let left: Vec<_> = fs::read_dir(self.folder.path().join("tmp"))
            .expect("the test's own folder")
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// buildah and skopeo, which few machines have; images that can be tried have them.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn may_use_buildah() -> bool {
    let may = ["buildah", "skopeo"].iter().all(|program| {
        let version = Command::new(program).arg("--version").output();
        version.is_ok_and(|output| output.status.success())
    });
    if !may {
        eprintln!("skipped: buildah or skopeo is not installed; `make container-tools`");
    }
    may
}

#[test]
fn a_build_that_fails_leaves_nothing_behind() {
    if !may_use_buildah() {
        return;
    }
    let incomplete = Context::empty();
    let said = incomplete.failure("registry", "python:3");
    assert!(said.contains("LICENSE"), "{said}");
    assert!(!said.contains("subuid"), "{said}");
    incomplete.assert_nothing_is_left();
}

#[test]
fn a_base_that_cannot_be_reached_is_named_with_its_variable() {
    if !may_use_buildah() {
        return;
    }
    let port = mesh_test::free_port().expect("a free port");
    let digest = Digest::of(b"");
    let incomplete = Context::empty();
    let python_image = format!("127.0.0.1:{port}/acme/python:3.11@{digest}");
    let said = incomplete.failure("cli", &python_image);
    assert_eq!(said.lines().count(), 1, "{said}");
    // By its digest alone: buildah takes no tag beside it.
    let named = format!("error: cannot get the base image `127.0.0.1:{port}/acme/python@{digest}`");
    assert!(said.starts_with(&named), "{said}");
    assert!(said.contains("set PYTHON_IMAGE to one"), "{said}");
    incomplete.assert_nothing_is_left();
}

#[test]
fn the_same_files_are_the_same_image_and_true_pushes_it_under_its_tag() {
    if !may_use_buildah() {
        return;
    }
    let hub = Loopback::start().expect("a registry");
    let prefix = hub.prefix().expect("a name");
    let digests = [("first", 1_000_000), ("second", 2_000_000)].map(|(tag, age)| {
        let context = Context::of_a_registry(age);
        let output = context
            .build("registry")
            .env("DOCKER_PUSH", "true")
            .env("DOCKER_REGISTRY", prefix.to_string())
            .env("DOCKER_TAG", tag)
            .output()
            .expect("bash");
        let said = String::from_utf8(output.stderr).expect("text");
        assert!(output.status.success(), "{said}");
        let repository = prefix.child("registry");
        let logins = Logins::default();
        let pushed = Api::new(&repository, &logins, Transport::Usual).find(tag);
        let Lookup::Found(manifest) = pushed.expect("the registry answers") else {
            panic!("nothing has the tag `{tag}`: {said}");
        };
        let printed = String::from_utf8(output.stdout).expect("text");
        assert_eq!(printed, format!("{repository}@{}\n", manifest.digest));
        context.assert_nothing_is_left();
        manifest.digest
    });
    assert_eq!(digests[0], digests[1]);
}
