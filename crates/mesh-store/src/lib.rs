//! What the registry remembers across restarts: agents, events, jobs and schemas, in a SQLite file or in
//! PostgreSQL.
//!
//! The registry decides in memory; the store only has to lose nothing. [`Store`] is an enum with one
//! variant per database; `sqlite.rs` and `postgres.rs` mirror each other function for function, and the
//! tests in `tests/it/contract.rs` run against each.

mod backup;
mod decode;
mod error;
mod failure;
pub mod job;
mod migration;
mod options;
mod postgres;
mod row;
mod sqlite;
mod store;
mod url;

pub use backup::{BackedUp, Restored, backup, restore};
pub use error::{StoreError, StoreErrorKind};
pub use options::{
    InvalidMode, JournalMode, PostgresOptions, SqliteOptions, StoreOptions, Synchronous,
};
pub use postgres::{PostgresError, PostgresStore};
pub use row::{AgentRow, Change, EventQuery, EventRow, PulseRow, SchemaRow};
pub use sqlite::{SqliteStore, User};
pub use store::{Opened, Store};
pub use url::{DatabaseUrl, InvalidDatabaseUrl, SqliteTarget};
