//! From tried digests to names that people pull.
//!
//! Everything is copied by digest and read back before anything gets a tag, so a run that stops
//! half-way has shown nobody anything, and the next one goes on where it stopped.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, bail, ensure};
use mesh_core::env::Environment;
use serde_json::json;

use super::registries::{
    Api, Digest, Layouts, Logins, Lookup, Loopback, Pinned, Repository, Skopeo, Transport,
};
use crate::release::{ReleaseVersion, say};

/// Copy tried images to public registries by digest, then tag them
///
/// Logs in to Docker Hub with `DOCKER_HUB_USERNAME` and `DOCKER_HUB_ACCESS_TOKEN`, and to ghcr.io with
/// `GITHUB_ACTOR` and `GH_TOKEN`; without them, as skopeo is logged in.
#[derive(Debug, clap::Args)]
pub(crate) struct PromoteImagesArgs {
    /// The file of `NAME@sha256:…` lines that a build wrote
    #[arg(long, required_unless_present = "layouts", conflicts_with = "layouts")]
    digests: Option<PathBuf>,
    /// The folder that `build-images` filled
    #[arg(long)]
    layouts: Option<PathBuf>,
    /// Where the images go, such as `docker.io/mcpmesh`; the image's name is added
    #[arg(long, required = true)]
    to: Vec<Repository>,
    /// The tags, separated by spaces; a version's stays where it is, others move
    #[arg(long)]
    tags: Tags,
    /// The file that GitHub reads a step's outputs from
    #[arg(long)]
    github_output: Option<PathBuf>,
    /// Speak to registries without encryption; this machine's own are spoken to so anyway
    #[arg(long)]
    plain_http: bool,
    /// Look at everything, and say what would be copied and tagged
    #[arg(long)]
    dry_run: bool,
}

/// Tags in the order in which they are set: the versions first, which do not move.
#[derive(Debug, Clone)]
struct Tags(Vec<Tag>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Tag {
    /// Of one release, for good.
    Version(String),
    /// Of the newest release of a line, or of all.
    Moving(String),
}

pub(crate) fn run(args: &PromoteImagesArgs) -> anyhow::Result<()> {
    let logins = Logins::of(&Environment::of_process());
    promote(args, logins).map(drop)
}

/// What was done, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Copied(String),
    Tagged(String),
    /// An earlier run did it.
    Recognised(String),
    /// A dry run would do it.
    Would(String),
}

fn promote(args: &PromoteImagesArgs, logins: Logins) -> anyhow::Result<Vec<Step>> {
    // It serves the folder until everything is copied.
    let mut loopback = None;
    let sources = match (&args.layouts, &args.digests) {
        (Some(folder), _) => {
            let loopback = loopback.insert(Loopback::start()?);
            Layouts::open(folder).serve(loopback)?
        }
        (None, Some(file)) => Pinned::read_list(file)?,
        (None, None) => bail!("name the images with `--digests` or `--layouts`"),
    };
    let by = if args.plain_http {
        Transport::PlainHttp
    } else {
        Transport::Usual
    };
    let promotion = Promotion {
        skopeo: Skopeo::new(&logins, by)?,
        copies: copies(&sources, &args.to)?,
        tags: &args.tags,
        logins,
        by,
        dry_run: args.dry_run,
    };
    let steps = promotion.run()?;
    if let Some(path) = &args.github_output {
        write_output(path, &sources)?;
    }
    Ok(steps)
}

/// What goes where.
struct Copy<'a> {
    source: &'a Pinned,
    target: Repository,
}

struct Promotion<'a> {
    skopeo: Skopeo,
    copies: Vec<Copy<'a>>,
    tags: &'a Tags,
    logins: Logins,
    by: Transport,
    dry_run: bool,
}

fn copies<'a>(sources: &'a [Pinned], to: &[Repository]) -> anyhow::Result<Vec<Copy<'a>>> {
    let mut copies = Vec::new();
    for source in sources {
        let image = source.image()?;
        for prefix in to {
            copies.push(Copy {
                source,
                target: prefix.child(image.name()),
            });
        }
    }
    Ok(copies)
}

impl Promotion<'_> {
    fn run(&self) -> anyhow::Result<Vec<Step>> {
        self.refuse_replacing()?;
        let mut steps = Vec::new();
        for copy in &self.copies {
            steps.push(self.bring(copy)?);
        }
        for tag in &self.tags.0 {
            for copy in &self.copies {
                steps.push(self.tag(copy, tag)?);
            }
        }
        Ok(steps)
    }

    /// A version that is published with other bytes stops everything before anything is copied.
    fn refuse_replacing(&self) -> anyhow::Result<()> {
        for copy in &self.copies {
            for tag in &self.tags.0 {
                if let Tag::Version(name) = tag
                    && let Lookup::Found(there) = self.api(&copy.target).find(name)?
                {
                    same(copy, name, &there.digest)?;
                }
            }
        }
        Ok(())
    }

    fn bring(&self, copy: &Copy<'_>) -> anyhow::Result<Step> {
        let Copy { source, target } = copy;
        let name = target.with_digest(&source.digest);
        let api = self.api(target);
        // Hidden is what a registry may say of a repository that the first copy makes.
        if let Lookup::Found(_) = api.find(&source.digest.to_string())? {
            say(format_args!("{name} is there already"));
            return Ok(Step::Recognised(name));
        }
        if self.dry_run {
            say(format_args!("would copy {source} to {name}"));
            return Ok(Step::Would(name));
        }
        self.skopeo.copy(
            &self.skopeo.place(&source.repository, source.to_string()),
            &self.skopeo.place(target, name.clone()),
        )?;
        self.read_back(copy, &source.digest.to_string())?;
        say(format_args!("copied {name}"));
        Ok(Step::Copied(name))
    }

    fn tag(&self, copy: &Copy<'_>, tag: &Tag) -> anyhow::Result<Step> {
        let Copy { source, target } = copy;
        let (Tag::Version(tag_name) | Tag::Moving(tag_name)) = tag;
        let name = target.with_tag(tag_name);
        if let Lookup::Found(there) = self.api(target).find(tag_name)? {
            if there.digest == source.digest {
                say(format_args!("{name} is {} already", source.digest));
                return Ok(Step::Recognised(name));
            }
            if matches!(tag, Tag::Version(_)) {
                same(copy, tag_name, &there.digest)?;
            }
        }
        if self.dry_run {
            say(format_args!("would tag {} as {name}", source.digest));
            return Ok(Step::Would(name));
        }
        let here = target.with_digest(&source.digest);
        self.skopeo.copy(
            &self.skopeo.place(target, here),
            &self.skopeo.place(target, name.clone()),
        )?;
        self.read_back(copy, tag_name)?;
        say(format_args!("tagged {} as {name}", source.digest));
        Ok(Step::Tagged(name))
    }

    fn read_back(&self, copy: &Copy<'_>, reference: &str) -> anyhow::Result<()> {
        let Copy { source, target } = copy;
        let there = self.api(target).digest(reference)?;
        ensure!(
            there == source.digest,
            "`{reference}` of {target} was written, but reads {there} instead of {}; run this again",
            source.digest
        );
        Ok(())
    }

    fn api<'b>(&'b self, target: &'b Repository) -> Api<'b> {
        Api::new(target, &self.logins, self.by)
    }
}

fn same(copy: &Copy<'_>, tag: &str, there: &Digest) -> anyhow::Result<()> {
    let Copy { source, target } = copy;
    ensure!(
        *there == source.digest,
        "{target}:{tag} is {there}, and would become {}; published bytes are never replaced. Release \
         a new version",
        source.digest
    );
    Ok(())
}

/// What later jobs attest.
fn write_output(path: &Path, sources: &[Pinned]) -> anyhow::Result<()> {
    let images: Vec<_> = sources
        .iter()
        .map(|source| Ok(json!({ "name": source.image()?.name(), "digest": source.digest })))
        .collect::<anyhow::Result<_>>()?;
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .and_then(|mut file| writeln!(file, "images={}", json!(images)))
        .with_context(|| format!("failed to write `{}`", path.display()))
}

impl FromStr for Tags {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut tags = Vec::new();
        for name in text.split_whitespace() {
            let is_tag = name.len() <= 128
                && !name.starts_with(['.', '-'])
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
            ensure!(is_tag, "`{name}` is no tag of an image");
            tags.push(match name.parse::<ReleaseVersion>() {
                Ok(version) if version.to_string() == name => Tag::Version(name.to_owned()),
                _ => Tag::Moving(name.to_owned()),
            });
        }
        ensure!(!tags.is_empty(), "name at least the version as a tag");
        tags.sort_by_key(|tag| matches!(tag, Tag::Moving(_)));
        Ok(Self(tags))
    }
}

/// Debian's `docker-registry` and skopeo are there on Linux.
#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;

    use super::super::registries::samples;
    use super::*;

    /// Images that were tried in one registry, and another one that people pull from.
    struct Registries {
        tried: Loopback,
        public: Loopback,
        folder: tempfile::TempDir,
    }

    impl Registries {
        fn new() -> Self {
            Self {
                tried: Loopback::start().unwrap(),
                public: Loopback::start().unwrap(),
                folder: tempfile::tempdir().unwrap(),
            }
        }

        /// Makes images and lists them, as a build does.
        fn build(&self, names: &[&str], content: &str) -> Vec<Pinned> {
            let images: Vec<_> = names
                .iter()
                .map(|name| samples::image(&self.tried, &format!("built/{name}"), content))
                .collect();
            let lines: String = images.iter().map(|image| format!("{image}\n")).collect();
            fs::write(self.folder.path().join("digests"), lines).unwrap();
            images
        }

        fn args(&self, tags: &str) -> PromoteImagesArgs {
            PromoteImagesArgs {
                digests: Some(self.folder.path().join("digests")),
                layouts: None,
                to: ["acme", "mirror/acme"]
                    .map(|path| format!("{}/{path}", self.public.host()).parse().unwrap())
                    .into(),
                tags: tags.parse().unwrap(),
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
                .unwrap()
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
            let repository = format!("{}/{path}", self.public.host()).parse().unwrap();
            let logins = Logins::default();
            Api::new(&repository, &logins, Transport::Usual)
                .find(reference)
                .unwrap()
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
        let mut args = registries.args("latest 4.0.0 4.0");
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
        tagged acme/registry:4.0
        tagged mirror/acme/registry:4.0
        tagged acme/cli:4.0
        tagged mirror/acme/cli:4.0
        ");
        for tag in ["4.0.0", "4.0", "latest"] {
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
        assert!(folder.join("cli-arm64/index.json").is_file());
        let mut args = registries.args("4.0.0");
        args.digests = None;
        args.layouts = Some(folder);
        promote(&args, Logins::default()).unwrap();
        assert_eq!(registries.digest("acme/registry", "4.0.0"), built[0].digest);
        assert_eq!(registries.digest("acme/cli", "4.0.0"), built[1].digest);
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
}
