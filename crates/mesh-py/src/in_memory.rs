//! `mesh_registry::InMemory` for Python.

use std::sync::Arc;

use mesh_agent::Jobs;
use mesh_registry::InMemory;
use pyo3::prelude::*;

use crate::error;
use crate::jobs::PyJobs;

/// A registry in this process, for tests; ends with its last reference.
#[pyclass(frozen, module = "mesh._mesh")]
pub(crate) struct InMemoryRegistry(InMemory);

#[pymethods]
impl InMemoryRegistry {
    #[new]
    fn new(py: Python<'_>) -> PyResult<Self> {
        py.detach(InMemory::start)
            .map(Self)
            .map_err(|error| error::in_memory(&error))
    }

    /// The status and the body of the answer to a request.
    #[pyo3(signature = (method, path, body = "", /))]
    fn ask(&self, py: Python<'_>, method: &str, path: &str, body: &str) -> PyResult<(u16, String)> {
        let allowed = "GET, HEAD, POST or DELETE";
        let method = method
            .parse()
            .map_err(|_| error::choice("the method", method, allowed))?;
        let answer = py.detach(|| self.0.ask(method, path, body));
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        Ok((answer.status.as_u16(), body))
    }

    /// Asks it about jobs.
    fn jobs(&self) -> PyJobs {
        PyJobs(Jobs::of(
            Arc::clone(self.0.client()),
            self.0.runtime().clone(),
        ))
    }
}
