//! A registry in this very process, which is asked without a socket.

use std::fmt;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use reqwest::{Method, StatusCode};

/// What is asked.
#[derive(Debug, Clone)]
pub struct LocalRequest {
    /// The method.
    pub method: Method,
    /// The path, with its query.
    pub target: String,
    /// The body, which may be empty.
    pub body: Bytes,
}

/// What is answered.
#[derive(Debug, Clone)]
pub struct LocalAnswer {
    /// The status.
    pub status: StatusCode,
    /// The body, which may be empty.
    pub body: Bytes,
}

/// Answers requests.
pub(super) struct Local(Box<Answering>);

type Answering = dyn Fn(LocalRequest) -> BoxFuture<'static, LocalAnswer> + Send + Sync;

impl Local {
    pub(super) fn new<F>(answer: F) -> Self
    where
        F: Fn(LocalRequest) -> BoxFuture<'static, LocalAnswer> + Send + Sync + 'static,
    {
        Self(Box::new(answer))
    }

    pub(super) async fn answer(&self, request: reqwest::Request) -> LocalAnswer {
        let url = request.url();
        let query = url.query().map(|query| format!("?{query}"));
        let body = request.body().and_then(reqwest::Body::as_bytes);
        let request = LocalRequest {
            method: request.method().clone(),
            target: format!("{}{}", url.path(), query.unwrap_or_default()),
            body: Bytes::copy_from_slice(body.unwrap_or_default()),
        };
        (self.0)(request).await
    }
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Local")
    }
}
