//! `mesh_agent::CallStream` for Python.

use std::sync::mpsc;

use mesh_agent::{CallError, CallStream, Streamed};
use pyo3::prelude::*;

use crate::completion::{self, Future, report};

/// A call of a tool that says things before it ends; dropping it gives it up.
#[pyclass(frozen, name = "Stream", module = "mesh._mesh")]
pub(crate) struct PyStream(pub(crate) CallStream);

#[pymethods]
impl PyStream {
    /// Completes `future` with `("chunk", text)` or, last, `("end", result)`.
    #[pyo3(signature = (future, /))]
    fn next(&self, future: &Bound<'_, PyAny>) -> PyResult<()> {
        let future = Future::new(future)?;
        self.0.next(move |piece| {
            report(|py| {
                let value = value(py, piece);
                future.complete(py, value)
            });
        });
        Ok(())
    }

    /// The same for whoever waits in a thread.
    fn next_blocking<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let piece = py.detach(|| {
            let (sender, receiver) = mpsc::sync_channel(1);
            self.0.next(move |piece| {
                let _nobody_waits = sender.send(piece);
            });
            receiver.recv().unwrap_or(Err(CallError::Cancelled))
        });
        value(py, piece)
    }

    /// Gives the call up.
    fn close(&self) {
        self.0.close();
    }
}

fn value(py: Python<'_>, piece: Result<Streamed, CallError>) -> PyResult<Bound<'_, PyAny>> {
    let piece = match piece {
        Ok(Streamed::Chunk(text)) => ("chunk", text).into_pyobject(py)?,
        Ok(Streamed::End(outcome)) => {
            ("end", completion::value(py, Ok(outcome))?).into_pyobject(py)?
        }
        Err(error) => return completion::value(py, Err(error)),
    };
    Ok(piece.into_any())
}
