//! Hands results to asyncio: a future is completed on the thread of its loop.
//!
//! Threads of the runtime enter the interpreter here and nowhere else. One that waits for the interpreter
//! while that is taken down is ended by Python in the middle of our code, which aborts the process. So at the
//! program's exit the last ones are waited for, and no more are let in.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mesh_agent::{CallError, JobsError, ToolOutcome};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;
use serde_json::value::RawValue;

use crate::error;

/// How many threads of the runtime are inside the interpreter.
static INSIDE: AtomicUsize = AtomicUsize::new(0);
/// Whether the program has come to its exit.
static CLOSED: AtomicBool = AtomicBool::new(false);
/// How long an exit waits for them. In a child that was forked while one was inside, it never leaves.
const PATIENCE: Duration = Duration::from_secs(2);

/// A thread of the runtime that may enter the interpreter, until this is dropped.
struct Inside;

impl Inside {
    fn enter() -> Option<Self> {
        INSIDE.fetch_add(1, Ordering::SeqCst);
        // Counted even if it may not: whoever closed in between waits a moment longer for nothing.
        let inside = Self;
        (!CLOSED.load(Ordering::SeqCst)).then_some(inside)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Has the exit of the program wait for the threads that are inside.
pub(crate) fn close_at_exit(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let close = wrap_pyfunction!(close, module)?;
    let atexit = module.py().import("atexit")?;
    atexit.call_method1("register", (close,))?;
    Ok(())
}

#[pyfunction]
fn close(py: Python<'_>) {
    CLOSED.store(true, Ordering::SeqCst);
    py.detach(|| {
        let start = Instant::now();
        // Without a lock, which a fork might copy while it is held.
        while INSIDE.load(Ordering::SeqCst) > 0 && start.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(1));
        }
    });
}

/// An asyncio future that a thread of the runtime will complete.
pub(crate) struct Future {
    future: Py<PyAny>,
    event_loop: Py<PyAny>,
}

impl Future {
    /// Takes hold of a future that belongs to the running loop.
    pub(crate) fn new(future: &Bound<'_, PyAny>) -> PyResult<Self> {
        // Handlers of the exit that run after ours may call, and want their answers.
        CLOSED.store(false, Ordering::SeqCst);
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
    let inside = Inside::enter();
    let outcome = inside.as_ref().and_then(|_| {
        Python::try_attach(|py| {
            if let Err(error) = callback(py) {
                error.write_unraisable(py, None);
            }
        })
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
