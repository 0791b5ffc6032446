//! Test support: a registry of one's own, homes, fake agents, snapshots; never shipped.
//!
//! * [`TestContext`] is what a test of the commands starts with, [`mesh_snapshot!`] what it ends with.
//! * [`RegistryProcess`] is the real registry under test: killed, restarted, measured.
//! * [`fake`] builds registrations, [`Population`] a whole mesh of them with bodies of real size.
//! * [`http1`] speaks just enough HTTP to load a server without costing more than it.
//! * [`ScriptedServer`] answers byte for byte what a test tells it to.
//! * [`Piped`] is a program whose lines are read as they come.
//! * `terminal` has a real terminal, for whatever looks different there.
//! * [`Postgres`](postgres::Postgres) is a real PostgreSQL server that ends with its test.
//! * [`Redis`](redis::Redis) is a real Redis server likewise.
//! * [`Hub`] is a local GitHub and package index, for whatever publishes, installs or updates a release.
//! * `mesh-bench`, the benchmark, is this crate's binary.

pub mod fake;
pub mod http1;

mod context;
mod environment;
mod hub;
mod json_schema;
mod piped;
mod platform;
mod population;
mod port;
mod random;
mod registry;
mod scripted;
mod snapshot;
mod usage;

/// For [`mesh_snapshot!`], so that its users need no dependency of their own.
#[doc(hidden)]
pub use insta;

pub use context::{Programs, Stray, TestContext};
pub use environment::{RUN_MARK, essential_environment};
pub use hub::{Fault, Hub, HubRequest};
pub use json_schema::assert_matches_schema;
pub use piped::Piped;
pub use platform::{kill, postgres, redis, runs, terminal};
pub use population::{Heartbeat, Population};
pub use port::free_port;
pub use random::Random;
pub use registry::{Readiness, RegistryCommand, RegistryProcess};
pub use scripted::{Request, Script, ScriptedServer};
pub use snapshot::{session, transcript};
pub use usage::{CpuTime, resident_bytes};
