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
    Api, Digest, Layouts, Logins, Lookup, Loopback, Pinned, Prefixes, Repository, Skopeo, Transport,
};
use crate::release::{Project, ReleaseVersion, say, signature};
use crate::root;

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
    /// The folder of the signed release that the images in `--layouts` must have been built from
    #[arg(long, requires = "layouts")]
    signed: Option<PathBuf>,
    /// Where the images go, such as `docker.io/mcpmesh`, to which their names are added; more after spaces
    #[arg(long, required = true)]
    to: Vec<Prefixes>,
    /// The tags, separated by spaces; a version's stays where it is, others move
    #[arg(long)]
    tags: Tags,
    /// The file that GitHub reads a step's outputs from
    #[arg(long)]
    github_output: Option<PathBuf>,
    /// The checkout that was built
    #[arg(long, default_value_os_t = root::checkout().to_owned(), hide_default_value = true)]
    workspace: PathBuf,
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
            let layouts = Layouts::open(folder);
            if let Some(release) = &args.signed {
                are_of_signed_release(&layouts, release, args)?;
            }
            layouts.serve(loopback.insert(Loopback::start()?))?
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
        copies: copies(&sources, &Prefixes::flatten(&args.to))?,
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

/// Images are made of the bytes that people verify, and get the tags of that version alone.
fn are_of_signed_release(
    layouts: &Layouts,
    release: &Path,
    args: &PromoteImagesArgs,
) -> anyhow::Result<()> {
    let project = Project::load(&args.workspace)?;
    let version = project.version.to_string();
    let key = signature::public_key(None, &project)?;
    let signed = signature::verify_folder(release, key, &project.version)?;
    ensure!(
        layouts.release()? == signed,
        "the images were built from other files than the release in `{}`; build them from these",
        release.display()
    );
    for tag in &args.tags.0 {
        if let Tag::Version(name) = tag {
            ensure!(
                *name == version,
                "the images are of {version}, so `{name}` is no tag of theirs"
            );
        }
    }
    Ok(())
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
mod tests;
