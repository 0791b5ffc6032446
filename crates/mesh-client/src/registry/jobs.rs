//! `/jobs` and `/admin/drain`.

use std::time::Duration;

use mesh_core::wire::{
    CancelAnswer, CancelRequest, ClaimAnswer, ClaimRequest, ClaimedJob, DeltaAnswer, DeltaRequest,
    DrainReport, JobCreated, JobEventList, JobEventPosted, JobEventRequest, JobInfo, JobList,
    JobRequest, JobStatus, ReclaimAnswer, ReleaseAnswer, ReleaseRequest,
};
use reqwest::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::{RegistryClient, with_query};
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

impl RegistryClient {
    /// `POST /jobs`: creates a job.
    pub async fn create_job(&self, job: &JobRequest) -> Result<JobCreated, ClientError> {
        self.post(join(&self.base, &["jobs"]), job).await
    }

    /// `GET /jobs/{job_id}`.
    pub async fn job(&self, id: &str) -> Result<JobInfo, ClientError> {
        self.get(join(&self.base, &["jobs", id])).await
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
        let url = with_query(
            join(&self.base, &["jobs"]),
            [
                ("status", &statuses),
                ("owner_instance_id", owner_instance_id),
                ("capability", capability),
                ("submitted_since", &since),
                ("limit", &limit),
                ("cursor", cursor),
            ],
        );
        self.get(url).await
    }

    /// `POST /jobs/claim`: the oldest job that waits for the capability, if there is one.
    pub async fn claim_job(&self, claim: &ClaimRequest) -> Result<Option<ClaimedJob>, ClientError> {
        let url = join(&self.base, &["jobs", "claim"]);
        let answer = self
            .send(self.request(Method::POST, &url)?.json(claim))
            .await?;
        if answer.status == StatusCode::NO_CONTENT {
            return Ok(None); // Other registries say it so.
        }
        let answer: ClaimAnswer = self.read(&url, &answer)?;
        Ok(answer.claimed.into_iter().next())
    }

    /// `POST /jobs/batch`: reports what happened to jobs that run here.
    pub async fn report_jobs(&self, deltas: &DeltaRequest) -> Result<DeltaAnswer, ClientError> {
        self.post(join(&self.base, &["jobs", "batch"]), deltas)
            .await
    }

    /// `POST /jobs/{job_id}/release`: gives a claim back.
    pub async fn release_job(
        &self,
        id: &str,
        release: &ReleaseRequest,
    ) -> Result<ReleaseAnswer, ClientError> {
        self.post(join(&self.base, &["jobs", id, "release"]), release)
            .await
    }

    /// `POST /jobs/{job_id}/cancel`: ends a job, whoever runs it.
    pub async fn cancel_job(
        &self,
        id: &str,
        cancel: &CancelRequest,
    ) -> Result<CancelAnswer, ClientError> {
        self.post(join(&self.base, &["jobs", id, "cancel"]), cancel)
            .await
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
        self.post(join(&self.base, &["jobs", id, "events"]), event)
            .await
    }

    /// `GET /jobs/{job_id}/events`: what a job was told, waiting for it if asked to.
    pub async fn job_events(
        &self,
        id: &str,
        query: &JobEventQuery,
    ) -> Result<JobEventList, ClientError> {
        let JobEventQuery {
            after,
            kinds,
            wait,
            limit,
            executor,
        } = query;
        let kinds = (!kinds.is_empty()).then(|| kinds.join(","));
        let limit = limit.map(|limit| limit.to_string());
        let (instance_id, claim_epoch) = executor
            .as_ref()
            .map(|(id, epoch)| (id.clone(), epoch.to_string()))
            .unzip();
        let url = with_query(
            join(&self.base, &["jobs", id, "events"]),
            [
                ("after", &Some(after.to_string())),
                ("wait", &Some(wait.as_secs().to_string())),
                ("types", &kinds),
                ("limit", &limit),
                ("instance_id", &instance_id),
                ("claim_epoch", &claim_epoch),
            ],
        );
        // The wait is asked for; what the answer takes comes on top.
        let timeout = self.options.timeout.saturating_add(*wait);
        let exchange = self.exchange(self.request(Method::GET, &url)?);
        let answer = self.within(timeout, exchange).await?;
        self.read(&url, &answer)
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

    async fn post<T: DeserializeOwned>(
        &self,
        url: Url,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let request = self.request(Method::POST, &url)?.json(body);
        let answer = self.send(request).await?;
        self.read(&url, &answer)
    }
}
