//! Hands results to asyncio: a future is completed on the thread of its loop.

use mesh_agent::{CallError, JobsError, ToolOutcome};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;
use serde_json::value::RawValue;

use crate::error;

/// An asyncio future that a thread of the runtime will complete.
pub(crate) struct Future {
    future: Py<PyAny>,
    event_loop: Py<PyAny>,
}

impl Future {
    /// Takes hold of a future that belongs to the running loop.
    pub(crate) fn new(future: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self {
            event_loop: future.call_method0("get_loop")?.unbind(),
            future: future.clone().unbind(),
        })
    }

    /// Completes the future, from any thread.
    pub(crate) fn complete(
        self,
        py: Python<'_>,
        result: PyResult<Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let (value, exception) = match result {
            Ok(value) => (Some(value), None),
            Err(error) => (None, Some(error.into_value(py))),
        };
        let settle = settle_function(py)?;
        // Fails when the loop is closed: nobody awaits the future any more.
        let arguments = (settle, self.future, value, exception);
        let _scheduled = self
            .event_loop
            .call_method1(py, "call_soon_threadsafe", arguments);
        Ok(())
    }
}

/// Runs on the loop: the future may have been cancelled in the meantime.
#[pyfunction]
fn settle(
    future: &Bound<'_, PyAny>,
    value: &Bound<'_, PyAny>,
    exception: &Bound<'_, PyAny>,
) -> PyResult<()> {
    if future.call_method0("done")?.is_truthy()? {
        return Ok(());
    }
    if exception.is_none() {
        future.call_method1("set_result", (value,))?;
    } else {
        future.call_method1("set_exception", (exception,))?;
    }
    Ok(())
}

/// The value that a called tool returned, or the exception of its failure.
pub(crate) fn value(
    py: Python<'_>,
    outcome: Result<ToolOutcome, CallError>,
) -> PyResult<Bound<'_, PyAny>> {
    match error::failed(outcome.map_err(|error| error::call(&error))?)? {
        ToolOutcome::Json(json) => self::json(py, json.get()),
        ToolOutcome::Text(text) => Ok(PyString::new(py, &text).into_any()),
        ToolOutcome::Null | ToolOutcome::Failed { .. } => Ok(py.None().into_bound(py)),
    }
}

/// What another agent answered to a request that is no call.
pub(crate) fn result(
    py: Python<'_>,
    result: Result<Box<RawValue>, CallError>,
) -> PyResult<Bound<'_, PyAny>> {
    let result = result.map_err(|error| error::call(&error))?;
    json(py, result.get())
}

/// The registry's answer as Python's `json` reads it, or the exception of its absence.
pub(crate) fn answer(
    py: Python<'_>,
    outcome: Result<Option<Box<RawValue>>, JobsError>,
) -> PyResult<Bound<'_, PyAny>> {
    match outcome {
        Ok(Some(answer)) => json(py, answer.get()),
        Ok(None) => Ok(py.None().into_bound(py)),
        Err(error) => Err(error::registry(py, &error)),
    }
}

/// Runs a callback of a runtime's thread under the interpreter, if there still is one.
pub(crate) fn report(callback: impl FnOnce(Python<'_>) -> PyResult<()>) {
    let outcome = Python::try_attach(|py| {
        if let Err(error) = callback(py) {
            error.write_unraisable(py, None);
        }
    });
    if outcome.is_none() {
        tracing::debug!("a result came after the interpreter had ended");
    }
}

/// `text` as Python's `json` reads it.
pub(crate) fn json<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    Ok(loads(py)?.call1(py, (text,))?.into_bound(py))
}

fn settle_function(py: Python<'_>) -> PyResult<&Py<PyAny>> {
    static SETTLE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    SETTLE.get_or_try_init(py, || Ok(wrap_pyfunction!(settle, py)?.into_any().unbind()))
}

fn loads(py: Python<'_>) -> PyResult<&Py<PyAny>> {
    static LOADS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    LOADS.get_or_try_init(py, || Ok(py.import("json")?.getattr("loads")?.unbind()))
}
