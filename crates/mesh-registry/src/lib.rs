//! The registry: it knows every agent, decides who is wired to whom and tells each agent where
//! its dependencies are.
//!
//! Data flows one way. [`http`] parses a request and hands a change to the [`writer`], the only
//! task that changes anything; the writer drafts the change on a copy of the [`topology`], makes it
//! durable in the store and only then publishes the copy. Reading handlers look at the published
//! snapshot and wait for nobody. [`health`] and [`sweep`] are clocks that send changes to the writer
//! like any handler; [`audit`] writes down behind the writer's back how dependencies came to be wired.
//! [`traces`] stands beside all that: what agents tell of their calls goes through Redis.

mod address;
mod app;
mod audit;
mod backup;
pub mod cli;
mod compact;
mod connection;
mod entities;
mod health;
mod healthcheck;
mod http;
mod in_memory;
mod jobs;
mod logging;
mod metrics;
mod outages;
mod platform;
mod published;
mod readable;
mod readiness;
mod serve;
mod settings;
mod stall;
mod store_health;
mod sweep;
mod topology;
mod traces;
mod writer;

pub use app::App;
pub use http::{app, openapi};
pub use in_memory::{InMemory, InMemoryError};
pub use serve::accept;
pub use settings::{InvalidSetting, LogFormat, Settings};
pub use traces::RedisUrl;
