//! Errors of the other crates as Python exceptions.

use std::error::Error;
use std::fmt::Write as _;

use mesh_agent::{
    CallError, ClientError, InvalidHeader, JobsError, StartError, ToolOutcome, describe,
};
use mesh_core::Hint;
use pyo3::create_exception;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

/// The runtime could not be started.
pub(crate) fn start(error: &StartError) -> PyErr {
    PyRuntimeError::new_err(with_hint(error))
}

/// There is no registry in memory.
#[cfg(feature = "commands")]
pub(crate) fn in_memory(error: &mesh_registry::InMemoryError) -> PyErr {
    PyRuntimeError::new_err(error.to_string())
}

/// A call brought no result. Agents catch `RuntimeError`, whatever went wrong on the way.
pub(crate) fn call(error: &CallError) -> PyErr {
    PyRuntimeError::new_err(with_hint(error))
}

create_exception!(
    mesh._mesh,
    RegistryError,
    PyRuntimeError,
    "The registry could not be asked, or said no."
);

/// A request about jobs brought no answer.
pub(crate) fn registry(py: Python<'_>, error: &JobsError) -> PyErr {
    let (status, reason, transient) = match error {
        JobsError::Registry(error) => match error {
            ClientError::Refused {
                status, message, ..
            } => (Some(*status), message.clone(), error.is_transient()),
            other => (None, describe(other), other.is_transient()),
        },
        other => (None, other.to_string(), false),
    };
    let exception = RegistryError::new_err(with_hint(error));
    let value = exception.value(py);
    let attributes = value
        .setattr("status", status)
        .and_then(|()| value.setattr("reason", reason))
        .and_then(|()| value.setattr("transient", transient));
    attributes.err().unwrap_or(exception)
}

/// The called tool ran and failed.
pub(crate) fn tool(text: String) -> PyErr {
    PyRuntimeError::new_err(text)
}

/// A header that HTTP cannot carry.
pub(crate) fn header(error: &InvalidHeader) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// A text that should be JSON is not.
pub(crate) fn json(what: &str, error: &serde_json::Error) -> PyErr {
    PyValueError::new_err(format!("{what}: {error}"))
}

/// A value that is not one of those that are allowed.
pub(crate) fn choice(what: &str, value: &str, allowed: &str) -> PyErr {
    PyValueError::new_err(format!("{what} is `{value}`; it must be {allowed}"))
}

/// A number of seconds that no duration can hold.
pub(crate) fn seconds(what: &str, value: f64) -> PyErr {
    PyValueError::new_err(format!("{what} is {value}; it must be a number of seconds"))
}

/// What an outcome is to Python: a value to read, or the exception that it raises.
pub(crate) fn failed(outcome: ToolOutcome) -> Result<ToolOutcome, PyErr> {
    match outcome {
        ToolOutcome::Failed { text, .. } => Err(tool(text)),
        value => Ok(value),
    }
}

fn with_hint(error: &impl Hint) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // A transparent error repeats its source.
        if !text.contains(&cause_text) {
            let _infallible = write!(text, ": {cause_text}");
        }
        source = Error::source(cause);
    }
    if let Some(hint) = error.hint() {
        let _infallible = write!(text, " ({hint})");
    }
    text
}
