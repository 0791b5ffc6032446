//! The store as the registry sees it, whichever database is behind it.

mod jobs;

use std::path::PathBuf;

use mesh_core::{Clock, Timestamp};

use crate::error::StoreError;
use crate::options::StoreOptions;
use crate::postgres::PostgresStore;
use crate::row::{AgentRow, Change, EventQuery, EventRow, PulseRow, SchemaRow};
use crate::sqlite::SqliteStore;
use crate::url::DatabaseUrl;

/// The registry's durable state. Clones share one database.
#[derive(Debug, Clone)]
pub enum Store {
    /// One file, for one node.
    Sqlite(SqliteStore),
    /// A PostgreSQL database.
    Postgres(PostgresStore),
}

/// What happened while a store was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Where the database went that the published registry had left in our place.
    pub kept_aside: Option<PathBuf>,
}

impl Store {
    /// Opens the database at `url`; makes a file, its folder, and in either database the tables if they
    /// are missing.
    ///
    /// The file of the published registry is never migrated: it is renamed, by `clock`'s time, and a new one
    /// is started. Its tables in PostgreSQL are left alone, for ours have a schema of their own. A newer, foreign, damaged or used database is refused and left as it is.
    pub async fn open(
        url: &DatabaseUrl,
        options: &StoreOptions,
        clock: &Clock,
    ) -> Result<(Self, Opened), StoreError> {
        match url {
            DatabaseUrl::Sqlite(target) => {
                let (store, opened) = SqliteStore::open(target, &options.sqlite, clock).await?;
                Ok((Self::Sqlite(store), opened))
            }
            DatabaseUrl::Postgres(url) => {
                let store = PostgresStore::open(url, &options.postgres).await?;
                Ok((Self::Postgres(store), Opened { kept_aside: None }))
            }
        }
    }

    /// Every agent, by id.
    pub async fn load_agents(&self) -> Result<Vec<AgentRow>, StoreError> {
        match self {
            Self::Sqlite(store) => store.load_agents().await,
            Self::Postgres(store) => store.load_agents().await,
        }
    }

    /// Does all of `changes`, in order, or none of them. When it returns, a killed process loses none.
    pub async fn apply(&self, changes: &[Change]) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) => store.apply(changes).await,
            Self::Postgres(store) => store.apply(changes).await,
        }
    }

    /// Writes signs of life, in one transaction; agents that are not stored are passed over.
    pub async fn touch(&self, pulses: &[PulseRow]) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) => store.touch(pulses).await,
            Self::Postgres(store) => store.touch(pulses).await,
        }
    }

    /// Events that match `query`, newest first.
    pub async fn events(&self, query: &EventQuery) -> Result<Vec<EventRow>, StoreError> {
        match self {
            Self::Sqlite(store) => store.events(query).await,
            Self::Postgres(store) => store.events(query).await,
        }
    }

    /// Deletes the oldest events beyond the newest `keep`, and says how many.
    pub async fn cap_events(&self, keep: u64) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(store) => store.cap_events(keep).await,
            Self::Postgres(store) => store.cap_events(keep).await,
        }
    }

    /// Schemas, newest first.
    pub async fn schemas(&self, limit: u32) -> Result<Vec<SchemaRow>, StoreError> {
        match self {
            Self::Sqlite(store) => store.schemas(limit).await,
            Self::Postgres(store) => store.schemas(limit).await,
        }
    }

    /// The schema of this hash.
    pub async fn schema(&self, hash: &str) -> Result<Option<SchemaRow>, StoreError> {
        match self {
            Self::Sqlite(store) => store.schema(hash).await,
            Self::Postgres(store) => store.schema(hash).await,
        }
    }

    /// Deletes at most `limit` schemas that came before `before` and are not among `kept`, and
    /// says how many.
    pub async fn forget_schemas(
        &self,
        kept: &[String],
        before: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(store) => store.forget_schemas(kept, before, limit).await,
            Self::Postgres(store) => store.forget_schemas(kept, before, limit).await,
        }
    }

    /// Asks the database whether it is there, can be read, and takes writes again if the last one failed.
    pub async fn ping(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) => store.ping().await,
            Self::Postgres(store) => store.ping().await,
        }
    }

    /// Closes the database, a file settled into one, for every clone.
    pub async fn close(self) {
        match self {
            Self::Sqlite(store) => store.close().await,
            Self::Postgres(store) => store.close().await,
        }
    }
}
