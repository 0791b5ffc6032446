//! `mesh_agent::Agent` for Python.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use mesh_agent::{Agent, AgentSettings, Call, Headers, Health, Stopped, Target};
use mesh_core::wire::Registration;
use pyo3::prelude::*;
use serde_json::value::RawValue;

use crate::completion::{self, Future, report};
use crate::error;
use crate::jobs::PyJobs;

/// The provider of one dependency.
#[pyclass(frozen, name = "Target", module = "mesh._mesh")]
pub(crate) struct PyTarget(Arc<Target>);

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

    /// Another function of the same agent.
    fn with_function(&self, name: &str) -> Self {
        let mut target = Target::clone(&self.0);
        name.clone_into(&mut target.function_name);
        Self(Arc::new(target))
    }
}

/// A call under way.
#[pyclass(frozen, module = "mesh._mesh")]
pub(crate) struct CallHandle(pub(crate) mesh_agent::CallHandle);

#[pymethods]
impl CallHandle {
    /// Gives the call up.
    fn cancel(&self) {
        self.0.cancel();
    }
}

/// The attributes of Python's settings that matter here.
#[derive(FromPyObject)]
struct StartSettings {
    registry_url: String,
    heartbeat_interval: f64,
    settle_timeout: f64,
    standalone: bool,
}

/// Arguments as a JSON object, seconds, headers.
type Request = (String, f64, Vec<(String, String)>);

/// A running agent.
#[pyclass(frozen, name = "Agent", module = "mesh._mesh")]
pub(crate) struct PyAgent(Agent);

#[pymethods]
impl PyAgent {
    /// Starts the runtime's thread, which registers the agent at once.
    #[staticmethod]
    #[pyo3(signature = (registration, settings, /))]
    fn start(py: Python<'_>, registration: &str, settings: StartSettings) -> PyResult<Self> {
        let settings = AgentSettings {
            registry_url: settings.registry_url,
            heartbeat_interval: duration("heartbeat_interval", settings.heartbeat_interval)?,
            settle: duration("settle_timeout", settings.settle_timeout)?,
            standalone: settings.standalone,
            observer: None,
        };
        let registration = parse_registration(registration)?;
        py.detach(|| Agent::start(registration, &settings))
            .map(Self)
            .map_err(|error| error::start(&error))
    }

    #[getter]
    fn agent_id(&self) -> &str {
        self.0.agent_id()
    }

    /// The state towards the registry, and the last failure.
    fn status(&self) -> (&'static str, Option<String>) {
        let status = self.0.status();
        (status.state.as_str(), status.last_error)
    }

    /// The provider of a dependency, if there is one now.
    #[pyo3(signature = (function, index, /))]
    fn slot(&self, function: &str, index: usize) -> Option<PyTarget> {
        self.0.slot(function, index).map(PyTarget)
    }

    /// Completes `future` with the provider, when there is one or when waiting has no more sense.
    #[pyo3(signature = (function, index, future, /))]
    fn await_slot(
        &self,
        py: Python<'_>,
        function: &str,
        index: usize,
        future: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let future = Future::new(future)?;
        py.detach(|| {
            self.0.wait_for_slot(function, index, move |target| {
                report(|py| {
                    let target = target.map(PyTarget).into_pyobject(py);
                    future.complete(py, target)
                });
            });
        });
        Ok(())
    }

    /// Waits for the provider, until waiting has no more sense.
    #[pyo3(signature = (function, index, /))]
    fn wait_slot(&self, py: Python<'_>, function: &str, index: usize) -> Option<PyTarget> {
        py.detach(|| {
            let (sender, receiver) = mpsc::sync_channel(1);
            self.0.wait_for_slot(function, index, move |target| {
                let _nobody_waits = sender.send(target);
            });
            receiver.recv().ok().flatten()
        })
        .map(PyTarget)
    }

    /// Calls `target` and completes `future` with the result.
    #[pyo3(signature = (target, request, future, /))]
    fn call(
        &self,
        target: &PyTarget,
        request: Request,
        future: &Bound<'_, PyAny>,
    ) -> PyResult<CallHandle> {
        let call = prepare(target, request)?;
        let future = Future::new(future)?;
        let handle = self.0.call(call, move |outcome| {
            report(|py| {
                let value = completion::value(py, outcome);
                future.complete(py, value)
            });
        });
        Ok(CallHandle(handle))
    }

    /// Calls `target` and waits for the result.
    #[pyo3(signature = (target, request, /))]
    fn call_blocking<'py>(
        &self,
        py: Python<'py>,
        target: &PyTarget,
        request: Request,
    ) -> PyResult<Bound<'py, PyAny>> {
        let call = prepare(target, request)?;
        let outcome = py.detach(|| self.0.call_blocking(call));
        completion::value(py, outcome)
    }

    /// Describes the agent anew; the registry is told at once.
    #[pyo3(signature = (registration, /))]
    fn replace(&self, registration: &str) -> PyResult<()> {
        self.0.replace(parse_registration(registration)?);
        Ok(())
    }

    /// Takes the agent's verdict on itself: `healthy`, `degraded` or `unhealthy`.
    #[pyo3(signature = (health, /))]
    fn set_health(&self, health: &str) -> PyResult<()> {
        let allowed = "`healthy`, `degraded` or `unhealthy`";
        let health =
            Health::parse(health).ok_or_else(|| error::choice("the health", health, allowed))?;
        self.0.set_health(health);
        Ok(())
    }

    /// What the agent asks its registry about jobs.
    fn jobs(&self, py: Python<'_>) -> PyResult<PyJobs> {
        self.0
            .jobs()
            .map(PyJobs)
            .map_err(|error| error::registry(py, &error))
    }

    /// How many jobs waited for agents of this name when the registry was heard last.
    fn pending_hint(&self) -> u32 {
        self.0.pending_jobs()
    }

    /// Leaves the mesh; what could not be done is returned.
    #[pyo3(signature = (patience, /))]
    fn stop(&self, py: Python<'_>, patience: f64) -> PyResult<Option<String>> {
        let patience = duration("patience", patience)?;
        match py.detach(|| self.0.stop(patience)) {
            Stopped::Left | Stopped::NothingToLeave => Ok(None),
            Stopped::Unheard(reason) => Ok(Some(reason)),
        }
    }
}

fn parse_registration(text: &str) -> PyResult<Registration> {
    serde_json::from_str(text).map_err(|error| error::json("the registration", &error))
}

pub(crate) fn duration(what: &str, seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|_| error::seconds(what, seconds))
}

fn prepare(target: &PyTarget, (arguments, timeout, headers): Request) -> PyResult<Call> {
    let arguments =
        RawValue::from_string(arguments).map_err(|error| error::json("the arguments", &error))?;
    let mut sent = Headers::new();
    for (name, value) in headers {
        sent.push(&name, &value)
            .map_err(|error| error::header(&error))?;
    }
    Ok(Call {
        target: Arc::clone(&target.0),
        arguments,
        timeout: duration("timeout", timeout)?,
        headers: sent,
    })
}
