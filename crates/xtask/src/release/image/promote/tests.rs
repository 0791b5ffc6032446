//! Against real registries on loopback.

use std::fs;

use super::super::Image;
use super::super::registries::samples;
use super::*;
use crate::release::sample_release::Sample;

/// Images that were tried in one registry, and another one that people pull from.
struct Registries {
    tried: Loopback,
    public: Loopback,
    folder: tempfile::TempDir,
}

impl Registries {
    fn new() -> Self {
        Self {
            tried: Loopback::start().expect("a registry"),
            public: Loopback::start().expect("a registry"),
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    /// Makes images and lists them, as a build does.
    fn build(&self, names: &[&str], content: &str) -> Vec<Pinned> {
        let images: Vec<_> = names
            .iter()
            .map(|name| samples::image(&self.tried, &format!("built/{name}"), content))
            .collect();
        let lines: Vec<_> = images.iter().map(ToString::to_string).collect();
        fs::write(self.folder.path().join("digests"), lines.join("\n")).expect("a writable folder");
        images
    }

    fn args(&self, tags: &str) -> PromoteImagesArgs {
        PromoteImagesArgs {
            digests: Some(self.folder.path().join("digests")),
            layouts: None,
            signed: None,
            to: vec![
                format!("{0}/acme {0}/mirror/acme", self.public.host())
                    .parse()
                    .expect("names"),
            ],
            workspace: root::checkout().to_owned(),
            tags: tags.parse().expect("tags"),
            github_output: None,
            plain_http: false,
            dry_run: false,
        }
    }

    /// Steps without the registry's port, digests as `@`.
    fn story(&self, steps: anyhow::Result<Vec<Step>>) -> Vec<String> {
        let short = |name: &str| {
            let name = name.replace(&format!("{}/", self.public.host()), "");
            match name.split_once('@') {
                Some((name, _)) => format!("{name}@"),
                None => name,
            }
        };
        steps
            .expect("a promotion")
            .iter()
            .map(|step| match step {
                Step::Copied(name) => format!("copied {}", short(name)),
                Step::Tagged(name) => format!("tagged {}", short(name)),
                Step::Recognised(name) => format!("known {}", short(name)),
                Step::Would(name) => format!("would {}", short(name)),
            })
            .collect()
    }

    fn found(&self, path: &str, reference: &str) -> Lookup {
        let repository = format!("{}/{path}", self.public.host())
            .parse()
            .expect("a name");
        let logins = Logins::default();
        Api::new(&repository, &logins, Transport::Usual)
            .find(reference)
            .expect("a registry that answers")
    }

    fn digest(&self, path: &str, tag: &str) -> Digest {
        match self.found(path, tag) {
            Lookup::Found(manifest) => manifest.digest,
            other => panic!("{path}:{tag} is {other:?}"),
        }
    }
}

#[test]
fn everything_is_copied_before_anything_is_tagged() {
    let registries = Registries::new();
    let built = registries.build(&["registry", "cli"], "one");
    let mut args = registries.args("latest 4.0.0");
    let output = registries.folder.path().join("output");
    args.github_output = Some(output.clone());
    let story = registries.story(promote(&args, Logins::default()));
    insta::assert_snapshot!(story.join("\n"), @r"
    copied acme/registry@
    copied mirror/acme/registry@
    copied acme/cli@
    copied mirror/acme/cli@
    tagged acme/registry:4.0.0
    tagged mirror/acme/registry:4.0.0
    tagged acme/cli:4.0.0
    tagged mirror/acme/cli:4.0.0
    tagged acme/registry:latest
    tagged mirror/acme/registry:latest
    tagged acme/cli:latest
    tagged mirror/acme/cli:latest
    ");
    for tag in ["4.0.0", "latest"] {
        assert_eq!(registries.digest("mirror/acme/cli", tag), built[1].digest);
    }
    // Both platforms came along.
    let Lookup::Found(index) = registries.found("acme/cli", "4.0.0") else {
        panic!("it is tagged");
    };
    let index: serde_json::Value = serde_json::from_slice(&index.bytes).unwrap();
    for entry in index["manifests"].as_array().unwrap() {
        let digest = entry["digest"].as_str().unwrap();
        assert!(matches!(
            registries.found("acme/cli", digest),
            Lookup::Found(_)
        ));
    }
    assert_eq!(
        fs::read_to_string(output).unwrap(),
        format!(
            "images=[{{\"digest\":\"{}\",\"name\":\"registry\"}},{{\"digest\":\"{}\",\"name\":\"cli\"}}]\n",
            built[0].digest, built[1].digest
        )
    );
}

#[test]
fn a_run_that_stopped_goes_on_and_a_finished_one_changes_nothing() {
    let registries = Registries::new();
    let built = registries.build(&["cli"], "one");
    // As if an earlier run had come so far.
    let earlier = samples::image(&registries.public, "acme/cli", "one");
    assert_eq!(earlier.digest, built[0].digest);
    let args = registries.args("4.0.0");
    let story = registries.story(promote(&args, Logins::default()));
    assert_eq!(
        story,
        [
            "known acme/cli@",
            "copied mirror/acme/cli@",
            "tagged acme/cli:4.0.0",
            "tagged mirror/acme/cli:4.0.0"
        ]
    );
    let story = registries.story(promote(&args, Logins::default()));
    assert!(
        story.iter().all(|step| step.starts_with("known ")),
        "{story:?}"
    );
}

#[test]
fn a_published_version_is_never_replaced_and_moving_tags_move() {
    let registries = Registries::new();
    let first = registries.build(&["cli"], "one").remove(0);
    promote(&registries.args("4.0.0 latest"), Logins::default()).unwrap();

    let second = registries.build(&["cli"], "two").remove(0);
    let error = promote(&registries.args("4.0.0 latest"), Logins::default())
        .unwrap_err()
        .to_string();
    assert!(error.contains("/acme/cli:4.0.0 is"), "{error}");
    assert!(
        error.contains("published bytes are never replaced"),
        "{error}"
    );
    // Refused before anything was copied.
    let copied = registries.found("acme/cli", &second.digest.to_string());
    assert_eq!(copied, Lookup::Absent);
    assert_eq!(registries.digest("acme/cli", "latest"), first.digest);

    promote(&registries.args("4.0.1 latest"), Logins::default()).unwrap();
    assert_eq!(registries.digest("acme/cli", "4.0.0"), first.digest);
    assert_eq!(registries.digest("acme/cli", "latest"), second.digest);
}

#[test]
fn a_dry_run_looks_and_writes_nothing() {
    let registries = Registries::new();
    registries.build(&["cli"], "one");
    let mut args = registries.args("4.0.0");
    args.dry_run = true;
    let story = registries.story(promote(&args, Logins::default()));
    assert_eq!(
        story,
        [
            "would acme/cli@",
            "would mirror/acme/cli@",
            "would acme/cli:4.0.0",
            "would mirror/acme/cli:4.0.0"
        ]
    );
    assert_eq!(registries.found("acme/cli", "4.0.0"), Lookup::Absent);
}

#[test]
fn who_may_not_write_is_told_and_who_may_does() {
    let folder = tempfile::tempdir().unwrap();
    let users = folder.path().join("users");
    // `me` and `secret`, as `htpasswd -B` writes them.
    fs::write(
        &users,
        "me:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n",
    )
    .unwrap();
    let settings = format!(
        "auth: {{htpasswd: {{realm: mesh, path: {}}}}}\n",
        users.display()
    );
    let mut registries = Registries::new();
    registries.public = Loopback::with_settings(&settings).unwrap();
    let built = registries.build(&["cli"], "one").remove(0);
    let args = registries.args("4.0.0");
    let error = format!("{:#}", promote(&args, Logins::default()).unwrap_err());
    assert!(error.contains("failed to copy"), "{error}");

    let logins = Logins::default().with(registries.public.host(), "me", "secret");
    promote(&args, logins.clone()).unwrap();
    let repository = format!("{}/acme/cli", registries.public.host())
        .parse()
        .unwrap();
    let api = Api::new(&repository, &logins, Transport::Usual);
    assert_eq!(api.digest("4.0.0").unwrap(), built.digest);
}

#[test]
fn images_come_out_of_a_folder_as_they_went_in() {
    let registries = Registries::new();
    let built = registries.build(&["registry", "cli"], "one");
    let folder = registries.folder.path().join("images");
    let layouts = Layouts::create(&folder).unwrap();
    for image in &built {
        layouts
            .add(image.image().unwrap(), image, &super::super::Platform::ALL)
            .unwrap();
    }
    assert!(folder.join("scan/cli-arm64/index.json").is_file());
    let mut args = registries.args("4.0.0");
    args.digests = None;
    args.layouts = Some(folder);
    promote(&args, Logins::default()).unwrap();
    assert_eq!(registries.digest("acme/registry", "4.0.0"), built[0].digest);
    assert_eq!(registries.digest("acme/cli", "4.0.0"), built[1].digest);
}

#[test]
fn only_images_of_the_signed_files_are_published() {
    let sample = Sample::new("4.0.0");
    let registries = Registries::new();
    let built = registries.build(&["cli"], "one").remove(0);
    let folder = registries.folder.path().join("images");
    let layouts = Layouts::create(&folder).unwrap();
    layouts.add(Image::Cli, &built, &[]).unwrap();
    layouts.remember(&sample.upload()).unwrap();
    let mut args = registries.args("4.0.0 latest");
    args.digests = None;
    args.layouts = Some(folder);
    args.signed = Some(sample.upload());
    args.workspace = sample.workspace();
    promote(&args, Logins::default()).unwrap();
    assert_eq!(registries.digest("acme/cli", "latest"), built.digest);

    args.tags = "4.0.1".parse().unwrap();
    let error = promote(&args, Logins::default()).unwrap_err().to_string();
    assert!(error.contains("`4.0.1` is no tag of theirs"), "{error}");
    sample.change("a+b.txt", "other");
    let error = promote(&args, Logins::default()).unwrap_err().to_string();
    assert!(error.contains("built from other files"), "{error}");
    sample.sign_as("mcp-mesh v3.9.9");
    let error = promote(&args, Logins::default()).unwrap_err().to_string();
    assert!(error.contains("signature"), "{error}");
    assert_eq!(registries.found("acme/cli", "4.0.1"), Lookup::Absent);
}

#[test]
fn only_a_whole_version_is_there_for_good() {
    let tags: Tags = "latest 4 4.0 4.0.0 4.1.0-rc.1".parse().unwrap();
    let fixed: Vec<_> = tags
        .0
        .iter()
        .filter_map(|tag| match tag {
            Tag::Version(name) => Some(name.as_str()),
            Tag::Moving(_) => None,
        })
        .collect();
    assert_eq!(fixed, ["4.0.0", "4.1.0-rc.1"]);
    for (text, problem) in [("", "at least"), ("a/b", "`a/b` is no tag")] {
        let error = text.parse::<Tags>().unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
}
