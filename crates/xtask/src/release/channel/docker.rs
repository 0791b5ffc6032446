//! The images as `docker pull` brings them, on the CPU of this machine.

use anyhow::{Context, ensure};

use super::{Origin, Proof};
use crate::release::Project;
use crate::release::image::{Image, ImageCheck, Names, Platform, digest_of, public_registries};
use crate::root;

/// Does with the images of Docker Hub what a user does; those of GitHub's registry must be the same bytes.
pub(super) fn prove(origin: &Origin) -> anyhow::Result<Proof> {
    let project = Project::load(root::checkout())?;
    let tag = origin.version.to_string();
    let [hub, github] = public_registries(&project)?;
    for image in Image::ALL {
        let name = github.child(image.name());
        let digests = [hub.child(image.name()), name.clone()].map(|name| digest_of(&name, &tag));
        let [there, here] = digests;
        let here = here.with_context(|| {
            format!("is `{name}` public? its settings on GitHub say who may see a new package")
        })?;
        ensure!(
            there? == here,
            "{image} {tag} of {hub} and {github} differ; published bytes are never replaced, so one of \
             them was not published by a release"
        );
    }
    let platform = Platform::host().context("there are no images for this machine")?;
    let check = ImageCheck {
        names: Names::Tag {
            prefix: hub.to_string(),
            tag,
        },
        platform,
        version: origin.version.clone(),
    };
    let proofs = check.run(None)?;
    let proven: Vec<_> = proofs.into_iter().map(|proof| proof.proven).collect();
    Ok(Proof::new(
        proven.join("; "),
        format!("docker, {platform}; the same digests in {github}"),
    ))
}
