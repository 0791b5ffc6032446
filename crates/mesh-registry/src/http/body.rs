//! Request bodies, whole and bounded.

use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;

use super::error::ApiError;

/// What a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads `body`, but not beyond `limit` bytes and not for ever.
pub(super) async fn read(body: Body, limit: usize) -> Result<Bytes, ApiError> {
    let announced = body.size_hint().lower();
    if usize::try_from(announced).is_ok_and(|length| length > limit) {
        return Err(ApiError::TooLarge { limit });
    }
    match timeout(PATIENCE, Limited::new(body, limit).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(ApiError::TooLarge { limit }),
        Ok(Err(error)) => Err(ApiError::Incomplete(error.to_string())),
        Err(_) => Err(ApiError::TooSlow(PATIENCE.as_secs())),
    }
}
