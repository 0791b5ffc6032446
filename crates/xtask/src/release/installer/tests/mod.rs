//! The hardened installers, read and run.
//!
//! `machine` is what the shell installer runs on: a home, chosen programs, and a hub with releases. The
//! modules after it are what can happen there.

#[cfg(unix)]
mod failures;
#[cfg(unix)]
mod folders;
#[cfg(unix)]
mod installing;
#[cfg(unix)]
mod machine;
#[cfg(unix)]
mod tokens;
mod transformations;
#[cfg(unix)]
mod uninstalling;
#[cfg(unix)]
mod versions;

use crate::release::Project;

/// The project as it stands, at another version.
pub(super) fn project(version: &str) -> Project {
    let mut project = Project::load(crate::root::checkout()).expect("the workspace has a manifest");
    project.version = version.parse().expect("a version");
    project
}
