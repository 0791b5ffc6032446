//! `mesh_agent::Agent` for Python.

use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use mesh_agent::{Agent, AgentSettings, Call, Headers, Health, Stopped, TlsFiles};
use mesh_core::wire::Registration;
use pyo3::prelude::*;
use pyo3::types::PyList;
use serde_json::value::RawValue;

use crate::completion::{self, Future, report};
use crate::error;
use crate::jobs::PyJobs;
use crate::llm::LlmTexts;
use crate::stream::PyStream;
use crate::target::PyTarget;

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
    tls_ca: Option<PathBuf>,
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
}

/// Arguments as a JSON object, seconds, headers.
type Request = (String, f64, Vec<(String, String)>);

/// A running agent.
#[pyclass(frozen, name = "Agent", module = "mesh._mesh")]
pub(crate) struct PyAgent {
    agent: Agent,
    /// What the wiring says of LLM functions, as Python reads it.
    llm: LlmTexts,
}

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
            tls: TlsFiles {
                ca: settings.tls_ca,
                certificate: settings.tls_cert,
                key: settings.tls_key,
            },
            observer: None,
        };
        let registration = parse_registration(registration)?;
        py.detach(|| Agent::start(registration, &settings))
            .map(|agent| Self {
                agent,
                llm: LlmTexts::default(),
            })
            .map_err(|error| error::start(&error))
    }

    #[getter]
    fn agent_id(&self) -> &str {
        self.agent.agent_id()
    }

    /// The state towards the registry, and the last failure.
    fn status(&self) -> (&'static str, Option<String>) {
        let status = self.agent.status();
        (status.state.as_str(), status.last_error)
    }

    /// The provider of a dependency, if there is one now.
    #[pyo3(signature = (function, index, /))]
    fn slot(&self, function: &str, index: usize) -> Option<PyTarget> {
        self.agent.slot(function, index).map(PyTarget)
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
            self.agent.wait_for_slot(function, index, move |target| {
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
            self.agent.wait_for_slot(function, index, move |target| {
                let _nobody_waits = sender.send(target);
            });
            receiver.recv().ok().flatten()
        })
        .map(PyTarget)
    }

    /// The tools that the LLM filter of a function selects. The list is read once per change and
    /// belongs to everybody: it must not be changed.
    #[pyo3(signature = (function, /))]
    fn llm_tools<'py>(&self, py: Python<'py>, function: &str) -> PyResult<Bound<'py, PyAny>> {
        match self.agent.wiring().llm_tools(function) {
            Some(tools) => self.llm.tools.read(py, function, &tools),
            None => Ok(PyList::empty(py).into_any()),
        }
    }

    /// The LLM provider of a function, if there is one now; it must not be changed either.
    #[pyo3(signature = (function, /))]
    fn llm_provider<'py>(
        &self,
        py: Python<'py>,
        function: &str,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let provider = self.agent.wiring().llm_provider(function);
        self.read_provider(py, function, provider)
    }

    /// The public address of the A2A surface at `path`, if the registry offers one.
    #[pyo3(signature = (path, /))]
    fn public_url(&self, path: &str) -> Option<String> {
        let wiring = self.agent.wiring();
        let surface = wiring
            .surfaces()
            .iter()
            .find(|surface| surface.path == path)?;
        surface.public_url.clone()
    }

    /// Completes `future` with the LLM provider, when there is one or when waiting has no more sense.
    #[pyo3(signature = (function, future, /))]
    fn await_llm_provider(
        &self,
        py: Python<'_>,
        function: &str,
        future: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let future = Future::new(future)?;
        py.detach(|| {
            self.agent.wait_for_llm_provider(function, move |provider| {
                report(|py| {
                    let provider = provider.map(|provider| completion::json(py, &provider));
                    let none = py.None().into_bound(py);
                    future.complete(py, provider.unwrap_or(Ok(none)))
                });
            });
        });
        Ok(())
    }

    /// Waits for the LLM provider, until waiting has no more sense.
    #[pyo3(signature = (function, /))]
    fn wait_llm_provider<'py>(
        &self,
        py: Python<'py>,
        function: &str,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let provider = py.detach(|| {
            let (sender, receiver) = mpsc::sync_channel(1);
            self.agent.wait_for_llm_provider(function, move |provider| {
                let _nobody_waits = sender.send(provider);
            });
            receiver.recv().ok().flatten()
        });
        self.read_provider(py, function, provider)
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
        let handle = self.agent.call(call, move |outcome| {
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
        let outcome = py.detach(|| self.agent.call_blocking(call));
        completion::value(py, outcome)
    }

    /// Calls a tool of `target` that says things before it ends; the request's seconds are those that
    /// it may be silent.
    #[pyo3(signature = (target, request, /))]
    fn stream(&self, target: &PyTarget, request: Request) -> PyResult<PyStream> {
        Ok(PyStream(self.agent.stream(prepare(target, request)?)))
    }

    /// Asks `target` for an MCP method, the arguments being its parameters, and completes `future` with
    /// its result as it is.
    #[pyo3(signature = (target, method, request, future, /))]
    fn request(
        &self,
        target: &PyTarget,
        method: &str,
        request: Request,
        future: &Bound<'_, PyAny>,
    ) -> PyResult<CallHandle> {
        let call = prepare(target, request)?;
        let future = Future::new(future)?;
        let handle = self.agent.request(call, method, move |result| {
            report(|py| {
                let value = completion::result(py, result);
                future.complete(py, value)
            });
        });
        Ok(CallHandle(handle))
    }

    /// Describes the agent anew; the registry is told at once.
    #[pyo3(signature = (registration, /))]
    fn replace(&self, registration: &str) -> PyResult<()> {
        self.agent.replace(parse_registration(registration)?);
        Ok(())
    }

    /// Takes the agent's verdict on itself: `healthy`, `degraded` or `unhealthy`.
    #[pyo3(signature = (health, /))]
    fn set_health(&self, health: &str) -> PyResult<()> {
        let allowed = "`healthy`, `degraded` or `unhealthy`";
        let health =
            Health::parse(health).ok_or_else(|| error::choice("the health", health, allowed))?;
        self.agent.set_health(health);
        Ok(())
    }

    /// What the agent asks its registry about jobs.
    fn jobs(&self, py: Python<'_>) -> PyResult<PyJobs> {
        self.agent
            .jobs()
            .map(PyJobs)
            .map_err(|error| error::registry(py, &error))
    }

    /// How many jobs waited for agents of this name when the registry was heard last.
    fn pending_hint(&self) -> u32 {
        self.agent.pending_jobs()
    }

    /// Leaves the mesh; what could not be done is returned.
    #[pyo3(signature = (patience, /))]
    fn stop(&self, py: Python<'_>, patience: f64) -> PyResult<Option<String>> {
        let patience = duration("patience", patience)?;
        match py.detach(|| self.agent.stop(patience)) {
            Stopped::Left | Stopped::NothingToLeave => Ok(None),
            Stopped::Unheard(reason) => Ok(Some(reason)),
        }
    }
}

impl PyAgent {
    fn read_provider<'py>(
        &self,
        py: Python<'py>,
        function: &str,
        provider: Option<Arc<str>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let provider = provider.map(|text| self.llm.providers.read(py, function, &text));
        provider.transpose()
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
