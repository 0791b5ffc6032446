//! What goes wrong on the way: answers that are cut off, replaced or slow.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt as _, stream};

use super::answer::html;
use super::server::HubState;

/// GitHub's page for a wrong address, shortened.
pub(super) const MISSING_PAGE: &str =
    "<!DOCTYPE html>\n<html><head><title>Page not found</title></head><body>404</body></html>\n";

/// How the answers to a path are spoiled; see [`super::Hub::spoil`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The head announces the whole body, half of it is sent, then the connection is closed.
    Truncated,
    /// 404 with an HTML page.
    Missing,
    /// 404 with this body, say a shell script.
    MissingWith(String),
    /// 500 with a line of text.
    ServerError,
    /// The whole body, in eight pieces with this pause before each.
    Slow(Duration),
}

/// Applies the fault that was set for the request's path, if any.
pub(super) async fn spoil(
    State(state): State<Arc<HubState>>,
    request: Request,
    next: Next,
) -> Response {
    match state.fault_of(request.uri().path()) {
        None => next.run(request).await,
        Some(Fault::Missing) => html(StatusCode::NOT_FOUND, MISSING_PAGE.to_owned()),
        Some(Fault::MissingWith(body)) => html(StatusCode::NOT_FOUND, body),
        Some(Fault::ServerError) => {
            (StatusCode::INTERNAL_SERVER_ERROR, "something went wrong\n").into_response()
        }
        Some(Fault::Truncated) => truncate(next.run(request).await).await,
        Some(Fault::Slow(pause)) => slow_down(next.run(request).await, pause).await,
    }
}

async fn truncate(response: Response) -> Response {
    let (mut head, bytes) = take_apart(response).await;
    head.headers
        .insert(header::CONTENT_LENGTH, bytes.len().into());
    let half = bytes.slice(..bytes.len() / 2);
    let cut = stream::once(async {
        // Meanwhile the server writes what it has; the error then makes it close the connection.
        tokio::task::yield_now().await;
        Err(io::Error::from(io::ErrorKind::ConnectionAborted))
    });
    let pieces = stream::once(async { Ok(half) }).chain(cut);
    Response::from_parts(head, Body::from_stream(pieces))
}

async fn slow_down(response: Response, pause: Duration) -> Response {
    let (mut head, bytes) = take_apart(response).await;
    head.headers
        .insert(header::CONTENT_LENGTH, bytes.len().into());
    let size = bytes.len().div_ceil(8).max(1);
    let pieces = stream::unfold(bytes, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(pause).await;
        let piece = rest.split_to(size.min(rest.len()));
        Some((Ok::<_, Infallible>(piece), rest))
    });
    Response::from_parts(head, Body::from_stream(pieces))
}

async fn take_apart(response: Response) -> (axum::http::response::Parts, Bytes) {
    let (head, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX)
        .await
        .expect("a body from memory");
    (head, bytes)
}
