//! What the tests of this module have in common.

use std::path::Path;

use crate::release::Project;

/// The project as it stands, at another version.
pub(super) fn project(version: &str) -> Project {
    let mut project =
        Project::load(Path::new(crate::root::checkout())).expect("the workspace has a manifest");
    project.version = version.parse().expect("a version");
    project
}
