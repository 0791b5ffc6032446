//! What every program of a test gets of the test's own environment.

use std::ffi::OsString;

use crate::platform::ESSENTIAL;

/// The variable by which a process of a test run is recognised, whoever its parent is: what stays
/// behind is counted by it.
pub const RUN_MARK: &str = "MESH_TALLY_RUN";

/// Without which programs do not run, and what they are recognised by; nothing more.
pub fn essential_environment() -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os().filter(|(name, _)| {
        ESSENTIAL
            .iter()
            .chain([&RUN_MARK])
            .any(|essential| name.eq_ignore_ascii_case(essential))
    })
}
