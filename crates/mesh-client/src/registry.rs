//! The registry's HTTP interface, one method per resource.

mod administration;
mod jobs;
mod local;
mod release;
mod traces;
mod watch;

pub use jobs::{JobCall, JobEventQuery, JobQuery, JobWait};
pub use local::{LocalAnswer, LocalRequest};
pub use traces::FoundTrace;
pub use watch::{AnswerStream, Watched};

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use mesh_core::wire::{
    ANSWER_ID_HEADER, AgentList, Answer, EventList, HealthReport, PENDING_JOBS_HEADER, ReadyReport,
    Registration, SchemaInfo, SchemaList,
};
use reqwest::{Method, RequestBuilder, Response, StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use self::local::Local;
use crate::excerpt::{PAGE, excerpt, is_page};
use crate::mcp::{CallerOptions, McpCaller};
use crate::transport::{Proxies, Transport, join, parse_base, shown};
use crate::{ClientError, Headers, Tls};

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
    /// Certificates of one's own, for `https`.
    pub tls: Option<Tls>,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            max_body: 256 * 1024 * 1024,
            headers: Headers::new(),
            proxies: Proxies::default(),
            tls: None,
        }
    }
}

/// An answer to a registration, and what the registry calls it.
#[derive(Debug, Clone)]
pub struct NamedAnswer {
    /// Tells this answer from others; a registry without watches gives no names.
    pub id: Option<String>,
    /// The answer.
    pub answer: Answer,
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
    /// Answers instead of a server.
    local: Option<Local>,
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
            label: shown(&url),
            base: url,
            transport: Transport::new(options.connect_timeout, idle_timeout)
                .with_headers(options.headers.as_map().clone())
                .with_proxies(options.proxies)
                .with_tls(options.tls.clone()),
            options,
            local: None,
        })
    }

    /// A client of a registry in this very process: `answer` stands for its server. Watches are not
    /// among what it can be asked.
    pub fn local<F>(answer: F) -> Result<Self, ClientError>
    where
        F: Fn(LocalRequest) -> BoxFuture<'static, LocalAnswer> + Send + Sync + 'static,
    {
        let mut client = Self::new("http://memory", ClientOptions::default())?;
        client.local = Some(Local::new(answer));
        Ok(client)
    }

    /// What calls agents through this registry, with the same certificates; touches no network.
    #[must_use]
    pub fn caller(&self) -> McpCaller {
        McpCaller::new(&CallerOptions {
            tls: self.options.tls.clone(),
            ..CallerOptions::default()
        })
    }

    /// The registry's base URL as people are shown it: without a slash at its end, without a password.
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
        let answer = self.send(self.request(Method::GET, &url)?).await?;
        match answer.status {
            StatusCode::OK | StatusCode::SERVICE_UNAVAILABLE => decode(url.as_str(), &answer.body),
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
        Ok(self.register_raw(body.into()).await?.answer)
    }

    /// The same with a document that is serialised already, and the answer's name.
    pub async fn register_raw(&self, registration: Bytes) -> Result<NamedAnswer, ClientError> {
        let url = join(&self.base, &["heartbeat"]);
        let request = self
            .request(Method::POST, &url)?
            .header(header::CONTENT_TYPE, "application/json")
            .body(registration);
        let answer = self.send(request).await?;
        Ok(NamedAnswer {
            answer: self.read(&url, &answer)?,
            id: answer.id,
        })
    }

    /// `HEAD /heartbeat/{agent_id}`: still here; has anything changed since the answer called `held`, or
    /// since the last one that was fetched?
    pub async fn ping(&self, agent_id: &str, held: Option<&str>) -> Result<Ping, ClientError> {
        let url = join(&self.base, &["heartbeat", agent_id]);
        let mut request = self.request(Method::HEAD, &url)?;
        if let Some(held) = held {
            request = request.header(ANSWER_ID_HEADER, held);
        }
        let answer = self.send(request).await?;
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
        let answer = self.send(self.request(Method::DELETE, &url)?).await?;
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
        let answer = self.send(self.request(Method::GET, &url)?).await?;
        if answer.status.is_success() {
            Ok(answer.body)
        } else {
            Err(self.refusal(&answer))
        }
    }

    /// `GET /schemas`: the canonical schemas that agents published, newest first; at most `limit`.
    pub async fn schemas(&self, limit: u32) -> Result<SchemaList, ClientError> {
        let url = with_query(
            join(&self.base, &["schemas"]),
            [("limit", &Some(limit.to_string()))],
        );
        self.get(url).await
    }

    /// `GET /schemas/{hash}`: one of them.
    pub async fn schema(&self, hash: &str) -> Result<SchemaInfo, ClientError> {
        self.get(join(&self.base, &["schemas", hash])).await
    }

    /// `GET /events`: what happened, newest first.
    pub async fn events(&self, query: &EventQuery) -> Result<EventList, ClientError> {
        let EventQuery {
            agent_id,
            function_name,
            event_type,
            limit,
        } = query;
        let limit = limit.map(|limit| limit.to_string());
        let url = with_query(
            join(&self.base, &["events"]),
            [
                ("agent_id", agent_id),
                ("function_name", function_name),
                ("type", event_type),
                ("limit", &limit),
            ],
        );
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
        self.ask(Method::GET, url).await
    }

    async fn ask<T: DeserializeOwned>(&self, method: Method, url: Url) -> Result<T, ClientError> {
        let answer = self.send(self.request(method, &url)?).await?;
        self.read(&url, &answer)
    }

    fn read<T: DeserializeOwned>(&self, url: &Url, answer: &RawAnswer) -> Result<T, ClientError> {
        if answer.status.is_success() {
            decode(url.as_str(), &answer.body)
        } else {
            Err(self.refusal(answer))
        }
    }

    /// A request to `url` that carries nothing yet.
    fn request(&self, method: Method, url: &Url) -> Result<RequestBuilder, ClientError> {
        let client = self.transport.client(url).map_err(|e| self.broken(e))?;
        Ok(client.request(method, url.clone()))
    }

    /// Sends `request` and waits for the head of a successful answer.
    async fn open(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        self.in_time(async {
            let response = request.send().await.map_err(|e| self.broken(e))?;
            if response.status().is_success() {
                return Ok(response);
            }
            Err(self.refusal(&self.collect(response).await?))
        })
        .await
    }

    /// Sends `request` and waits for the whole answer.
    async fn send(&self, request: RequestBuilder) -> Result<RawAnswer, ClientError> {
        self.in_time(self.exchange(request)).await
    }

    async fn exchange(&self, request: RequestBuilder) -> Result<RawAnswer, ClientError> {
        if let Some(local) = &self.local {
            let request = request.build().map_err(|e| self.broken(e))?;
            let LocalAnswer { status, body } = local.answer(request).await;
            return Ok(RawAnswer {
                status,
                pending_jobs: 0,
                id: None,
                body,
            });
        }
        let response = request.send().await.map_err(|e| self.broken(e))?;
        self.collect(response).await
    }

    async fn in_time<T>(
        &self,
        exchange: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, ClientError> {
        self.within(self.options.timeout, exchange).await
    }

    async fn within<T>(
        &self,
        timeout: Duration,
        exchange: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, ClientError> {
        match tokio::time::timeout(timeout, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(ClientError::Timeout {
                url: self.label.clone(),
                timeout,
            }),
        }
    }

    async fn collect(&self, mut response: Response) -> Result<RawAnswer, ClientError> {
        let header = |name: &str| response.headers().get(name)?.to_str().ok();
        let pending_jobs = header(PENDING_JOBS_HEADER).and_then(|value| value.trim().parse().ok());
        let mut answer = RawAnswer {
            status: response.status(),
            pending_jobs: pending_jobs.unwrap_or(0),
            id: header(ANSWER_ID_HEADER).map(str::to_owned),
            body: Bytes::new(),
        };
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.broken(e))? {
            if body.len() + chunk.len() > self.options.max_body {
                return Err(ClientError::Malformed {
                    url: response.url().to_string(),
                    reason: format!("it is longer than {} bytes", self.options.max_body),
                });
            }
            body.extend_from_slice(&chunk);
        }
        answer.body = body.into();
        Ok(answer)
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
        let (message, advice) = match serde_json::from_slice::<Reason>(&answer.body) {
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

/// What of an [`ErrorBody`](mesh_core::wire::ErrorBody) other registries say too.
#[derive(Deserialize)]
struct Reason {
    error: String,
    #[serde(default)]
    hint: Option<String>,
}

struct RawAnswer {
    status: StatusCode,
    pending_jobs: u32,
    /// What the registry calls it, if it is an answer to a registration.
    id: Option<String>,
    body: Bytes,
}

fn decode<T: DeserializeOwned>(url: &str, body: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(body).map_err(|error| ClientError::Malformed {
        url: url.to_owned(),
        reason: if is_page(body) {
            format!("it is {PAGE}")
        } else {
            error.to_string()
        },
    })
}

/// `url` with those of `pairs` that have a value.
fn with_query<const N: usize>(mut url: Url, pairs: [(&str, &Option<String>); N]) -> Url {
    for (name, value) in pairs {
        if let Some(value) = value {
            url.query_pairs_mut().append_pair(name, value);
        }
    }
    url
}
