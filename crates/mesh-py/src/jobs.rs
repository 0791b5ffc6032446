//! `mesh_agent::Jobs` for Python. Requests come as JSON, answers go as the wire has them.

use std::path::PathBuf;
use std::time::Duration;

use mesh_agent::{JobCall, JobEventQuery, JobWait, Jobs, TlsFiles};
use mesh_core::wire::{
    CancelRequest, ClaimRequest, DeltaRequest, JobEventRequest, JobRequest, JobStatus,
    ReleaseRequest,
};
use pyo3::prelude::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::agent::{CallHandle, duration};
use crate::completion::{self, Future, report};
use crate::error;

/// Asks a registry about jobs. Every request completes a future.
#[pyclass(frozen, name = "Jobs", module = "mesh._mesh")]
pub(crate) struct PyJobs(pub(crate) Jobs);

/// Which events of a job to read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventsQuery {
    #[serde(default)]
    after: i64,
    #[serde(default)]
    types: Option<Vec<String>>,
    #[serde(default)]
    wait: f64,
    #[serde(default)]
    limit: Option<u32>,
    #[serde(default)]
    instance_id: Option<String>,
    #[serde(default)]
    claim_epoch: Option<i64>,
}

#[pymethods]
impl PyJobs {
    /// For a program that is no agent.
    #[staticmethod]
    #[pyo3(signature = (registry_url, /, *, tls_ca = None, tls_cert = None, tls_key = None))]
    fn connect(
        py: Python<'_>,
        registry_url: &str,
        tls_ca: Option<PathBuf>,
        tls_cert: Option<PathBuf>,
        tls_key: Option<PathBuf>,
    ) -> PyResult<Self> {
        let tls = TlsFiles {
            ca: tls_ca,
            certificate: tls_cert,
            key: tls_key,
        };
        py.detach(|| Jobs::connect(registry_url, &tls))
            .map(Self)
            .map_err(|error| error::start(&error))
    }

    /// Creates a job.
    #[pyo3(signature = (request, future, /))]
    fn create(&self, request: &str, future: &Bound<'_, PyAny>) -> PyResult<CallHandle> {
        let request: JobRequest = parse("the job", request)?;
        self.send(JobCall::create(&request), future)
    }

    /// The job, once it is in another state than `known`, or over, or the wait is.
    #[pyo3(signature = (job_id, wait, future, /, known = "working"))]
    fn get(
        &self,
        job_id: &str,
        wait: f64,
        future: &Bound<'_, PyAny>,
        known: &str,
    ) -> PyResult<CallHandle> {
        let all: Vec<_> = JobStatus::ALL.iter().map(|s| s.as_str()).collect();
        let allowed = format!("one of {}", all.join(", "));
        let until = JobWait {
            known: JobStatus::parse(known)
                .ok_or_else(|| error::choice("the known state", known, &allowed))?,
            wait: duration("wait", wait)?,
        };
        self.send(JobCall::read(job_id, &until), future)
    }

    /// The oldest job for the capability, if there is one when the wait is over.
    #[pyo3(signature = (capability, instance_id, wait, future, /))]
    fn claim(
        &self,
        capability: String,
        instance_id: String,
        wait: f64,
        future: &Bound<'_, PyAny>,
    ) -> PyResult<CallHandle> {
        let claim = ClaimRequest {
            capability,
            instance_id,
            wait: whole_seconds(duration("wait", wait)?),
        };
        let future = Future::new(future)?;
        let handle = self.0.send(JobCall::claim(&claim), move |outcome| {
            report(|py| {
                let value = completion::answer(py, outcome).and_then(first_claimed);
                future.complete(py, value)
            });
        });
        Ok(CallHandle(handle))
    }

    /// Reports what happened to jobs that run here.
    #[pyo3(signature = (deltas, future, /))]
    fn report(&self, deltas: &str, future: &Bound<'_, PyAny>) -> PyResult<CallHandle> {
        let deltas: DeltaRequest = parse("the deltas", deltas)?;
        self.send(JobCall::report(&deltas), future)
    }

    /// Gives a claim back.
    #[pyo3(signature = (job_id, request, future, /))]
    fn release(
        &self,
        job_id: &str,
        request: &str,
        future: &Bound<'_, PyAny>,
    ) -> PyResult<CallHandle> {
        let request: ReleaseRequest = parse("the release", request)?;
        self.send(JobCall::release(job_id, &request), future)
    }

    /// Ends a job, whoever runs it.
    #[pyo3(signature = (job_id, reason, future, /))]
    fn cancel(
        &self,
        job_id: &str,
        reason: Option<String>,
        future: &Bound<'_, PyAny>,
    ) -> PyResult<CallHandle> {
        let request = CancelRequest { reason };
        self.send(JobCall::cancel(job_id, &request), future)
    }

    /// Tells a job something.
    #[pyo3(signature = (job_id, event, future, /))]
    fn post_event(
        &self,
        job_id: &str,
        event: &str,
        future: &Bound<'_, PyAny>,
    ) -> PyResult<CallHandle> {
        let event: JobEventRequest = parse("the event", event)?;
        self.send(JobCall::append_event(job_id, &event), future)
    }

    /// What a job was told.
    #[pyo3(signature = (job_id, query, future, /))]
    fn events(&self, job_id: &str, query: &str, future: &Bound<'_, PyAny>) -> PyResult<CallHandle> {
        let query: EventsQuery = parse("the query", query)?;
        let query = JobEventQuery {
            after: query.after,
            kinds: query.types.unwrap_or_default(),
            wait: duration("wait", query.wait)?,
            limit: query.limit,
            executor: query.instance_id.zip(query.claim_epoch),
        };
        self.send(JobCall::events(job_id, &query), future)
    }
}

impl PyJobs {
    fn send(&self, call: JobCall, future: &Bound<'_, PyAny>) -> PyResult<CallHandle> {
        let future = Future::new(future)?;
        let handle = self.0.send(call, move |outcome| {
            report(|py| {
                let value = completion::answer(py, outcome);
                future.complete(py, value)
            });
        });
        Ok(CallHandle(handle))
    }
}

fn parse<T: DeserializeOwned>(what: &str, text: &str) -> PyResult<T> {
    serde_json::from_str(text).map_err(|error| error::json(what, &error))
}

/// What the wire says of a wait: begun seconds; nothing where nothing is waited for.
fn whole_seconds(wait: Duration) -> Option<i64> {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    i64::try_from(seconds).ok().filter(|seconds| *seconds > 0)
}

/// The job in the answer to a claim, if there is one.
fn first_claimed(answer: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    let py = answer.py();
    if answer.is_none() {
        return Ok(answer);
    }
    let claimed = answer.call_method1("get", ("claimed",))?;
    if claimed.is_truthy()? {
        claimed.get_item(0)
    } else {
        Ok(py.None().into_bound(py))
    }
}
