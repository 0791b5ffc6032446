//! How a job may change. Pure functions: time is an argument, and a refused change leaves the row alone.

use std::collections::BTreeMap;
use std::time::Duration;

use mesh_core::Timestamp;
use mesh_core::wire::JobStatus;
use serde_json::value::to_raw_value;
use serde_json::{Value, json};

use super::row::{
    DeltaRejection, Executor, Expiry, JobDelta, JobRefusal, JobRelease, JobRow, NewJob, NewJobEvent,
};

/// How long a claim lasts without a word if the job does not say.
pub const DEFAULT_LEASE: Duration = Duration::from_mins(5);

const NO_RETRIES: &str = "max retries exceeded";

/// The job as it begins: owned if it is pushed to its owner, which is no claim and gives no lease.
#[must_use]
pub fn create(new: &NewJob, now: Timestamp) -> JobRow {
    JobRow {
        id: new.id.clone(),
        capability: new.capability.clone(),
        owner: new.owner.clone(),
        claim_epoch: 0,
        status: JobStatus::Working,
        progress: None,
        progress_message: None,
        error: None,
        recv_cursor: None,
        attempt_count: 0,
        max_retries: new.max_retries,
        max_duration: new.max_duration,
        total_deadline: new.total_deadline,
        lease_expires_at: None,
        last_heartbeat_at: None,
        submitted_at: now,
        submitted_by: new.submitted_by.clone(),
        finished_at: None,
    }
}

/// Whether somebody may claim the job, attempts left or not.
#[must_use]
pub fn is_claimable(job: &JobRow) -> bool {
    job.status == JobStatus::Working && job.owner.is_none()
}

/// Whether the job has had its last attempt.
#[must_use]
pub fn is_exhausted(job: &JobRow) -> bool {
    job.attempt_count > job.max_retries
}

/// How long an owner may be silent.
#[must_use]
pub fn window(job: &JobRow) -> Duration {
    max_duration(job).unwrap_or(DEFAULT_LEASE)
}

fn max_duration(job: &JobRow) -> Option<Duration> {
    let seconds = u64::try_from(job.max_duration?).ok()?;
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

/// Gives a claimable job to `instance_id`; a job without attempts left fails instead, and `false` says so.
pub fn claim(job: &mut JobRow, instance_id: &str, now: Timestamp) -> bool {
    if is_exhausted(job) {
        fail(job, NO_RETRIES.to_owned(), now);
        return false;
    }
    job.owner = Some(instance_id.to_owned());
    job.attempt_count += 1;
    job.claim_epoch += 1;
    job.lease_expires_at = Some(now.after(window(job)));
    job.last_heartbeat_at = Some(now);
    true
}

/// Applies what `instance_id` reports. The caller stores the delta's result if the job is completed now.
pub fn apply_delta(
    job: &mut JobRow,
    instance_id: &str,
    delta: &JobDelta,
    now: Timestamp,
) -> Result<(), DeltaRejection> {
    let owned = job.owner.as_deref() == Some(instance_id);
    match delta.claim_epoch {
        Some(epoch) if !owned || epoch != job.claim_epoch => {
            return Err(DeltaRejection::ClaimSuperseded);
        }
        None if !owned => return Err(DeltaRejection::NotOwner),
        Some(_) | None => {}
    }
    if job.status.is_terminal() {
        return Err(DeltaRejection::AlreadyTerminal);
    }
    let status = match &delta.status {
        Some(text) => JobStatus::parse(text).ok_or(DeltaRejection::InvalidStatus)?,
        None => job.status,
    };

    job.status = status;
    job.last_heartbeat_at = Some(now);
    if let Some(progress) = delta.progress {
        job.progress = Some(progress);
    }
    if let Some(message) = &delta.progress_message {
        job.progress_message = Some(message.clone());
    }
    if let Some(cursor) = &delta.recv_cursor {
        merge_cursor(job.recv_cursor.get_or_insert_default(), cursor);
    }
    if status.is_terminal() {
        job.finished_at = Some(now);
        if status == JobStatus::Failed {
            job.error.clone_from(&delta.error);
        }
    } else {
        renew_lease(job, now.after(window(job)));
    }
    Ok(())
}

/// Takes the larger number of each kind; neither forgets nor lowers one.
fn merge_cursor(cursor: &mut BTreeMap<String, i64>, received: &BTreeMap<String, i64>) {
    for (kind, &seq) in received {
        cursor
            .entry(kind.clone())
            .and_modify(|known| *known = seq.max(*known))
            .or_insert(seq);
    }
}

/// Moves the lease's end to `until`, never to an earlier point. A pushed job has no lease and gets none:
/// losing it to a silent but living owner would be news to agents that were written for 3.x.
fn renew_lease(job: &mut JobRow, until: Timestamp) {
    if let Some(lease) = &mut job.lease_expires_at {
        *lease = until.max(*lease);
    }
}

/// Gives the job back to the queue, or fails it if it was the last attempt.
pub fn release(job: &mut JobRow, release: &JobRelease, now: Timestamp) -> Result<(), JobRefusal> {
    refuse_terminal(job)?;
    if job.owner.as_deref() != Some(&release.instance_id) {
        return Err(JobRefusal::NotOwner);
    }
    if release
        .claim_epoch
        .is_some_and(|epoch| epoch != job.claim_epoch)
    {
        return Err(JobRefusal::Superseded);
    }
    job.owner = None;
    job.lease_expires_at = None;
    if is_exhausted(job) {
        let error = match said(release.reason.as_deref()) {
            Some(reason) => format!("exhausted (release): {reason}"),
            None => NO_RETRIES.to_owned(),
        };
        fail(job, error, now);
    } else {
        job.status = JobStatus::Working;
    }
    Ok(())
}

/// Calls the job off. Its owner stays known, to be told.
pub fn cancel(job: &mut JobRow, reason: Option<&str>, now: Timestamp) -> Result<(), JobRefusal> {
    refuse_terminal(job)?;
    job.error = said(reason).map(|reason| format!("cancelled: {reason}"));
    finish(job, JobStatus::Cancelled, now);
    Ok(())
}

/// Takes the job from its owner, if it has one, and says from whom.
pub fn reclaim(job: &mut JobRow) -> Result<Option<String>, JobRefusal> {
    refuse_terminal(job)?;
    Ok(reset(job))
}

/// Whether an event may be appended.
pub fn refuse_terminal(job: &JobRow) -> Result<(), JobRefusal> {
    if job.status.is_terminal() {
        Err(JobRefusal::Terminal)
    } else {
        Ok(())
    }
}

/// Verifies the claim of a worker that reads events, and extends its lease; not beyond the point where
/// the job ends anyway. A job that is over may be read by anybody.
pub fn executor_read(
    job: &mut JobRow,
    executor: &Executor,
    stale: Option<Duration>,
    now: Timestamp,
) -> Result<(), JobRefusal> {
    if job.status.is_terminal() {
        return Ok(());
    }
    let owned = job.owner.as_deref() == Some(&executor.instance_id);
    if !owned || job.claim_epoch != executor.claim_epoch {
        return Err(JobRefusal::Superseded);
    }
    let wanted = now.after(window(job));
    let cap = deadline(job).or_else(|| Some(stale_at(job, stale?)));
    renew_lease(job, cap.map_or(wanted, |cap| cap.min(wanted)));
    Ok(())
}

/// Takes the job from an owner that is gone; `None` if it is over or has no owner.
pub fn orphan(job: &mut JobRow, now: Timestamp) -> Option<Expiry> {
    if job.status.is_terminal() || job.owner.is_none() {
        return None;
    }
    reset_or_fail(job, "orphaned: max retries exceeded", now);
    Some(Expiry::Orphaned)
}

/// Does what is due: a job whose deadline or age is over fails, even if its lease is over too, since
/// another attempt would end at once.
pub fn expire(job: &mut JobRow, stale: Option<Duration>, now: Timestamp) -> Option<Expiry> {
    let is_due = |point: Option<Timestamp>| point.is_some_and(|point| point <= now);
    if job.status.is_terminal() {
        None
    } else if is_due(deadline(job)) {
        fail(job, "deadline_exceeded".to_owned(), now);
        Some(Expiry::Deadline)
    } else if let Some(detail) = stale_detail(job, stale, now) {
        fail(job, format!("stale: {detail}"), now);
        Some(Expiry::Stale)
    } else if is_due(lease_end(job)) {
        let error = "lease expired: no completion within lease window";
        reset_or_fail(job, error, now);
        Some(Expiry::Lease)
    } else {
        None
    }
}

/// When [`expire`] has something to do next, as things stand.
#[must_use]
pub fn next_expiry(job: &JobRow, stale: Option<Duration>) -> Option<Timestamp> {
    if job.status.is_terminal() {
        return None;
    }
    let end = deadline(job).or_else(|| Some(stale_at(job, stale?)));
    [end, lease_end(job)].into_iter().flatten().min()
}

/// What the log of a job that was called off ends with, so that a worker that waits for events learns it.
/// Its reason is text in any case, as handlers of 3.x expect.
#[must_use]
pub fn cancelled_event(reason: Option<&str>) -> NewJobEvent {
    let reason = said(reason).unwrap_or_default();
    synthetic("cancelled", &json!({ "reason": reason }))
}

/// What the log of a job that [`expire`] failed as stale ends with.
#[must_use]
pub fn stale_event(job: &JobRow) -> NewJobEvent {
    let error = job.error.as_deref().unwrap_or_default();
    let detail = error.strip_prefix("stale: ").unwrap_or(error);
    synthetic("stale", &json!({ "reason": "stale", "detail": detail }))
}

fn synthetic(kind: &str, payload: &Value) -> NewJobEvent {
    NewJobEvent {
        kind: kind.to_owned(),
        payload: Some(to_raw_value(payload).expect("a JSON value is JSON")),
        trace_context: None,
        posted_by: None,
    }
}

fn deadline(job: &JobRow) -> Option<Timestamp> {
    job.total_deadline.map(Timestamp::from_seconds)
}

fn lease_end(job: &JobRow) -> Option<Timestamp> {
    job.lease_expires_at.filter(|_| job.owner.is_some())
}

/// When a job without a deadline is too old.
fn stale_at(job: &JobRow, stale: Duration) -> Timestamp {
    let age = max_duration(job).map_or(stale, |longest| longest.max(stale));
    job.submitted_at.after(age)
}

/// Which limit a job without a deadline has exceeded, if it has.
fn stale_detail(job: &JobRow, stale: Option<Duration>, now: Timestamp) -> Option<String> {
    let ceiling = stale?;
    if job.total_deadline.is_some() || now < stale_at(job, ceiling) {
        return None;
    }
    let limit = match max_duration(job).filter(|longest| *longest > ceiling) {
        Some(longest) => format!("max_duration ({})", in_units(longest)),
        None => format!("MCP_MESH_JOB_STALE_TIMEOUT ({})", in_units(ceiling)),
    };
    Some(format!("no total_deadline set and exceeded {limit}"))
}

/// As durations are spelled in settings: `1h30m0s`, `90ms`.
fn in_units(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds == 0 {
        return format!("{}ms", duration.as_millis());
    }
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds}s"),
        _ => format!("{hours}h{minutes}m{seconds}s"),
    }
}

fn reset_or_fail(job: &mut JobRow, error: &str, now: Timestamp) {
    if is_exhausted(job) {
        fail(job, error.to_owned(), now);
    } else {
        reset(job);
    }
}

/// Puts the job back into the queue and says who had it. The epoch stays: the next claim raises it.
fn reset(job: &mut JobRow) -> Option<String> {
    job.status = JobStatus::Working;
    job.lease_expires_at = None;
    job.last_heartbeat_at = None;
    job.owner.take()
}

fn fail(job: &mut JobRow, error: String, now: Timestamp) {
    job.error = Some(error);
    finish(job, JobStatus::Failed, now);
}

fn finish(job: &mut JobRow, status: JobStatus, now: Timestamp) {
    job.status = status;
    job.finished_at = Some(now);
}

/// A reason that says something.
fn said(reason: Option<&str>) -> Option<&str> {
    reason.map(str::trim).filter(|reason| !reason.is_empty())
}

#[cfg(test)]
mod tests;
