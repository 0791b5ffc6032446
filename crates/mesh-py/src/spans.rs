//! `mesh_agent::SpanPublisher` for Python.

use mesh_agent::{Span, SpanPublisher};
use pyo3::prelude::*;

use crate::agent::duration;
use crate::error;

/// Publishes spans to Redis; dropping it stops it without waiting.
#[pyclass(frozen, name = "SpanPublisher", module = "mesh._mesh")]
pub(crate) struct PySpanPublisher(SpanPublisher);

#[pymethods]
impl PySpanPublisher {
    #[new]
    #[pyo3(signature = (url, max_length, /))]
    fn new(url: &str, max_length: u64) -> PyResult<Self> {
        SpanPublisher::start(url, max_length)
            .map(Self)
            .map_err(|error| error::start(&error))
    }

    /// Publishes a span, or drops it. Never waits.
    #[pyo3(signature = (fields, /))]
    fn publish(&self, fields: Span) {
        self.0.publish(fields);
    }

    /// How many spans Redis has taken.
    #[getter]
    fn published(&self) -> u64 {
        self.0.published()
    }

    /// How many spans were dropped.
    #[getter]
    fn dropped(&self) -> u64 {
        self.0.dropped()
    }

    /// Takes no more spans and waits until those that wait are published.
    #[pyo3(signature = (patience, /))]
    fn stop(&self, py: Python<'_>, patience: f64) -> PyResult<()> {
        let patience = duration("patience", patience)?;
        py.detach(|| self.0.stop(patience));
        Ok(())
    }
}
