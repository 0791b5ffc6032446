//! What every program of a test gets of the test's own environment.

use std::ffi::OsString;

use crate::platform::ESSENTIAL;

/// Without which programs do not run, and nothing more.
pub fn essential_environment() -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os().filter(|(name, _)| {
        ESSENTIAL
            .iter()
            .any(|essential| name.eq_ignore_ascii_case(essential))
    })
}
