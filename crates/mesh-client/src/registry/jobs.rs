//! `/jobs` and `/admin/drain`.

use std::time::Duration;

use mesh_core::wire::{
    CancelAnswer, CancelRequest, ClaimAnswer, ClaimRequest, ClaimedJob, DeltaAnswer, DeltaRequest,
    DrainReport, JobCreated, JobEventList, JobEventPosted, JobEventRequest, JobInfo, JobList,
    JobRequest, JobStatus, ReclaimAnswer, ReleaseAnswer, ReleaseRequest,
};
use reqwest::{Method, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use url::Url;

use super::{RawAnswer, RegistryClient};
use crate::ClientError;
use crate::transport::join;

/// Which jobs to list, newest first; what is empty or `None` does not filter.
#[derive(Debug, Clone, Default)]
pub struct JobQuery {
    /// In one of these states.
    pub statuses: Vec<JobStatus>,
    /// Of this owner.
    pub owner_instance_id: Option<String>,
    /// For this capability.
    pub capability: Option<String>,
    /// Submitted at this Unix second or later.
    pub submitted_since: Option<i64>,
    /// At most so many.
    pub limit: Option<u32>,
    /// From the page before.
    pub cursor: Option<String>,
}

/// Which events of a job to read; the default is all of them, at once.
#[derive(Debug, Clone, Default)]
pub struct JobEventQuery {
    /// After this one.
    pub after: i64,
    /// Of these types; all if empty.
    pub kinds: Vec<String>,
    /// How long the registry may wait for the first; whole seconds, at most a minute.
    pub wait: Duration,
    /// At most so many.
    pub limit: Option<u32>,
    /// The instance that runs the job and the epoch of its claim. The read keeps the claim alive, and
    /// is refused when the claim is lost; see [`ClientError::is_claim_superseded`].
    pub executor: Option<(String, i64)>,
}

/// Until when a job is waited for.
#[derive(Debug, Clone)]
pub struct JobWait {
    /// The state that is no news; a job that is over always is.
    pub known: JobStatus,
    /// How long the registry may wait for another one; whole seconds, at most a minute. Other
    /// registries answer at once.
    pub wait: Duration,
}

impl Default for JobWait {
    fn default() -> Self {
        Self {
            known: JobStatus::Working,
            wait: Duration::ZERO,
        }
    }
}

/// A request about jobs, ready to be sent by [`RegistryClient::ask_about_jobs`]. The methods of the
/// same names send it and read the answer.
#[derive(Debug, Clone)]
pub struct JobCall {
    method: Method,
    path: Vec<String>,
    query: Vec<(&'static str, String)>,
    body: Option<Vec<u8>>,
    /// What the registry may wait for.
    wait: Duration,
}

impl JobCall {
    /// See [`RegistryClient::create_job`].
    #[must_use]
    pub fn create(job: &JobRequest) -> Self {
        Self::post(&["jobs"], job)
    }

    /// See [`RegistryClient::job`] and [`RegistryClient::await_job`].
    #[must_use]
    pub fn read(id: &str, until: &JobWait) -> Self {
        let JobWait { known, wait } = until;
        let mut call = Self::get(&["jobs", id]);
        if !wait.is_zero() {
            call.query.push(("wait", whole_seconds(*wait)));
            call.query.push(("known", known.as_str().to_owned()));
            call.wait = *wait;
        }
        call
    }

    /// See [`RegistryClient::claim_job`].
    #[must_use]
    pub fn claim(claim: &ClaimRequest) -> Self {
        let seconds = claim.wait.and_then(|wait| u64::try_from(wait).ok());
        Self {
            wait: Duration::from_secs(seconds.unwrap_or(0)),
            ..Self::post(&["jobs", "claim"], claim)
        }
    }

    /// See [`RegistryClient::report_jobs`].
    #[must_use]
    pub fn report(deltas: &DeltaRequest) -> Self {
        Self::post(&["jobs", "batch"], deltas)
    }

    /// See [`RegistryClient::release_job`].
    #[must_use]
    pub fn release(id: &str, release: &ReleaseRequest) -> Self {
        Self::post(&["jobs", id, "release"], release)
    }

    /// See [`RegistryClient::cancel_job`].
    #[must_use]
    pub fn cancel(id: &str, cancel: &CancelRequest) -> Self {
        Self::post(&["jobs", id, "cancel"], cancel)
    }

    /// See [`RegistryClient::append_job_event`].
    #[must_use]
    pub fn append_event(id: &str, event: &JobEventRequest) -> Self {
        Self::post(&["jobs", id, "events"], event)
    }

    /// See [`RegistryClient::job_events`].
    #[must_use]
    pub fn events(id: &str, query: &JobEventQuery) -> Self {
        let JobEventQuery {
            after,
            kinds,
            wait,
            limit,
            executor,
        } = query;
        let mut call = Self::get(&["jobs", id, "events"]);
        call.wait = *wait;
        call.query.push(("after", after.to_string()));
        call.query.push(("wait", whole_seconds(*wait)));
        if !kinds.is_empty() {
            call.query.push(("types", kinds.join(",")));
        }
        if let Some(limit) = limit {
            call.query.push(("limit", limit.to_string()));
        }
        if let Some((instance_id, claim_epoch)) = executor {
            call.query.push(("instance_id", instance_id.clone()));
            call.query.push(("claim_epoch", claim_epoch.to_string()));
        }
        call
    }

    fn get(path: &[&str]) -> Self {
        Self {
            method: Method::GET,
            path: path.iter().map(ToString::to_string).collect(),
            query: Vec::new(),
            body: None,
            wait: Duration::ZERO,
        }
    }

    fn post(path: &[&str], body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).expect("texts and raw JSON can always be written");
        Self {
            method: Method::POST,
            body: Some(body),
            ..Self::get(path)
        }
    }
}

/// The registry waits for whole seconds; a part of one is not worth a request of its own.
fn whole_seconds(wait: Duration) -> String {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    seconds.to_string()
}

impl RegistryClient {
    /// Sends `call` and returns the registry's JSON as it spelled it; nothing if it said nothing.
    pub async fn ask_about_jobs(
        &self,
        call: &JobCall,
    ) -> Result<Option<Box<RawValue>>, ClientError> {
        let (url, answer) = self.send_about_jobs(call).await?;
        if answer.body.is_empty() {
            return Ok(None);
        }
        self.read(&url, &answer)
    }

    /// `POST /jobs`: creates a job.
    pub async fn create_job(&self, job: &JobRequest) -> Result<JobCreated, ClientError> {
        self.read_about_jobs(&JobCall::create(job)).await
    }

    /// `GET /jobs/{job_id}`.
    pub async fn job(&self, id: &str) -> Result<JobInfo, ClientError> {
        self.await_job(id, &JobWait::default()).await
    }

    /// `GET /jobs/{job_id}`, as soon as the job is in another state than the known one, or over.
    pub async fn await_job(&self, id: &str, until: &JobWait) -> Result<JobInfo, ClientError> {
        self.read_about_jobs(&JobCall::read(id, until)).await
    }

    /// `GET /jobs`: one page of jobs.
    pub async fn jobs(&self, query: &JobQuery) -> Result<JobList, ClientError> {
        let JobQuery {
            statuses,
            owner_instance_id,
            capability,
            submitted_since,
            limit,
            cursor,
        } = query;
        let statuses: Vec<_> = statuses.iter().map(|status| status.as_str()).collect();
        let statuses = (!statuses.is_empty()).then(|| statuses.join(","));
        let since = submitted_since.map(|since| since.to_string());
        let limit = limit.map(|limit| limit.to_string());
        let query = [
            ("status", statuses),
            ("owner_instance_id", owner_instance_id.clone()),
            ("capability", capability.clone()),
            ("submitted_since", since),
            ("limit", limit),
            ("cursor", cursor.clone()),
        ];
        let given = query
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        let mut call = JobCall::get(&["jobs"]);
        call.query.extend(given);
        self.read_about_jobs(&call).await
    }

    /// `POST /jobs/claim`: the oldest job that waits for the capability, if there is one.
    pub async fn claim_job(&self, claim: &ClaimRequest) -> Result<Option<ClaimedJob>, ClientError> {
        let (url, answer) = self.send_about_jobs(&JobCall::claim(claim)).await?;
        if answer.status == StatusCode::NO_CONTENT {
            return Ok(None); // Other registries say it so.
        }
        let answer: ClaimAnswer = self.read(&url, &answer)?;
        Ok(answer.claimed.into_iter().next())
    }

    /// `POST /jobs/batch`: reports what happened to jobs that run here.
    pub async fn report_jobs(&self, deltas: &DeltaRequest) -> Result<DeltaAnswer, ClientError> {
        self.read_about_jobs(&JobCall::report(deltas)).await
    }

    /// `POST /jobs/{job_id}/release`: gives a claim back.
    pub async fn release_job(
        &self,
        id: &str,
        release: &ReleaseRequest,
    ) -> Result<ReleaseAnswer, ClientError> {
        self.read_about_jobs(&JobCall::release(id, release)).await
    }

    /// `POST /jobs/{job_id}/cancel`: ends a job, whoever runs it.
    pub async fn cancel_job(
        &self,
        id: &str,
        cancel: &CancelRequest,
    ) -> Result<CancelAnswer, ClientError> {
        self.read_about_jobs(&JobCall::cancel(id, cancel)).await
    }

    /// `POST /jobs/{job_id}/reclaim`: takes a job from its owner.
    pub async fn reclaim_job(&self, id: &str) -> Result<ReclaimAnswer, ClientError> {
        self.ask(Method::POST, join(&self.base, &["jobs", id, "reclaim"]))
            .await
    }

    /// `POST /jobs/{job_id}/events`: tells a job something.
    pub async fn append_job_event(
        &self,
        id: &str,
        event: &JobEventRequest,
    ) -> Result<JobEventPosted, ClientError> {
        self.read_about_jobs(&JobCall::append_event(id, event))
            .await
    }

    /// `GET /jobs/{job_id}/events`: what a job was told, waiting for it if asked to.
    pub async fn job_events(
        &self,
        id: &str,
        query: &JobEventQuery,
    ) -> Result<JobEventList, ClientError> {
        self.read_about_jobs(&JobCall::events(id, query)).await
    }

    /// `GET /admin/drain`: whether jobs are handed out, and how many run.
    pub async fn drain_report(&self) -> Result<DrainReport, ClientError> {
        self.get(join(&self.base, &["admin", "drain"])).await
    }

    /// `POST` or `DELETE /admin/drain`: hands out no jobs any more, or does again.
    pub async fn set_draining(&self, draining: bool) -> Result<DrainReport, ClientError> {
        let method = if draining {
            Method::POST
        } else {
            Method::DELETE
        };
        self.ask(method, join(&self.base, &["admin", "drain"]))
            .await
    }

    async fn read_about_jobs<T: DeserializeOwned>(&self, call: &JobCall) -> Result<T, ClientError> {
        let (url, answer) = self.send_about_jobs(call).await?;
        self.read(&url, &answer)
    }

    /// Sends `call`; what is answered is a success.
    async fn send_about_jobs(&self, call: &JobCall) -> Result<(Url, RawAnswer), ClientError> {
        let segments: Vec<&str> = call.path.iter().map(String::as_str).collect();
        let mut url = join(&self.base, &segments);
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        let mut request = self.request(call.method.clone(), &url)?;
        if let Some(body) = &call.body {
            request = request
                .header(header::CONTENT_TYPE, "application/json")
                .body(body.clone());
        }
        // The wait is asked for; what the answer takes comes on top.
        let timeout = self.options.timeout.saturating_add(call.wait);
        let answer = self.within(timeout, self.exchange(request)).await?;
        if answer.status.is_success() {
            Ok((url, answer))
        } else {
            Err(self.refusal(&answer))
        }
    }
}
