//! What is called, and how.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Client;
use serde_json::value::RawValue;

use super::error::CallError;
use super::exchange::Exchange;
use super::message;
use super::stream::ToolStream;
use crate::transport::{Transport, join, parse_base};
use crate::{Headers, Tls};

/// One call of one tool.
#[derive(Debug, Clone)]
pub struct ToolCall {
    /// The agent's base URL; `/mcp` is appended.
    pub endpoint: String,
    /// The MCP tool name.
    pub tool: String,
    /// A JSON object; sent as it is spelled.
    pub arguments: Box<RawValue>,
    /// How long the whole exchange may take; of a stream, how long it may be silent. The callee is
    /// told, in whole seconds, rounded up.
    pub timeout: Duration,
    /// Sent beside the headers that MCP needs; the latter win.
    pub headers: Headers,
}

/// A request of any kind.
#[derive(Debug, Clone)]
pub struct McpRequest {
    /// The server's base URL; `/mcp` is appended.
    pub endpoint: String,
    /// What is asked for, for instance `resources/read`.
    pub method: String,
    /// A JSON object; sent as it is spelled.
    pub params: Option<Box<RawValue>>,
    /// How long the whole exchange may take. The server is told, in whole seconds, rounded up.
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
    /// Certificates of one's own, for `https`.
    pub tls: Option<Tls>,
}

impl Default for CallerOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            // Uvicorn, which serves most agents, closes after 5 s: be first, so that no call is
            // ever sent into a connection that is about to go.
            idle_timeout: Duration::from_secs(4),
            max_body: 64 * 1024 * 1024,
            tls: None,
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
            transport: Arc::new(
                Transport::new(options.connect_timeout, options.idle_timeout)
                    .with_tls(options.tls.clone()),
            ),
            max_body: options.max_body,
        }
    }

    /// Calls a tool. It is executed at most once: only a request that never left is sent again.
    pub async fn call_tool(&self, call: &ToolCall) -> Result<Reply, CallError> {
        let body = message::tools_call(&call.tool, &call.arguments);
        self.exchange(&call.endpoint, body, call.timeout, &call.headers)
            .await
    }

    /// Calls a tool that says things before it ends. It is executed at most once, too.
    pub async fn stream_tool(&self, call: &ToolCall) -> Result<ToolStream, CallError> {
        let body = message::tools_call_with_progress(&call.tool, &call.arguments);
        let exchange = self.prepare(&call.endpoint, call.timeout)?;
        let client = self.client(&exchange)?;
        let opening = exchange.send(client, body, &call.headers);
        let response = exchange.in_time(opening).await?;
        ToolStream::open(exchange, response).await
    }

    /// Asks anything that MCP knows.
    pub async fn request(&self, request: &McpRequest) -> Result<Reply, CallError> {
        let body = message::request(&request.method, request.params.as_deref());
        self.exchange(&request.endpoint, body, request.timeout, &request.headers)
            .await
    }

    /// Lists the tools of the server at `endpoint`.
    pub async fn list_tools(
        &self,
        endpoint: &str,
        timeout: Duration,
        headers: &Headers,
    ) -> Result<Reply, CallError> {
        let body = message::request::<()>("tools/list", None);
        self.exchange(endpoint, body, timeout, headers).await
    }

    async fn exchange(
        &self,
        endpoint: &str,
        body: Bytes,
        budget: Duration,
        headers: &Headers,
    ) -> Result<Reply, CallError> {
        let exchange = self.prepare(endpoint, budget)?;
        let client = self.client(&exchange)?;
        // One deadline for everything: connecting, the one retry, and reading to the end.
        exchange.in_time(exchange.run(client, body, headers)).await
    }

    fn prepare(&self, endpoint: &str, budget: Duration) -> Result<Exchange, CallError> {
        let url = parse_base(endpoint).map_err(|reason| CallError::InvalidEndpoint {
            endpoint: endpoint.to_owned(),
            reason,
        })?;
        Ok(Exchange::new(join(&url, &["mcp"]), budget, self.max_body))
    }

    fn client(&self, exchange: &Exchange) -> Result<&Client, CallError> {
        let client = self.transport.client(exchange.url());
        client.map_err(|source| exchange.broken(source, false))
    }
}
