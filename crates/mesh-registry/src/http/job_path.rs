//! The `{job_id}` of a path, and what the protocol says when the job refuses.

use std::sync::Arc;

use aide::OperationInput;
use aide::transform::TransformOperation;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use mesh_core::wire::CLAIM_SUPERSEDED;
use mesh_store::job::JobRefusal;

use super::error::ApiError;
use super::openapi::Describe;
use crate::App;
use crate::jobs::JobError;

/// The id in a path.
pub(super) struct JobId(pub(super) String);

/// Routes describe it by [`of_job`].
impl OperationInput for JobId {}

/// Describes the path of one job, and the answer if there is no such job.
pub(super) fn of_job(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .tag("jobs")
        .path(
            "job_id",
            "The job; knowing its id is the right to act on it",
        )
        .fails(404, "There is no such job")
        .needs_store()
}

impl FromRequestParts<Arc<App>> for JobId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        match Path::<String>::from_request_parts(parts, app).await {
            Ok(Path(id)) if !id.contains('\0') => Ok(Self(id)),
            // What is no text is no job's id.
            _ => Err(ApiError::no_job(parts.uri.path())),
        }
    }
}

impl ApiError {
    pub(super) fn no_job(id: &str) -> Self {
        Self::NotFound(format!("job not found: {id}"))
    }
}

impl From<JobError> for ApiError {
    /// Why a job was left as it is, in the protocol's words.
    fn from(error: JobError) -> Self {
        let conflict = |text: &str| Self::Conflict(text.to_owned());
        match error {
            JobError::Refused { job, why } => match why {
                JobRefusal::NotFound => Self::no_job(&job),
                JobRefusal::NotOwner => {
                    Self::Forbidden("caller is not the current owner of this job".to_owned())
                }
                JobRefusal::Terminal => conflict("job is already in a terminal state"),
                JobRefusal::Superseded => conflict(CLAIM_SUPERSEDED),
            },
            JobError::Store(error) => error.into(),
            JobError::Crowded(crowded) => Self::Crowded(crowded),
            JobError::Interrupted => Self::Closing,
        }
    }
}
