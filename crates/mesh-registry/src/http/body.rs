//! Request bodies, whole and bounded.

use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::error::ApiError;

/// What a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the rest of a refused body is thrown away, so that its sender gets to read the answer.
const LINGER: Duration = Duration::from_secs(1);

/// Reads `body`, but not beyond `limit` bytes and not for ever.
pub(super) async fn read(mut body: Body, limit: usize) -> Result<Bytes, ApiError> {
    let announced = body.size_hint().lower();
    if usize::try_from(announced).is_ok_and(|length| length > limit) {
        discard(body).await;
        return Err(ApiError::TooLarge { limit });
    }
    match timeout(PATIENCE, Limited::new(&mut body, limit).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            discard(body).await;
            Err(ApiError::TooLarge { limit })
        }
        Ok(Err(error)) => Err(ApiError::Incomplete(error.to_string())),
        Err(_) => Err(ApiError::TooSlow(PATIENCE.as_secs())),
    }
}

/// Reads `body` as a JSON object, but not beyond `limit` bytes and not for ever.
pub(super) async fn json<T: DeserializeOwned>(body: Body, limit: usize) -> Result<T, ApiError> {
    object(&read(body, limit).await?)
}

/// Reads `bytes` as a JSON object. The check matters: an array would pass for a struct whose fields
/// it lists in order.
pub(super) fn object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        let reason = "Invalid JSON payload: expected a JSON object";
        return Err(ApiError::Invalid(reason.to_owned()));
    }
    serde_json::from_slice(bytes)
        .map_err(|error| ApiError::Invalid(format!("Invalid JSON payload: {error}")))
}

/// Closing a connection with unread bytes resets it, and a sender in the middle of its body would
/// see that instead of the answer.
async fn discard(mut body: Body) {
    let rest = async { while let Some(Ok(_)) = body.frame().await {} };
    // Whoever has more to say than fits has had the chance.
    let _ = timeout(LINGER, rest).await;
}
