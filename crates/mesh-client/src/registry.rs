//! The registry's HTTP interface, one method per resource.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use mesh_core::wire::{
    AgentList, Answer, ErrorBody, EventList, HealthReport, ReadyReport, Registration,
};
use reqwest::{Method, StatusCode, header};
use serde::de::DeserializeOwned;
use url::Url;

use crate::excerpt::excerpt;
use crate::transport::{Proxies, Transport, join, parse_base};
use crate::{ClientError, Headers};

const PENDING_JOBS: &str = "x-mesh-pending-jobs";

/// How a [`RegistryClient`] behaves.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// How long one request may take, from the look-up of the host to the last byte.
    pub timeout: Duration,
    /// How long making a connection may take.
    pub connect_timeout: Duration,
    /// The largest answer that is read, in bytes.
    pub max_body: usize,
    /// Sent with every request, for instance a `Host` for an ingress.
    pub headers: Headers,
    /// Whether a proxy may be on the way.
    pub proxies: Proxies,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            max_body: 256 * 1024 * 1024,
            headers: Headers::new(),
            proxies: Proxies::default(),
        }
    }
}

/// What the registry says to a ping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PingVerdict {
    /// The agent's last answer still holds.
    Current,
    /// The answer would differ: register again to fetch it.
    Changed,
    /// The registry does not know the agent, or gave it up: register again.
    Unknown,
}

/// The answer to a ping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ping {
    /// What to do next.
    pub verdict: PingVerdict,
    /// How many jobs wait for agents of this name, as far as the registry says.
    pub pending_jobs: u32,
}

/// Which events to list; the default is the registry's.
#[derive(Debug, Clone, Default)]
pub struct EventQuery {
    /// Of this agent only.
    pub agent_id: Option<String>,
    /// Of this function only.
    pub function_name: Option<String>,
    /// Of this kind only, in the wire's spelling.
    pub event_type: Option<String>,
    /// At most so many.
    pub limit: Option<u32>,
}

/// Speaks to one registry. Keeps its connections; needs no lock.
pub struct RegistryClient {
    base: Url,
    label: String,
    options: ClientOptions,
    transport: Transport,
}

impl fmt::Debug for RegistryClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryClient")
            .field("base", &self.label)
            .finish_non_exhaustive()
    }
}

impl RegistryClient {
    /// A client of the registry at `base`; touches no network.
    pub fn new(base: &str, options: ClientOptions) -> Result<Self, ClientError> {
        let url = parse_base(base).map_err(|reason| ClientError::InvalidUrl {
            url: base.to_owned(),
            reason,
        })?;
        // Longer than any heartbeat interval, so that a ping finds its connection open.
        let idle_timeout = Duration::from_secs(90);
        Ok(Self {
            label: url.as_str().trim_end_matches('/').to_owned(),
            base: url,
            transport: Transport::new(options.connect_timeout, idle_timeout)
                .with_headers(options.headers.as_map().clone())
                .with_proxies(options.proxies),
            options,
        })
    }

    /// The registry's base URL, without a slash at its end.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.label
    }

    /// `GET /health`: the process is alive.
    pub async fn health(&self) -> Result<HealthReport, ClientError> {
        self.get(join(&self.base, &["health"])).await
    }

    /// `GET /ready`: the store answers too. A registry that is not ready says so in the report.
    pub async fn ready(&self) -> Result<ReadyReport, ClientError> {
        let url = join(&self.base, &["ready"]);
        let answer = self.send(Method::GET, &url, None).await?;
        match answer.status {
            StatusCode::OK | StatusCode::SERVICE_UNAVAILABLE => decode(&url, &answer.body),
            _ => Err(self.refusal(&answer)),
        }
    }

    /// `POST /heartbeat`: announces the agent and fetches its wiring. A refusal by the rules is an
    /// [`Answer`] whose status is `error`.
    pub async fn register(&self, registration: &Registration) -> Result<Answer, ClientError> {
        let body = serde_json::to_vec(registration).map_err(|error| ClientError::Malformed {
            url: self.label.clone(),
            reason: format!("the registration cannot be written as JSON: {error}"),
        })?;
        self.register_raw(body.into()).await
    }

    /// The same with a document that is serialised already.
    pub async fn register_raw(&self, registration: Bytes) -> Result<Answer, ClientError> {
        let url = join(&self.base, &["heartbeat"]);
        let answer = self.send(Method::POST, &url, Some(registration)).await?;
        self.read(&url, &answer)
    }

    /// `HEAD /heartbeat/{agent_id}`: still here; has anything changed?
    pub async fn ping(&self, agent_id: &str) -> Result<Ping, ClientError> {
        let url = join(&self.base, &["heartbeat", agent_id]);
        let answer = self.send(Method::HEAD, &url, None).await?;
        let verdict = match answer.status {
            StatusCode::OK => PingVerdict::Current,
            StatusCode::ACCEPTED => PingVerdict::Changed,
            StatusCode::GONE => PingVerdict::Unknown,
            _ => return Err(self.refusal(&answer)),
        };
        Ok(Ping {
            verdict,
            pending_jobs: answer.pending_jobs,
        })
    }

    /// `DELETE /agents/{agent_id}`: leaves the mesh. An agent that is not there has left.
    pub async fn leave(&self, agent_id: &str) -> Result<(), ClientError> {
        let url = join(&self.base, &["agents", agent_id]);
        let answer = self.send(Method::DELETE, &url, None).await?;
        if answer.status.is_success() || answer.status == StatusCode::NOT_FOUND {
            Ok(())
        } else {
            Err(self.refusal(&answer))
        }
    }

    /// `GET /agents`: who is in the mesh.
    pub async fn agents(&self) -> Result<AgentList, ClientError> {
        self.get(join(&self.base, &["agents"])).await
    }

    /// `GET /agents` as the registry spelled it.
    pub async fn agents_raw(&self) -> Result<Bytes, ClientError> {
        let url = join(&self.base, &["agents"]);
        let answer = self.send(Method::GET, &url, None).await?;
        if answer.status.is_success() {
            Ok(answer.body)
        } else {
            Err(self.refusal(&answer))
        }
    }

    /// `GET /events`: what happened, newest first.
    pub async fn events(&self, query: &EventQuery) -> Result<EventList, ClientError> {
        let EventQuery {
            agent_id,
            function_name,
            event_type,
            limit,
        } = query;
        let mut url = join(&self.base, &["events"]);
        let limit = limit.map(|limit| limit.to_string());
        for (name, value) in [
            ("agent_id", agent_id),
            ("function_name", function_name),
            ("type", event_type),
            ("limit", &limit),
        ] {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        self.get(url).await
    }

    /// The endpoint under which the registry's proxy offers the agent at `target` (`host:port`), so
    /// that a caller who reaches only the registry can use it as [`ToolCall::endpoint`].
    ///
    /// [`ToolCall::endpoint`]: crate::mcp::ToolCall::endpoint
    #[must_use]
    pub fn proxy_endpoint(&self, target: &str) -> String {
        join(&self.base, &["proxy", target]).into()
    }

    async fn get<T: DeserializeOwned>(&self, url: Url) -> Result<T, ClientError> {
        let answer = self.send(Method::GET, &url, None).await?;
        self.read(&url, &answer)
    }

    fn read<T: DeserializeOwned>(&self, url: &Url, answer: &RawAnswer) -> Result<T, ClientError> {
        if answer.status.is_success() {
            decode(url, &answer.body)
        } else {
            Err(self.refusal(answer))
        }
    }

    async fn send(
        &self,
        method: Method,
        url: &Url,
        body: Option<Bytes>,
    ) -> Result<RawAnswer, ClientError> {
        let exchange = self.exchange(method, url, body);
        match tokio::time::timeout(self.options.timeout, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(ClientError::Timeout {
                url: self.label.clone(),
                timeout: self.options.timeout,
            }),
        }
    }

    async fn exchange(
        &self,
        method: Method,
        url: &Url,
        body: Option<Bytes>,
    ) -> Result<RawAnswer, ClientError> {
        let client = self.transport.client(url).map_err(|e| self.broken(e))?;
        let mut request = client.request(method, url.clone());
        if let Some(body) = body {
            request = request
                .header(header::CONTENT_TYPE, "application/json")
                .body(body);
        }
        let mut response = request.send().await.map_err(|e| self.broken(e))?;
        let status = response.status();
        let pending_jobs = response
            .headers()
            .get(PENDING_JOBS)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .unwrap_or(0);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.broken(e))? {
            if body.len() + chunk.len() > self.options.max_body {
                return Err(ClientError::Malformed {
                    url: url.to_string(),
                    reason: format!("it is longer than {} bytes", self.options.max_body),
                });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(RawAnswer {
            status,
            pending_jobs,
            body: body.into(),
        })
    }

    fn broken(&self, source: reqwest::Error) -> ClientError {
        if source.is_timeout() {
            ClientError::Timeout {
                url: self.label.clone(),
                timeout: self.options.connect_timeout,
            }
        } else {
            ClientError::Unreachable {
                url: self.label.clone(),
                source: source.without_url(), // The message names it already.
            }
        }
    }

    fn refusal(&self, answer: &RawAnswer) -> ClientError {
        let (message, advice) = match serde_json::from_slice::<ErrorBody>(&answer.body) {
            Ok(body) => (body.error, body.hint),
            Err(_) if answer.body.is_empty() => {
                let reason = answer
                    .status
                    .canonical_reason()
                    .unwrap_or("no reason given");
                (reason.to_lowercase(), None)
            }
            Err(_) => (excerpt(&answer.body), None),
        };
        ClientError::Refused {
            url: self.label.clone(),
            status: answer.status.as_u16(),
            message,
            advice,
        }
    }
}

struct RawAnswer {
    status: StatusCode,
    pending_jobs: u32,
    body: Bytes,
}

fn decode<T: DeserializeOwned>(url: &Url, body: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(body).map_err(|error| ClientError::Malformed {
        url: url.to_string(),
        reason: error.to_string(),
    })
}
