//! Whom to call.

use std::sync::Arc;

use mesh_agent::Target;
use pyo3::prelude::*;
use serde_json::value::RawValue;

use crate::{completion, error};

/// The provider of one dependency.
#[pyclass(frozen, name = "Target", module = "mesh._mesh")]
pub(crate) struct PyTarget(pub(crate) Arc<Target>);

#[pymethods]
impl PyTarget {
    #[getter]
    fn agent_id(&self) -> &str {
        &self.0.agent_id
    }

    #[getter]
    fn endpoint(&self) -> &str {
        &self.0.endpoint
    }

    #[getter]
    fn function_name(&self) -> &str {
        &self.0.function_name
    }

    #[getter]
    fn capability(&self) -> &str {
        &self.0.capability
    }

    /// The provider's free-form data, if it has any.
    fn kwargs<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let kwargs = self.0.kwargs.as_deref();
        kwargs
            .map(|kwargs| completion::json(py, kwargs.get()))
            .transpose()
    }

    /// Whom to call, when it was not the wiring that said so.
    #[staticmethod]
    #[pyo3(signature = (agent_id, endpoint, function_name, capability, kwargs = None, /))]
    fn of(
        agent_id: String,
        endpoint: String,
        function_name: String,
        capability: String,
        kwargs: Option<String>,
    ) -> PyResult<Self> {
        let kwargs = kwargs.map(RawValue::from_string).transpose();
        Ok(Self(Arc::new(Target {
            agent_id,
            endpoint,
            function_name,
            capability,
            kwargs: kwargs.map_err(|error| error::json("the kwargs", &error))?,
        })))
    }

    /// Another function of the same agent.
    fn with_function(&self, name: &str) -> Self {
        let mut target = Target::clone(&self.0);
        name.clone_into(&mut target.function_name);
        Self(Arc::new(target))
    }
}
