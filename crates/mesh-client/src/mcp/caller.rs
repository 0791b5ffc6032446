//! Sends a call and waits for its answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mesh_core::wire::TIMEOUT_HEADER;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Response, StatusCode};
use serde_json::value::RawValue;
use tokio::time::Instant;
use url::Url;

use super::error::CallError;
use super::message::{self, Message};
use crate::Headers;
use crate::excerpt::excerpt;
use crate::sse::{Event, EventStream};
use crate::transport::{Transport, join, parse_base};

/// How long the end of a stream is awaited after its answer, so that the connection can be used
/// again.
const DRAIN: Duration = Duration::from_secs(1);

/// One call of one tool.
#[derive(Debug, Clone)]
pub struct ToolCall {
    /// The agent's base URL; `/mcp` is appended.
    pub endpoint: String,
    /// The MCP tool name.
    pub tool: String,
    /// A JSON object; sent as it is spelled.
    pub arguments: Box<RawValue>,
    /// How long the whole exchange may take. The callee is told, in whole seconds, rounded up.
    pub timeout: Duration,
    /// Sent beside the headers that MCP needs; the latter win.
    pub headers: Headers,
}

/// What a server answered.
#[derive(Debug)]
pub enum Reply {
    /// The call's result, byte for byte as received.
    Result(Box<RawValue>),
    /// 202 without a body: taken, and nothing to say.
    Accepted,
    /// A success that is neither JSON nor an event stream, byte for byte.
    Other(Bytes),
}

/// How an [`McpCaller`] behaves.
#[derive(Debug, Clone)]
pub struct CallerOptions {
    /// How long making a connection may take, within the call's own time.
    pub connect_timeout: Duration,
    /// How long an unused connection is kept.
    pub idle_timeout: Duration,
    /// The largest answer that is read, in bytes.
    pub max_body: usize,
}

impl Default for CallerOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            // Uvicorn, which serves most agents, closes after 5 s: be first, so that no call is
            // ever sent into a connection that is about to go.
            idle_timeout: Duration::from_secs(4),
            max_body: 64 * 1024 * 1024,
        }
    }
}

/// Calls MCP servers and keeps the connections. Clones share them.
#[derive(Debug, Clone)]
pub struct McpCaller {
    transport: Arc<Transport>,
    max_body: usize,
}

impl Default for McpCaller {
    fn default() -> Self {
        Self::new(&CallerOptions::default())
    }
}

impl McpCaller {
    /// A caller without connections; touches no network.
    #[must_use]
    pub fn new(options: &CallerOptions) -> Self {
        Self {
            transport: Arc::new(Transport::new(
                options.connect_timeout,
                options.idle_timeout,
            )),
            max_body: options.max_body,
        }
    }

    /// Calls a tool. It is executed at most once: only a request that never left is sent again.
    pub async fn call_tool(&self, call: &ToolCall) -> Result<Reply, CallError> {
        let body = message::tools_call(&call.tool, &call.arguments);
        self.exchange(&call.endpoint, body, call.timeout, &call.headers)
            .await
    }

    /// Lists the tools of the server at `endpoint`.
    pub async fn list_tools(
        &self,
        endpoint: &str,
        timeout: Duration,
        headers: &Headers,
    ) -> Result<Reply, CallError> {
        self.exchange(endpoint, message::tools_list(), timeout, headers)
            .await
    }

    async fn exchange(
        &self,
        endpoint: &str,
        body: Bytes,
        budget: Duration,
        headers: &Headers,
    ) -> Result<Reply, CallError> {
        let url = parse_base(endpoint).map_err(|reason| CallError::InvalidEndpoint {
            endpoint: endpoint.to_owned(),
            reason,
        })?;
        let exchange = Exchange {
            url: join(&url, &["mcp"]),
            started: Instant::now(),
            budget,
            max_body: self.max_body,
        };
        let client = self
            .transport
            .client(&exchange.url)
            .map_err(|source| exchange.broken(source, false))?;
        // One deadline for everything: connecting, the one retry, and reading to the end.
        match tokio::time::timeout(budget, exchange.run(client, body, headers)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(exchange.timeout()),
        }
    }
}

/// One HTTP exchange and what its errors need to know.
struct Exchange {
    url: Url,
    started: Instant,
    budget: Duration,
    max_body: usize,
}

impl Exchange {
    async fn run(
        &self,
        client: &Client,
        body: Bytes,
        headers: &Headers,
    ) -> Result<Reply, CallError> {
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
        self.read(response.map_err(|source| self.broken(source, true))?)
            .await
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

    async fn read(&self, mut response: Response) -> Result<Reply, CallError> {
        let status = response.status();
        let content_type = response.headers().get(CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok());
        let kind = Kind::of(content_type.unwrap_or_default());
        if status == StatusCode::OK && kind == Kind::Events {
            return self.read_events(response).await;
        }
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
                tokio::spawn(drain(response));
                return self.conclude(answer, &stream);
            }
            self.check_size(stream.held())?;
        }
    }

    async fn chunk(&self, response: &mut Response) -> Result<Option<Bytes>, CallError> {
        let chunk = response.chunk().await;
        chunk.map_err(|source| self.broken(source, true))
    }

    fn check_size(&self, size: usize) -> Result<(), CallError> {
        if size <= self.max_body {
            return Ok(());
        }
        Err(CallError::TooLarge {
            url: self.url.to_string(),
            limit: self.max_body,
        })
    }

    fn conclude(&self, answer: Option<Message>, stream: &EventStream) -> Result<Reply, CallError> {
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

    fn timeout(&self) -> CallError {
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

    fn broken(&self, source: reqwest::Error, sent: bool) -> CallError {
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
    fn of(content_type: &str) -> Self {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("application/json") {
            Self::Json
        } else if essence.eq_ignore_ascii_case("text/event-stream") {
            Self::Events
        } else {
            Self::Other
        }
    }
}

/// The answer in an event's data, if it is there; an event that cannot be read is not the answer.
fn answer_in(event: Event<'_>) -> Option<Message> {
    match message::read(event.data) {
        Ok(Message::Other) | Err(_) => None,
        Ok(answer) => Some(answer),
    }
}

/// Reads what follows the answer, usually nothing but the end of the stream. Dropping the response
/// earlier would close the connection, and every call would need a new one.
async fn drain(mut response: Response) {
    let end = async { while let Ok(Some(_)) = response.chunk().await {} };
    let _too_late = tokio::time::timeout(DRAIN, end).await;
}
