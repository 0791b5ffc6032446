//! The registry as a client of agents: passes a request on and the answer back as it arrives, which
//! is the far end of the proxy, and tells owners of cancelled jobs to stop.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use mesh_core::wire::CancelRequest;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use url::Url;

use crate::Tls;
use crate::transport::Transport;

/// What a connection to an agent may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an unused connection is kept.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);

/// Why an agent could not be reached, with the transport's own account.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// The agent's address makes no URL.
    #[error("`{url}` is not a URL: {reason}")]
    InvalidUrl {
        /// What was tried.
        url: String,
        /// What is wrong with it.
        reason: url::ParseError,
    },
    /// Nobody answered, or the answer broke off.
    #[error("{}", deepest(.0))]
    Transport(#[from] reqwest::Error),
}

/// The last cause names the fault ("connection refused"); those above it repeat the URL.
fn deepest(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// An agent's answer; the body follows as it arrives.
#[derive(Debug)]
pub struct Forwarded<S> {
    /// The agent's status.
    pub status: StatusCode,
    /// The agent's headers, all of them.
    pub headers: HeaderMap,
    /// The agent's body.
    pub body: S,
}

/// Connections to agents, kept between requests.
#[derive(Debug)]
pub struct Forwarder(Transport);

impl Forwarder {
    /// A forwarder without connections; `tls` is for agents at `https`.
    #[must_use]
    pub fn new(tls: Option<Tls>) -> Self {
        Self(Transport::new(CONNECT_TIMEOUT, IDLE_TIMEOUT).with_tls(tls))
    }

    /// Sends `method` with `headers` and `body` to `url`. The body goes out with its length, because
    /// simple servers read nothing else. The caller sets the deadline: dropping the future or the
    /// answer's body ends the exchange.
    pub async fn forward(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Forwarded<impl Stream<Item = Result<Bytes, ForwardError>> + use<>>, ForwardError>
    {
        let url = Url::parse(url).map_err(|reason| ForwardError::InvalidUrl {
            url: url.to_owned(),
            reason,
        })?;
        let client = self.0.client(&url)?;
        let response = client
            .request(method, url)
            .headers(headers)
            .body(body)
            .send()
            .await?;
        Ok(Forwarded {
            status: response.status(),
            headers: response.headers().clone(),
            body: response.bytes_stream().map_err(ForwardError::Transport),
        })
    }

    /// `POST {endpoint}/jobs/{job_id}/cancel`: tells the agent that owns a job to stop it. Without a
    /// reason there is no body. The caller sets the deadline.
    pub async fn cancel_job(
        &self,
        endpoint: &str,
        job_id: &str,
        mut headers: HeaderMap,
        cancel: &CancelRequest,
    ) -> Result<StatusCode, ForwardError> {
        let mut body = Bytes::new();
        if cancel.reason.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            body = serde_json::to_vec(cancel)
                .expect("text is always valid JSON")
                .into();
        }
        let url = format!("{endpoint}/jobs/{job_id}/cancel");
        let answer = self.forward(Method::POST, &url, headers, body).await?;
        Ok(answer.status)
    }
}
