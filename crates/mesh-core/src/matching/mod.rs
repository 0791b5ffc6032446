//! Which providers may serve a dependency, and which of them best.
//!
//! What a dependency asks for is compiled once ([`TagQuery`], [`VersionQuery`], [`SchemaQuery`]) and
//! then asked of every candidate; a candidate that passes costs no allocation.
//!
//! * [`tags`]: required, preferred and excluded tags, groups of alternatives, and the score.
//! * [`version`]: versions and their constraints.
//! * [`schema`]: whether a result has what its consumer expects of it.

pub mod schema;
pub mod tags;
pub mod version;

pub use schema::{Finding, MatchMode, ProviderSchema, SchemaQuery, compare};
pub use tags::{TagMismatch, TagQuery};
pub use version::{Constraint, ProviderVersion, Version, VersionQuery};
