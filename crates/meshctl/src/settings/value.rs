//! Values of environment variables.

use std::fmt;
use std::str::FromStr;

use mesh_core::env::Environment;

use crate::error::{CliError, Kind};

/// A positive number from the environment.
pub(crate) fn number<T>(environment: &Environment, name: &str) -> Result<Option<T>, CliError>
where
    T: FromStr + PartialOrd + From<u8>,
{
    let Some(text) = environment.get(name) else {
        return Ok(None);
    };
    match text.trim().parse() {
        Ok(number) if number >= T::from(1) => Ok(Some(number)),
        _ => Err(invalid(
            name,
            &format_args!("`{text}` is not a whole number of at least 1, or it is too large"),
        )),
    }
}

/// The words that mean yes in the environment.
pub(crate) fn is_true(text: &str) -> bool {
    ["true", "1", "yes", "on", "t", "y"]
        .iter()
        .any(|word| text.trim().eq_ignore_ascii_case(word))
}

/// A value that makes no sense.
pub(super) fn invalid(name: &str, problem: &dyn fmt::Display) -> CliError {
    CliError::new(format!("{name}: {problem}"))
        .of_kind(Kind::Usage)
        .hint(format!("correct or unset `{name}`"))
}
