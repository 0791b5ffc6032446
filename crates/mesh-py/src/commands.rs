//! The two commands, as entry points of the wheel.

use std::ffi::OsString;
use std::process::ExitCode;

use pyo3::prelude::*;

/// `meshctl`, with the arguments in `sys.argv`; its exit code.
#[pyfunction]
pub(crate) fn meshctl(py: Python<'_>) -> PyResult<u8> {
    run(py, ::meshctl::main)
}

/// `mcp-mesh-registry`, with the arguments in `sys.argv`; its exit code.
#[pyfunction]
pub(crate) fn registry(py: Python<'_>) -> PyResult<u8> {
    run(py, ::mesh_registry::cli::run)
}

fn run(py: Python<'_>, command: fn(Vec<OsString>) -> ExitCode) -> PyResult<u8> {
    let arguments = py.import("sys")?.getattr("argv")?.extract()?;
    // Python's handler only takes a note, for an interpreter that will not run again.
    let signal = py.import("signal")?;
    signal.call_method1(
        "signal",
        (signal.getattr("SIGINT")?, signal.getattr("SIG_DFL")?),
    )?;
    let code = py.detach(|| command(arguments));
    // An exit code can be compared and not read.
    Ok((0..=u8::MAX)
        .find(|number| ExitCode::from(*number) == code)
        .unwrap_or(1))
}
