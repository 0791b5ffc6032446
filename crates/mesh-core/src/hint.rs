//! Advice beside an error: the message says what happened, the hint what to try.

use std::borrow::Cow;
use std::error::Error;

/// An error that may know its cure. Logs and HTTP bodies can carry one without the other.
pub trait Hint: Error {
    /// What to try next: a lower-case fragment without a period, or nothing.
    fn hint(&self) -> Option<Cow<'_, str>>;
}
