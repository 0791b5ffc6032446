//! `cargo xtask release check-image`: what a user does with the three images, by the docker command.
//!
//! The same checks prove images before they get a tag, in a rehearsal, and after a release. Whatever
//! they start is removed, even when they fail.

mod content;
mod docker;
mod mesh;
mod server;
mod stop;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};

use self::docker::Docker;
use super::registries::{Layouts, Loopback, Pinned, Repository};
use super::{Image, Platform};
use crate::release::channel::Proof;
use crate::release::{Project, ReleaseVersion, say};
use crate::root;

/// Do with the images what a user does
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("images").required(true))]
pub(crate) struct CheckImageArgs {
    /// What stands before the images' names, such as `docker.io/mcpmesh`
    #[arg(long, required_unless_present_any = ["digests", "layouts"])]
    registry: Option<Repository>,
    /// The tag to check
    #[arg(long, requires = "registry", group = "images")]
    tag: Option<String>,
    /// The file of `NAME@sha256:…` lines that a build wrote
    #[arg(long, group = "images")]
    digests: Option<PathBuf>,
    /// The folder that `build-images` filled
    #[arg(long, group = "images")]
    layouts: Option<PathBuf>,
    /// What they run as
    #[arg(long)]
    platform: Platform,
    /// The version that they must be of, if not the workspace's
    #[arg(long)]
    version: Option<ReleaseVersion>,
    /// The daemon, if not the one of `DOCKER_HOST`
    #[arg(long)]
    docker_host: Option<String>,
}

pub(crate) fn run(args: &CheckImageArgs) -> anyhow::Result<()> {
    // It serves the folder until everything is checked.
    let mut loopback = None;
    let names = match (&args.layouts, &args.digests, &args.registry) {
        (Some(folder), ..) => {
            let loopback = loopback.insert(Loopback::start()?);
            Names::Digests(Layouts::open(folder).serve(loopback)?)
        }
        (None, Some(file), _) => Names::Digests(Pinned::read_list(file)?),
        (None, None, registry) => {
            let known = "name the images with `--registry` and `--tag`, `--digests` or `--layouts`";
            Names::Tag {
                prefix: registry.as_ref().context(known)?.to_string(),
                tag: args.tag.clone().context(known)?,
            }
        }
    };
    let version = match &args.version {
        Some(version) => version.clone(),
        None => Project::load(root::checkout())?.version,
    };
    let check = ImageCheck {
        names,
        platform: args.platform,
        version,
    };
    for proof in check.run(args.docker_host.as_deref())? {
        say(format_args!("{} ({})", proof.proven, proof.how));
    }
    Ok(())
}

/// What the images of a release are called somewhere.
#[derive(Debug, Clone)]
pub(crate) enum Names {
    /// By a tag, below a prefix.
    Tag { prefix: String, tag: String },
    /// By their bytes.
    Digests(Vec<Pinned>),
}

/// Images to try, and what they must be.
#[derive(Debug)]
pub(crate) struct ImageCheck {
    pub(crate) names: Names,
    pub(crate) platform: Platform,
    pub(crate) version: ReleaseVersion,
}

impl ImageCheck {
    /// Does all of it on the daemon at `docker_host`, or else the usual one, and says what it proved.
    pub(crate) fn run(&self, docker_host: Option<&str>) -> anyhow::Result<Vec<Proof>> {
        let docker = Docker::new(docker_host, self.platform);
        let trial = Trial {
            check: self,
            project: Project::load(root::checkout())?,
            docker: &docker,
        };
        let mut proofs = Vec::new();
        for (name, step) in STEPS {
            let more = step(&trial).with_context(|| format!("{name} on {}", self.platform))?;
            proofs.extend(more);
        }
        docker.remove_everything()?;
        Ok(proofs)
    }
}

type StepOf = fn(&Trial<'_>) -> anyhow::Result<Vec<Proof>>;

const STEPS: [(&str, StepOf); 5] = [
    ("what the images are", content::check),
    ("the registry's start", server::starts),
    ("the registry's data", server::keeps_its_data),
    (
        "a registry that cannot write",
        server::says_when_it_cannot_write,
    ),
    ("a mesh of containers", mesh::check),
];

/// One run of the checks.
struct Trial<'a> {
    check: &'a ImageCheck,
    project: Project,
    docker: &'a Docker,
}

impl Trial<'_> {
    /// What docker calls `image`.
    fn reference(&self, image: Image) -> anyhow::Result<String> {
        match &self.check.names {
            Names::Tag { prefix, tag } => Ok(format!("{prefix}/{image}:{tag}")),
            Names::Digests(pinned) => {
                for one in pinned {
                    if one.image()? == image {
                        return Ok(one.to_string());
                    }
                }
                anyhow::bail!("no digest is known of the image `{image}`")
            }
        }
    }

    /// How long something may take that usually takes a second.
    fn patience(&self) -> Duration {
        if self.is_native() {
            Duration::from_mins(1)
        } else {
            Duration::from_mins(6)
        }
    }

    /// Whether this machine runs the images without emulation, so that times mean something.
    fn is_native(&self) -> bool {
        Platform::host() == Some(self.check.platform)
    }

    fn how(&self, what: &str) -> String {
        if self.is_native() {
            what.to_owned()
        } else {
            format!("{what}, emulated by qemu")
        }
    }

    /// Whether a program said the version as the last word of its first line.
    fn says_version(&self, what: &str, said: &str) -> anyhow::Result<()> {
        let version = self.check.version.to_string();
        let word = said
            .lines()
            .next()
            .and_then(|line| line.split_whitespace().last());
        ensure!(
            word == Some(&version),
            "{what} says `{said}`, expected version {version}"
        );
        Ok(())
    }
}
