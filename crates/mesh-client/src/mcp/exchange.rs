//! Sends a request and waits for its answer.

use std::time::Duration;

use bytes::Bytes;
use mesh_core::wire::TIMEOUT_HEADER;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Response, StatusCode};
use tokio::time::Instant;
use url::Url;

use super::caller::Reply;
use super::error::CallError;
use super::message::{self, Message};
use crate::Headers;
use crate::excerpt::excerpt;
use crate::sse::{Event, EventStream};

/// How long the end of a stream is awaited after its answer, so that the connection can be used
/// again.
const DRAIN: Duration = Duration::from_secs(1);

/// One HTTP exchange and what its errors need to know.
#[derive(Debug)]
pub(super) struct Exchange {
    url: Url,
    started: Instant,
    budget: Duration,
    max_body: usize,
}

impl Exchange {
    /// `budget` is for all of it.
    pub(super) fn new(url: Url, budget: Duration, max_body: usize) -> Self {
        Self {
            url,
            started: Instant::now(),
            budget,
            max_body,
        }
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// Does `work` within the budget.
    pub(super) async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        match tokio::time::timeout_at(self.started + self.budget, work).await {
            Ok(outcome) => outcome,
            Err(_) => Err(self.timeout()),
        }
    }

    /// The server was heard, so its time begins anew.
    pub(super) fn renew(&mut self) {
        self.started = Instant::now();
    }

    pub(super) async fn run(
        &self,
        client: &Client,
        body: Bytes,
        headers: &Headers,
    ) -> Result<Reply, CallError> {
        let response = self.send(client, body, headers).await?;
        self.read(response).await
    }

    pub(super) async fn send(
        &self,
        client: &Client,
        body: Bytes,
        headers: &Headers,
    ) -> Result<Response, CallError> {
        let mut header_map = headers.as_map().clone();
        self.require_headers(&mut header_map);
        let send = || {
            client
                .post(self.url.clone())
                .headers(header_map.clone())
                .body(body.clone())
                .send()
        };
        let response = match send().await {
            // Only when no connection was made is it certain that nothing was executed. A kept
            // connection that turns out to be closed before anything was written is replaced by
            // the pool itself.
            Err(error) if error.is_connect() => send().await,
            other => other,
        };
        response.map_err(|source| self.broken(source, true))
    }

    fn require_headers(&self, headers: &mut HeaderMap) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(
            ACCEPT,
            HeaderValue::from_static("application/json, text/event-stream"),
        );
        let seconds = self.budget.as_secs() + u64::from(self.budget.subsec_nanos() > 0);
        headers.insert(TIMEOUT_HEADER, HeaderValue::from(seconds.max(1)));
    }

    pub(super) async fn read(&self, mut response: Response) -> Result<Reply, CallError> {
        if is_event_stream(&response) {
            return self.read_events(response).await;
        }
        let status = response.status();
        let kind = Kind::of(&response);
        let body = self.read_all(&mut response).await?;
        if !status.is_success() {
            return Err(CallError::Http {
                url: self.url.to_string(),
                status: status.as_u16(),
                body: excerpt(&body),
            });
        }
        if body.is_empty() && status == StatusCode::ACCEPTED {
            return Ok(Reply::Accepted);
        }
        // Servers and proxies mislabel bodies; what an event stream looks like is unmistakable.
        let looks_like_events = [&b"event:"[..], b"data:", b":"]
            .iter()
            .any(|prefix| body.starts_with(prefix));
        if kind != Kind::Json && looks_like_events {
            let mut stream = EventStream::default();
            let answer = stream
                .push(&body, answer_in)
                .or_else(|| stream.finish(answer_in));
            return self.conclude(answer, &stream);
        }
        match message::read(&body) {
            Ok(message) => self.conclude_json(message),
            Err(_) if kind == Kind::Other && !body.is_empty() => Ok(Reply::Other(body)),
            Err(error) => Err(self.protocol(format!("it is not JSON: {error}"))),
        }
    }

    async fn read_all(&self, response: &mut Response) -> Result<Bytes, CallError> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk(response).await? {
            body.extend_from_slice(&chunk);
            self.check_size(body.len())?;
        }
        Ok(body.into())
    }

    async fn read_events(&self, mut response: Response) -> Result<Reply, CallError> {
        let mut stream = EventStream::default();
        loop {
            let answer = match self.chunk(&mut response).await {
                Ok(Some(chunk)) => stream.push(&chunk, answer_in),
                Ok(None) => {
                    let answer = stream.finish(answer_in);
                    return self.conclude(answer, &stream);
                }
                Err(_) if stream.timed_out() => return Err(self.timeout()),
                Err(error) => return Err(error),
            };
            if answer.is_some() {
                drain(response);
                return self.conclude(answer, &stream);
            }
            self.check_size(stream.held())?;
        }
    }

    pub(super) async fn chunk(&self, response: &mut Response) -> Result<Option<Bytes>, CallError> {
        let chunk = response.chunk().await;
        chunk.map_err(|source| self.broken(source, true))
    }

    pub(super) fn check_size(&self, size: usize) -> Result<(), CallError> {
        if size <= self.max_body {
            return Ok(());
        }
        Err(CallError::TooLarge {
            url: self.url.to_string(),
            limit: self.max_body,
        })
    }

    pub(super) fn conclude(
        &self,
        answer: Option<Message>,
        stream: &EventStream,
    ) -> Result<Reply, CallError> {
        match answer {
            Some(message) => self.conclude_json(message),
            None if stream.timed_out() || self.is_nearly_over() => Err(self.timeout()),
            None => Err(CallError::Interrupted {
                url: self.url.to_string(),
                source: None,
            }),
        }
    }

    fn conclude_json(&self, message: Message) -> Result<Reply, CallError> {
        match message {
            Message::Result(result) => Ok(Reply::Result(result)),
            Message::Error(error) => Err(CallError::Rpc(error)),
            Message::Other => Err(self.protocol("it holds neither result nor error".into())),
        }
    }

    /// Whether the call's time is so far gone that a server which ended its answer empty-handed
    /// must have given up for that reason.
    fn is_nearly_over(&self) -> bool {
        let margin = Duration::from_secs(1).min(self.budget / 2);
        self.started.elapsed() + margin >= self.budget
    }

    pub(super) fn timeout(&self) -> CallError {
        CallError::Timeout {
            url: self.url.to_string(),
            budget: self.budget,
        }
    }

    fn protocol(&self, reason: String) -> CallError {
        CallError::Protocol {
            url: self.url.to_string(),
            reason,
        }
    }

    pub(super) fn broken(&self, source: reqwest::Error, sent: bool) -> CallError {
        let url = self.url.to_string();
        let unsent = !sent || source.is_connect() || source.is_builder();
        let source = source.without_url(); // The message names it already.
        if unsent {
            CallError::Unreachable { url, source }
        } else {
            CallError::Interrupted {
                url,
                source: Some(source),
            }
        }
    }
}

/// What a server says that its body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Json,
    Events,
    Other,
}

impl Kind {
    fn of(response: &Response) -> Self {
        let content_type = response.headers().get(CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok());
        let essence = content_type.unwrap_or_default().split(';').next();
        let essence = essence.unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("application/json") {
            Self::Json
        } else if essence.eq_ignore_ascii_case("text/event-stream") {
            Self::Events
        } else {
            Self::Other
        }
    }
}

/// Whether the answer comes piece by piece.
pub(super) fn is_event_stream(response: &Response) -> bool {
    response.status() == StatusCode::OK && Kind::of(response) == Kind::Events
}

/// The answer in an event's data, if it is there; an event that cannot be read is not the answer.
pub(super) fn answer_in(event: Event<'_>) -> Option<Message> {
    match message::read(event.data) {
        Ok(Message::Other) | Err(_) => None,
        Ok(answer) => Some(answer),
    }
}

/// Reads what follows the answer, usually nothing but the end of the stream. Dropping the response
/// earlier would close the connection, and every call would need a new one.
pub(super) fn drain(mut response: Response) {
    let end = async move { while let Ok(Some(_)) = response.chunk().await {} };
    tokio::spawn(tokio::time::timeout(DRAIN, end));
}
