//! Values of environment variables.

use std::fmt;
use std::str::FromStr;

use mesh_core::env::Environment;

use crate::error::{CliError, Kind};

/// Seconds to wait for a process to become ready, or to end.
pub(crate) const DEFAULT_TIMEOUT: u64 = 30;

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

/// Whether `text` means yes; whatever is no word for it does not.
pub(crate) fn is_true(text: &str) -> bool {
    truth(text) == Some(true)
}

/// What the words for yes and no mean.
pub(super) fn truth(text: &str) -> Option<bool> {
    let is_one_of = |words: [&str; 6]| {
        words
            .iter()
            .any(|word| text.trim().eq_ignore_ascii_case(word))
    };
    if is_one_of(["true", "1", "yes", "on", "t", "y"]) {
        Some(true)
    } else if is_one_of(["false", "0", "no", "off", "f", "n"]) {
        Some(false)
    } else {
        None
    }
}

/// A value that makes no sense.
pub(super) fn invalid(name: &str, problem: &dyn fmt::Display) -> CliError {
    CliError::new(format!("{name}: {problem}"))
        .of_kind(Kind::Usage)
        .hint(format!("correct or unset `{name}`"))
}
