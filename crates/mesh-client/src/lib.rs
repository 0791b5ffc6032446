//! Typed HTTP client of the registry, and the caller of MCP tools: the only spelling of URLs.
//!
//! * [`RegistryClient`] speaks to the registry; its answers are the structs of `mesh_core::wire`.
//! * [`mcp`] calls tools of agents, directly or through the registry's proxy.
//! * [`Forwarder`] is the far end of that proxy, and what else a registry asks agents for.
//! * [`cards`] fetches what an A2A agent outside says about itself.
//! * [`releases`] finds published releases of this project and fetches their files.
//!
//! Everything is asynchronous, needs a tokio runtime, and is cancelled by dropping the future.

pub mod cards;
pub mod mcp;
pub mod releases;

mod error;
mod excerpt;
mod forward;
mod headers;
mod registry;
mod sse;
mod tls;
mod transport;
mod unverified;

pub use error::{ClientError, describe};
pub use forward::{ForwardError, Forwarded, Forwarder};
pub use headers::{Headers, InvalidHeader};
pub use registry::{
    AnswerStream, ClientOptions, EventQuery, FoundTrace, JobCall, JobEventQuery, JobQuery, JobWait,
    LocalAnswer, LocalRequest, NamedAnswer, Ping, PingVerdict, RegistryClient, Watched,
};
pub use tls::{Tls, TlsError, TlsFiles};
pub use transport::{Proxies, shown};
