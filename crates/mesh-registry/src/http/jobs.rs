//! `/jobs`: work that outlives a call. Knowing a job's id is the right to act on it.

use std::sync::Arc;
use std::time::Duration;

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use aide::openapi::ReferenceOr;
use aide::transform::TransformOperation;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use mesh_core::Timestamp;
use mesh_core::wire::{
    CancelAnswer, CancelRequest, ClaimAnswer, ClaimRequest, ClaimedJob, Delta, DeltaAnswer,
    DeltaRequest, JobCreated, JobInfo, JobList, JobRequest, JobStatus, ReclaimAnswer,
    RejectedDelta, ReleaseAnswer, ReleaseRequest,
};
use mesh_store::job::{Job, JobCursor, JobDelta, JobQuery, JobRelease, NewJob};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::error::ApiError;
use super::job_path::{JobId, of_job};
use super::openapi::Describe;
use super::query::Pairs;
use super::{body, json};
use crate::App;
use crate::compact::compact;
use crate::metrics::StoreOperation;
use crate::readable;

/// How many jobs a request gets that does not say.
const DEFAULT_LIMIT: i64 = 50;
/// How many jobs a request gets at most.
const MAX_LIMIT: i64 = 200;
/// The longest wait, in seconds.
const MAX_WAIT: i64 = 60;

pub(super) fn routes() -> ApiRouter<Arc<App>> {
    ApiRouter::new()
        .api_route(
            "/jobs",
            get_with(list, describe_list).post_with(create, describe_create),
        )
        .api_route(
            "/jobs/claim",
            post_with(claim, |operation| {
                operation
                    .tag("jobs")
                    .summary("Take the oldest job of a capability, waiting for one if asked to")
                    .takes::<ClaimRequest>("The capability and who asks are required")
                    .answers::<ClaimAnswer>(200, "The job, or an empty list")
                    .fails(400, "The request cannot be read")
                    .needs_store()
            }),
        )
        .api_route(
            "/jobs/batch",
            post_with(batch, |operation| {
                operation
                    .tag("jobs")
                    .summary("Report progress and outcomes of jobs that run at one instance")
                    .takes::<DeltaRequest>("The instance, and at least one delta with an id")
                    .answers::<DeltaAnswer>(200, "How many count, and why the others do not")
                    .fails(400, "The request cannot be read")
                    .needs_store()
            }),
        )
        .api_route(
            "/jobs/{job_id}",
            get_with(read, |operation| {
                of_job(operation)
                    .summary("Read a job, waiting for a change of its state if asked to")
                    .query::<i64>("wait", "Seconds to wait for another state, 0 to 60")
                    .query::<JobStatus>(
                        "known",
                        "The state that is no news, `working` if absent; what is over always is",
                    )
                    .answers::<JobInfo>(200, "All of it")
                    .refuses_parameters()
            }),
        )
        .api_route(
            "/jobs/{job_id}/cancel",
            post_with(cancel, |operation| {
                let described = of_job(operation)
                    .summary("Cancel a job and have its owner told")
                    .takes::<CancelRequest>("Why; may be left out");
                optional_body(described)
                    .answers::<CancelAnswer>(200, "It is cancelled")
                    .fails(400, "The request cannot be read")
                    .fails(409, "The job is over")
            }),
        )
        .api_route(
            "/jobs/{job_id}/release",
            post_with(release, |operation| {
                of_job(operation)
                    .summary("Give a claim back")
                    .takes::<ReleaseRequest>("The owner, which is required")
                    .answers::<ReleaseAnswer>(200, "It waits again, or has failed")
                    .fails(400, "The request cannot be read")
                    .fails(403, "Somebody else owns the job, or nobody")
                    .fails(409, "The job is over, or was claimed again since")
            }),
        )
        .api_route(
            "/jobs/{job_id}/reclaim",
            post_with(reclaim, |operation| {
                of_job(operation)
                    .summary("Take a job from its owner")
                    .answers::<ReclaimAnswer>(200, "It waits again")
                    .fails(409, "The job is over, or was claimed again meanwhile")
            }),
        )
}

fn describe_list(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .tag("jobs")
        .summary("Jobs, newest first")
        .query::<String>(
            "status",
            "Only jobs in one of these states, separated by commas",
        )
        .query::<String>("owner_instance_id", "Only jobs of this owner")
        .query::<String>("capability", "Only jobs for this capability")
        .query::<i64>(
            "submitted_since",
            "Only jobs submitted at this Unix second or later",
        )
        .query::<i64>("limit", "At most so many, 1 to 200; 50 if absent")
        .query::<String>("cursor", "`next_cursor` of the page before")
        .answers::<JobList>(200, "One page")
        .refuses_parameters()
        .needs_store()
}

fn describe_create(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .tag("jobs")
        .summary("Create a job")
        .takes::<JobRequest>("Capability, payload and submitter are required")
        .answers::<JobCreated>(201, "It waits to be claimed, or has its owner")
        .fails(400, "The request cannot be read")
        .needs_store()
}

/// The body that was described may be left out.
fn optional_body(mut operation: TransformOperation<'_>) -> TransformOperation<'_> {
    if let Some(ReferenceOr::Item(body)) = &mut operation.inner_mut().request_body {
        body.required = false;
    }
    operation
}

async fn create(State(app): State<Arc<App>>, body: Body) -> Result<Response, ApiError> {
    let request: JobRequest = body::json(body, app.settings.body_limit).await?;
    let job = app.create_job(new_job(request)?).await?;
    let created = JobCreated {
        id: job.id,
        status: job.status,
        owner_instance_id: job.owner,
    };
    Ok(json(StatusCode::CREATED, &created))
}

fn new_job(request: JobRequest) -> Result<NewJob, ApiError> {
    let owner = request.owner_instance_id.filter(|owner| !owner.is_empty());
    required("capability", &request.capability)?;
    required("submitted_by", &request.submitted_by)?;
    storable("owner_instance_id", owner.as_deref())?;
    let payload = request
        .submitted_payload
        .ok_or_else(|| ApiError::Invalid("submitted_payload is required".to_owned()))?;
    if !payload.get().starts_with('{') {
        let reason = "Invalid JSON payload: submitted_payload must be an object";
        return Err(ApiError::Invalid(reason.to_owned()));
    }
    readable("submitted_payload", Some(&payload))?;
    if request.max_retries.is_some_and(|retries| retries < 0) {
        let reason = "max_retries must be non-negative";
        return Err(ApiError::Invalid(reason.to_owned()));
    }
    if request.max_duration.is_some_and(|seconds| seconds < 1) {
        let reason = "max_duration must be positive";
        return Err(ApiError::Invalid(reason.to_owned()));
    }
    Ok(NewJob {
        id: Uuid::new_v4().to_string(),
        capability: request.capability,
        submitted_payload: compact(payload),
        submitted_by: request.submitted_by,
        max_retries: request.max_retries.unwrap_or(1),
        max_duration: request.max_duration,
        total_deadline: request.total_deadline,
        owner,
    })
}

async fn list(State(app): State<Arc<App>>, query: Pairs) -> Result<Response, ApiError> {
    let limit = query.number("limit")?.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(ApiError::Invalid(format!(
            "limit must be in [1, {MAX_LIMIT}], got {limit}"
        )));
    }
    let limit = usize::try_from(limit).expect("checked above");
    let statuses = query
        .csv("status")
        .map(|token| parse_status("status", token));
    let owner = query.first("owner_instance_id");
    let capability = query.first("capability");
    storable("owner_instance_id", owner)?;
    storable("capability", capability)?;
    let query = JobQuery {
        statuses: statuses.collect::<Result<_, _>>()?,
        owner: owner.map(Into::into),
        capability: capability.map(Into::into),
        submitted_since: query.number("submitted_since")?,
        // One more than asked for tells whether there is another page.
        limit: u32::try_from(limit + 1).expect("checked above"),
        after: query.first("cursor").map(parse_cursor).transpose()?,
    };
    let mut jobs = app
        .metrics
        .store(StoreOperation::Jobs, app.store.jobs(&query))
        .await?;
    let more = jobs.len() > limit;
    jobs.truncate(limit);
    let next_cursor = jobs.last().filter(|_| more).map(|job| {
        let job = &job.row;
        format!("{}.{}", job.submitted_at.as_nanos(), job.id)
    });
    let jobs = jobs.into_iter().map(info).collect();
    Ok(json(StatusCode::OK, &JobList { jobs, next_cursor }))
}

fn parse_status(name: &str, token: &str) -> Result<JobStatus, ApiError> {
    JobStatus::parse(token).ok_or_else(|| {
        let all: Vec<_> = JobStatus::ALL.iter().map(|s| s.as_str()).collect();
        let all = all.join(",");
        ApiError::Invalid(format!("invalid {name} \"{token}\": must be one of {all}"))
    })
}

/// `<nanoseconds>.<id>`; clients take it as it comes.
fn parse_cursor(text: &str) -> Result<JobCursor, ApiError> {
    text.split_once('.')
        .and_then(|(nanos, id)| {
            let id = Uuid::try_parse(id).ok()?;
            Some(JobCursor {
                submitted_at: Timestamp::from_nanos(nanos.parse().ok()?),
                id: id.to_string(),
            })
        })
        .ok_or_else(|| {
            ApiError::Invalid(format!(
                "invalid cursor `{text}`: take it from `next_cursor` of the page before"
            ))
        })
}

async fn read(
    State(app): State<Arc<App>>,
    JobId(id): JobId,
    query: Pairs,
) -> Result<Response, ApiError> {
    let known = query
        .first("known")
        .map(|token| parse_status("known", token));
    let known = known.transpose()?.unwrap_or(JobStatus::Working);
    let job = app
        .read_job(&id, known, wait(query.number("wait")?))
        .await?;
    Ok(json(StatusCode::OK, &info(job)))
}

/// How long a request waits that asked for so many seconds.
pub(super) fn wait(seconds: Option<i64>) -> Duration {
    let seconds = seconds.unwrap_or(0).clamp(0, MAX_WAIT);
    Duration::from_secs(u64::try_from(seconds).expect("clamped above"))
}

async fn claim(State(app): State<Arc<App>>, body: Body) -> Result<Response, ApiError> {
    let request: ClaimRequest = body::json(body, app.settings.body_limit).await?;
    required("capability", &request.capability)?;
    required("instance_id", &request.instance_id)?;
    let wait = wait(request.wait);
    let job = app
        .await_claim(request.capability, request.instance_id, wait)
        .await?;
    let claimed = job.map(|job| ClaimedJob {
        id: job.row.id,
        attempt_count: job.row.attempt_count,
        claim_epoch: job.row.claim_epoch,
        submitted_payload: job.submitted_payload,
        max_duration: job.row.max_duration,
        lease_expires_at: job.row.lease_expires_at.map(Timestamp::as_seconds),
        recv_cursor: job.row.recv_cursor,
    });
    let answer = ClaimAnswer {
        claimed: claimed.into_iter().collect(),
    };
    Ok(json(StatusCode::OK, &answer))
}

async fn batch(State(app): State<Arc<App>>, body: Body) -> Result<Response, ApiError> {
    let request: DeltaRequest = body::json(body, app.settings.body_limit).await?;
    required("instance_id", &request.instance_id)?;
    if request.deltas.is_empty() {
        return Err(ApiError::Invalid("deltas must not be empty".to_owned()));
    }
    let deltas: Vec<_> = request
        .deltas
        .into_iter()
        .map(delta)
        .collect::<Result<_, _>>()?;
    let ids: Vec<_> = deltas.iter().map(|delta| delta.id.clone()).collect();
    let outcomes = app.apply_job_deltas(request.instance_id, deltas).await?;
    let mut answer = DeltaAnswer {
        accepted: 0,
        rejected: Vec::new(),
    };
    for (id, outcome) in ids.into_iter().zip(outcomes) {
        match outcome {
            Ok(_) => answer.accepted += 1,
            Err(rejection) => answer.rejected.push(RejectedDelta {
                id,
                reason: rejection.as_str().to_owned(),
            }),
        }
    }
    Ok(json(StatusCode::OK, &answer))
}

fn delta(delta: Delta) -> Result<JobDelta, ApiError> {
    if delta.id.is_empty() {
        let reason = "every delta requires a non-empty id";
        return Err(ApiError::Invalid(reason.to_owned()));
    }
    storable("id", Some(&delta.id))?;
    storable("progress_message", delta.progress_message.as_deref())?;
    storable("error", delta.error.as_deref())?;
    readable("result", delta.result.as_deref())?;
    Ok(JobDelta {
        id: delta.id,
        claim_epoch: delta.claim_epoch,
        status: delta.status,
        progress: delta.progress,
        progress_message: delta.progress_message,
        result: delta.result.map(compact),
        error: delta.error,
        recv_cursor: delta.recv_cursor,
    })
}

async fn cancel(
    State(app): State<Arc<App>>,
    JobId(id): JobId,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let body = body::read(body, app.settings.body_limit).await?;
    let request: CancelRequest = if body.is_empty() {
        CancelRequest::default()
    } else {
        body::object(&body)?
    };
    let reason = request.reason.filter(|reason| !reason.trim().is_empty());
    storable("reason", reason.as_deref())?;
    let told = app.cancel_job(id, reason, &headers).await?;
    let answer = CancelAnswer {
        status: JobStatus::Cancelled,
        forwarded_to_instance_id: told,
    };
    Ok(json(StatusCode::OK, &answer))
}

async fn release(
    State(app): State<Arc<App>>,
    JobId(id): JobId,
    body: Body,
) -> Result<Response, ApiError> {
    let request: ReleaseRequest = body::json(body, app.settings.body_limit).await?;
    required("instance_id", &request.instance_id)?;
    storable("reason", request.reason.as_deref())?;
    let release = JobRelease {
        instance_id: request.instance_id,
        claim_epoch: request.claim_epoch,
        reason: request.reason,
    };
    let job = app.release_job(id, release).await?;
    let answer = ReleaseAnswer {
        status: job.status,
        attempt_count: job.attempt_count,
    };
    Ok(json(StatusCode::OK, &answer))
}

async fn reclaim(State(app): State<Arc<App>>, JobId(id): JobId) -> Result<Response, ApiError> {
    let reclaimed = app.reclaim_job(id).await?;
    let answer = ReclaimAnswer {
        status: reclaimed.job.status,
        previous_owner_instance_id: reclaimed.previous_owner,
        claim_epoch: reclaimed.job.claim_epoch,
    };
    Ok(json(StatusCode::OK, &answer))
}

fn info(job: Job) -> JobInfo {
    let Job {
        row,
        submitted_payload,
        result,
    } = job;
    JobInfo {
        id: row.id,
        capability: row.capability,
        owner_instance_id: row.owner,
        claim_epoch: row.claim_epoch,
        recv_cursor: row.recv_cursor,
        status: row.status,
        progress: row.progress,
        progress_message: row.progress_message,
        result,
        error: row.error,
        submitted_payload,
        attempt_count: row.attempt_count,
        max_retries: row.max_retries,
        max_duration: row.max_duration,
        total_deadline: row.total_deadline,
        lease_expires_at: row.lease_expires_at.map(Timestamp::as_seconds),
        last_heartbeat_at: row.last_heartbeat_at.map(Timestamp::as_seconds),
        submitted_at: row.submitted_at.as_seconds(),
        submitted_by: row.submitted_by,
    }
}

/// Refuses an empty field, and one that no database takes.
fn required(name: &'static str, text: &str) -> Result<(), ApiError> {
    if text.is_empty() {
        return Err(ApiError::Invalid(format!("{name} is required")));
    }
    storable(name, Some(text))
}

/// Refuses text that one of the databases cannot hold.
pub(super) fn storable(name: &'static str, text: Option<&str>) -> Result<(), ApiError> {
    match text {
        Some(text) if text.contains('\0') => Err(ApiError::Invalid(format!(
            "{name} holds the character U+0000, which cannot be stored"
        ))),
        _ => Ok(()),
    }
}

/// Refuses JSON that whoever is handed it could not read.
pub(super) fn readable(name: &'static str, json: Option<&RawValue>) -> Result<(), ApiError> {
    json.map_or(Ok(()), readable::check)
        .map_err(|error| ApiError::Invalid(format!("Invalid JSON payload: `{name}`: {error}")))
}
