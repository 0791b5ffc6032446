//! What a verb tells while it works.

use std::fmt;
use std::io::{self, Write as _};

/// Prints a line. Somebody who closed our output has seen enough, and the work goes on.
pub(crate) fn say(line: fmt::Arguments<'_>) {
    let mut out = io::stdout().lock();
    let _closed = writeln!(out, "{line}").and_then(|()| out.flush());
}
