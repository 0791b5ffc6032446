//! From the files of a release to images in a folder, each named by its digest.
//!
//! Nothing leaves this machine: images are built into a registry of their own on loopback, and what
//! lies in the folder afterwards is scanned, tried and published byte for byte.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use super::bases::Bases;
use super::registries::{
    Api, Layouts, Logins, Lookup, Loopback, Pinned, Prefixes, Repository, Transport,
};
use super::{Image, Platform};
use crate::release::{Project, Tool, say};
use crate::root;

/// The same that people call.
const SCRIPT: &str = "packaging/scripts/build-docker.sh";

/// Build the images from the files of a release into a folder, for `check-image` and `promote-images`
///
/// An image that is published already is fetched instead: published bytes are never built again.
#[derive(Debug, clap::Args)]
pub(crate) struct BuildImagesArgs {
    /// The folder of the release's files
    #[arg(long)]
    dir: PathBuf,
    /// The folder for the images; what lies there goes
    #[arg(long)]
    layouts: PathBuf,
    /// Where the version may be published already, such as `docker.io/mcpmesh`; more after spaces
    #[arg(long)]
    published: Vec<Prefixes>,
    /// What to build for, if not for all platforms
    #[arg(long, value_delimiter = ',')]
    platforms: Vec<Platform>,
    /// Build on what the bases' tags name today, whatever is pinned, as a rehearsal without a network must
    #[arg(long)]
    unpinned: bool,
    /// The checkout that was built
    #[arg(long, default_value_os_t = root::checkout().to_owned(), hide_default_value = true)]
    workspace: PathBuf,
}

pub(crate) fn run(args: &BuildImagesArgs) -> anyhow::Result<()> {
    let BuildImagesArgs {
        dir,
        layouts,
        published,
        platforms,
        unpinned,
        workspace,
    } = args;
    let project = Project::load(workspace)?;
    let platforms = if platforms.is_empty() {
        Platform::ALL.to_vec()
    } else {
        platforms.clone()
    };
    let mut images = published_images(&Prefixes::flatten(published), &project.version.to_string())?;
    let missing: Vec<_> = Image::ALL
        .into_iter()
        .filter(|image| !images.contains_key(image))
        .collect();
    let layouts = Layouts::create(layouts)?;
    layouts.remember(dir)?;
    let loopback = Loopback::start()?;
    if !missing.is_empty() {
        let build = Build {
            dir,
            workspace,
            platforms: &platforms,
            prefix: loopback.prefix()?,
            unpinned: *unpinned,
        };
        images.extend(build.run(&missing)?);
    }
    for (image, pinned) in &images {
        layouts.add(*image, pinned, &platforms)?;
        say(format_args!("{image} is {}", pinned.digest));
    }
    Ok(())
}

/// The images that have the tag `version` somewhere, the first place wins.
fn published_images(
    prefixes: &[Repository],
    version: &str,
) -> anyhow::Result<BTreeMap<Image, Pinned>> {
    let logins = Logins::default();
    let mut found = BTreeMap::new();
    for image in Image::ALL {
        for prefix in prefixes {
            let repository = prefix.child(image.name());
            // Hidden is what a registry may say of a repository that does not exist yet.
            if let Lookup::Found(manifest) =
                Api::new(&repository, &logins, Transport::Usual).find(version)?
            {
                say(format_args!(
                    "{} is published; its bytes are taken",
                    repository.with_tag(version)
                ));
                let digest = manifest.digest;
                found.insert(image, Pinned { repository, digest });
                break;
            }
        }
    }
    Ok(found)
}

struct Build<'a> {
    dir: &'a Path,
    workspace: &'a Path,
    platforms: &'a [Platform],
    prefix: Repository,
    unpinned: bool,
}

impl Build<'_> {
    fn run(&self, images: &[Image]) -> anyhow::Result<BTreeMap<Image, Pinned>> {
        let scratch = tempfile::tempdir().context("failed to create a temporary folder")?;
        let list = scratch.path().join("digests");
        let words = |words: Vec<String>, between| words.join(between);
        let mut script = Tool::at(&self.workspace.join(SCRIPT))
            .current_dir(self.workspace)
            .env("RELEASE_DIR", std::path::absolute(self.dir)?)
            .env("DOCKER_REGISTRY", self.prefix.to_string())
            // buildah's images with health checks are of a kind that a layout cannot hold.
            .env("DOCKER_BUILDER", "buildx")
            .env("DOCKER_PUSH", "digest")
            .env("OUTPUT_DIR", scratch.path().join("output"))
            .env("DOCKER_DIGESTS", &list)
            .env(
                "DOCKER_IMAGES",
                words(images.iter().map(Image::to_string).collect(), " "),
            )
            .env(
                "DOCKER_PLATFORMS",
                words(
                    self.platforms.iter().map(Platform::to_string).collect(),
                    ",",
                ),
            );
        for base in Bases::load(self.workspace)?.iter() {
            let reference = if self.unpinned {
                base.image.clone()
            } else {
                base.reference()?
            };
            script = script.env(&base.argument, reference);
        }
        script.show().context("the images cannot be built")?;

        let built: BTreeMap<_, _> = Pinned::read_list(&list)?
            .into_iter()
            .map(|pinned| Ok((pinned.image()?, pinned)))
            .collect::<anyhow::Result<_>>()?;
        ensure!(
            built.keys().copied().eq(images.iter().copied()),
            "{} were asked for, but `{SCRIPT}` built {}",
            words(images.iter().map(Image::to_string).collect(), ", "),
            words(built.keys().map(Image::to_string).collect(), ", ")
        );
        Ok(built)
    }
}

/// Debian's `docker-registry` and skopeo are there on Linux.
#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::super::registries::samples;
    use super::*;

    #[test]
    fn what_is_published_somewhere_is_not_built_again() {
        let hub = Loopback::start().unwrap();
        let registry = samples::image(&hub, "acme/registry", "one");
        samples::tag(&registry, "4.0.0");
        let cli = samples::image(&hub, "mirror/cli", "one");
        samples::tag(&cli, "4.0.0");
        let other = samples::image(&hub, "acme/python-runtime", "one");
        samples::tag(&other, "3.9.0");
        let prefixes =
            ["acme", "mirror"].map(|path| format!("{}/{path}", hub.host()).parse().unwrap());
        let found = published_images(&prefixes, "4.0.0").unwrap();
        let found: Vec<_> = found.into_iter().collect();
        assert_eq!(found, [(Image::Registry, registry), (Image::Cli, cli)]);
    }
}
