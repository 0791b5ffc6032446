//! `/jobs/{job_id}/events`: what a running job is told, and how it waits for that.

use std::sync::Arc;

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use mesh_core::wire::{JobEventInfo, JobEventList, JobEventPosted, JobEventRequest};
use mesh_store::job::{EventRead, Executor, NewJobEvent};

use super::error::ApiError;
use super::job_path::{JobId, of_job};
use super::jobs::{readable, storable, wait};
use super::openapi::Describe;
use super::query::Pairs;
use super::{body, json};
use crate::App;
use crate::compact::compact;

/// How many events a request gets that does not say.
const DEFAULT_LIMIT: i64 = 100;
/// How many events a request gets at most.
const MAX_LIMIT: i64 = 500;

pub(super) fn routes() -> ApiRouter<Arc<App>> {
    ApiRouter::new().api_route(
        "/jobs/{job_id}/events",
        get_with(read, |operation| {
            of_job(operation)
                .summary("What a job was told, waiting for it if asked to")
                .query::<i64>("after", "Only events after this one")
                .query::<String>("types", "Only events of these types, separated by commas")
                .query::<i64>("wait", "Seconds to wait for the first event, 0 to 60")
                .query::<i64>("limit", "At most so many, 1 to 500; 100 if absent")
                .query::<String>(
                    "instance_id",
                    "Who runs the job, if it is who reads: its lease is extended",
                )
                .query::<i64>(
                    "claim_epoch",
                    "The epoch of its claim; belongs to `instance_id`",
                )
                .answers::<JobEventList>(200, "The events, in order")
                .refuses_parameters()
                .fails(409, "`claim_superseded`: the reader has lost the job")
        })
        .post_with(append, |operation| {
            of_job(operation)
                .summary("Tell a job something")
                .takes::<JobEventRequest>("The event; it must have a type")
                .answers::<JobEventPosted>(200, "Its place among the job's events")
                .fails(400, "The event cannot be read")
                .fails(409, "The job is over")
        }),
    )
}

async fn append(
    State(app): State<Arc<App>>,
    JobId(id): JobId,
    body: Body,
) -> Result<Response, ApiError> {
    let request: JobEventRequest = body::json(body, app.settings.body_limit).await?;
    let kind = request.kind.trim();
    if kind.is_empty() {
        return Err(ApiError::Invalid("type is required".to_owned()));
    }
    storable("type", Some(kind))?;
    let trace_context = request.trace_context;
    if trace_context
        .as_ref()
        .is_some_and(|context| !context.get().starts_with('{'))
    {
        let reason = "Invalid JSON payload: trace_context must be an object";
        return Err(ApiError::Invalid(reason.to_owned()));
    }
    readable("payload", request.payload.as_deref())?;
    readable("trace_context", trace_context.as_deref())?;
    let event = NewJobEvent {
        kind: kind.to_owned(),
        payload: request.payload.map(compact),
        trace_context: trace_context.map(compact),
        posted_by: None, // Without trust there are no entities.
    };
    let event = app.append_job_event(id, event).await?;
    let posted = JobEventPosted {
        job_id: event.job_id,
        seq: event.seq,
        created_at: event.created_at.as_seconds(),
    };
    Ok(json(StatusCode::OK, &posted))
}

async fn read(
    State(app): State<Arc<App>>,
    JobId(id): JobId,
    query: Pairs,
) -> Result<Response, ApiError> {
    let after = query.number("after")?.unwrap_or(0);
    let wait = wait(query.number("wait")?);
    let limit = match query.number("limit")? {
        Some(limit) if limit > 0 => limit.min(MAX_LIMIT),
        _ => DEFAULT_LIMIT,
    };
    let kinds: Vec<String> = query.csv("types").map(Into::into).collect();
    for kind in &kinds {
        storable("types", Some(kind))?;
    }
    let read = EventRead {
        after,
        kinds,
        limit: u32::try_from(limit).expect("between 1 and the maximum"),
        executor: executor(&query)?,
        stale: app.settings.job_stale_timeout,
    };
    let events = app.read_job_events(&id, &read, wait).await?;
    let list = JobEventList {
        next_after: events.last().map_or(after, |event| event.seq),
        events: events
            .into_iter()
            .map(|event| JobEventInfo {
                job_id: event.job_id,
                seq: event.seq,
                kind: event.kind,
                payload: event.payload,
                trace_context: event.trace_context,
                posted_by: event.posted_by,
                created_at: event.created_at.as_seconds(),
            })
            .collect(),
    };
    Ok(json(StatusCode::OK, &list))
}

/// Who reads, if that is the job's owner and not an observer.
fn executor(query: &Pairs) -> Result<Option<Executor>, ApiError> {
    let instance_id = query.first("instance_id");
    storable("instance_id", instance_id)?;
    match (instance_id, query.number("claim_epoch")?) {
        (Some(instance_id), Some(claim_epoch)) => Ok(Some(Executor {
            instance_id: instance_id.to_owned(),
            claim_epoch,
        })),
        (None, None) => Ok(None),
        _ => Err(ApiError::Invalid(
            "instance_id and claim_epoch must be supplied together (both for an executor read, or \
             neither for an observer read)"
                .to_owned(),
        )),
    }
}
