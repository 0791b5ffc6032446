//! Where the runtime's own log lines go.

use pyo3::prelude::*;
use tracing_subscriber::filter::LevelFilter;

use crate::error;

/// Writes the runtime's events to standard error; a second call changes nothing.
#[pyfunction]
#[pyo3(signature = (level, /))]
pub(crate) fn start_logging(level: &str) -> PyResult<()> {
    let filter = level
        .parse::<LevelFilter>()
        .map_err(|_| error::choice("the log level", level, "a level of the tracing crate"))?;
    // Fails when there is a subscriber already, which then stays.
    let _installed = tracing_subscriber::fmt()
        .with_max_level(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .try_init();
    Ok(())
}
