//! Where people pull images from.

use super::Repository;
use crate::release::Project;

/// Docker Hub first: its images are public from the start, so whoever looks for a published version
/// finds it there.
pub(crate) fn public(project: &Project) -> anyhow::Result<[Repository; 2]> {
    let hub = format!("docker.io/{}", project.release.image_organisation);
    let github = format!("ghcr.io/{}/{}", project.owner, project.name);
    // GitHub's names may have capitals, images' may not.
    Ok([hub.parse()?, github.to_lowercase().parse()?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::project::tests::fork;

    #[test]
    fn a_fork_publishes_under_its_own_names() {
        let names = public(&fork()).unwrap().map(|prefix| prefix.to_string());
        assert_eq!(names, ["docker.io/acme", "ghcr.io/acme/mesh"]);
    }
}
