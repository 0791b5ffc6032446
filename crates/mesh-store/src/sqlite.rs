//! One SQLite file (or memory): a writer connection that lives as long as the store, and a reader so that
//! `/events` and `/ready` do not wait behind a storm of registrations.

mod backup;
mod changes;
mod connection;
mod failure;
mod file;
mod job_rows;
mod jobs;
mod platform;
mod rows;
mod schema;
mod schemas;
mod user;
mod writer;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::TryStreamExt;
use mesh_core::Clock;
use sqlx::{Connection, SqliteConnection, query, query_scalar};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, sleep};

pub(crate) use self::backup::{backup, restore};
use self::changes::{Apply, CapEvents, Probe, Touch};
use self::connection::{configure, connect_options, open_connection, settle};
use self::failure::Place;
use self::schema::Contents;
pub use self::user::User;
use self::writer::{Work, Writer};
use crate::decode;
use crate::error::StoreError;
use crate::failure::Failure;
use crate::options::SqliteOptions;
use crate::row::{AgentRow, Change, EventQuery, EventRow, PulseRow};
use crate::store::Opened;
use crate::url::SqliteTarget;

/// Pauses before a transaction that met a lock is tried again.
const BACKOFF_MS: [u64; 5] = [50, 100, 200, 400, 800];
/// A SQLite database. Clones share it.
#[derive(Clone)]
pub struct SqliteStore(Arc<Shared>);

struct Shared {
    place: Place,
    /// Whether there is a file that could vanish.
    on_disk: bool,
    /// How long one call may meet locks before it gives up.
    patience: Duration,
    /// Whether the last write failed, so that a ping should try one.
    suspect: AtomicBool,
    // Held across `.await` on purpose: it is the queue for the one connection that writes.
    writer: Mutex<Option<Writer>>,
    /// `None` in memory, where every connection would see a database of its own.
    reader: Option<Mutex<Option<SqliteConnection>>>,
}

impl SqliteStore {
    pub(crate) async fn open(
        target: &SqliteTarget,
        options: &SqliteOptions,
        clock: &Clock,
    ) -> Result<(Self, Opened), StoreError> {
        match target {
            SqliteTarget::File(path) => Self::open_file(path, options, clock).await,
            SqliteTarget::Memory => Self::open_memory(options).await,
        }
    }

    async fn open_file(
        path: &Path,
        options: &SqliteOptions,
        clock: &Clock,
    ) -> Result<(Self, Opened), StoreError> {
        let place = Place::new(path);
        file::prepare_folder(&place)?;
        let claim = file::claim(&place, options.busy_timeout).await?;
        file::prepare_file(&place)?;

        let connect = connect_options(options).filename(path);
        let mut connection = open_connection(&connect, &place).await?;
        let contents = schema::survey(&mut connection, &place).await?;
        let mut kept_aside = None;
        if contents == Contents::Published {
            settle(connection, &place).await?;
            kept_aside = Some(file::keep_aside(&place, clock.now())?);
            file::prepare_file(&place)?;
            connection = open_connection(&connect, &place).await?;
        }
        configure(&mut connection, options, contents, &place).await?;
        if contents != Contents::Ours {
            schema::mark(&mut connection, &place).await?;
        }
        schema::migrate(&mut connection, &place).await?;
        let reader = open_connection(&connect.read_only(true), &place).await?;

        let store = Self::new(place, options, Writer::new(connection, claim), Some(reader));
        Ok((store, Opened { kept_aside }))
    }

    async fn open_memory(options: &SqliteOptions) -> Result<(Self, Opened), StoreError> {
        let place = Place::new(Path::new(":memory:"));
        let connect = connect_options(options).in_memory(true);
        let mut connection = open_connection(&connect, &place).await?;
        schema::migrate(&mut connection, &place).await?;
        let store = Self::new(place, options, Writer::new(connection, None), None);
        Ok((store, Opened { kept_aside: None }))
    }

    fn new(
        place: Place,
        options: &SqliteOptions,
        writer: Writer,
        reader: Option<SqliteConnection>,
    ) -> Self {
        Self(Arc::new(Shared {
            place,
            on_disk: reader.is_some(),
            patience: options
                .busy_timeout
                .max(Duration::from_millis(BACKOFF_MS.iter().sum())),
            suspect: AtomicBool::new(false),
            writer: Mutex::new(Some(writer)),
            reader: reader.map(|connection| Mutex::new(Some(connection))),
        }))
    }

    pub(crate) async fn load_agents(&self) -> Result<Vec<AgentRow>, StoreError> {
        let operation = "load the agents";
        let mut reading = self.read().await?;
        let mut rows = query(decode::AGENTS).fetch(reading.connection()?);
        let mut agents = Vec::new();
        while let Some(row) = self.explain(operation, rows.try_next().await)? {
            agents.push(self.explain(operation, decode::agent(&row))?);
        }
        Ok(agents)
    }

    pub(crate) async fn apply(&self, changes: &[Change]) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.write("write changes", &Apply(changes)).await?;
        Ok(())
    }

    pub(crate) async fn touch(&self, pulses: &[PulseRow]) -> Result<(), StoreError> {
        if pulses.is_empty() {
            return Ok(());
        }
        self.write("write heartbeats", &Touch(pulses)).await?;
        Ok(())
    }

    pub(crate) async fn events(&self, wanted: &EventQuery) -> Result<Vec<EventRow>, StoreError> {
        let operation = "read the events";
        let mut reading = self.read().await?;
        let rows = rows::events(wanted)
            .build()
            .fetch_all(reading.connection()?)
            .await;
        self.explain(operation, rows)?
            .iter()
            .map(|row| self.explain(operation, decode::event(row)))
            .collect()
    }

    pub(crate) async fn cap_events(&self, keep: u64) -> Result<u64, StoreError> {
        let keep = i64::try_from(keep).unwrap_or(i64::MAX);
        self.write("delete old events", &CapEvents(keep)).await
    }

    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        self.check_presence().await?;
        let mut reading = self.read().await?;
        let answer: sqlx::Result<Option<i64>> = query_scalar("SELECT 1 FROM agents LIMIT 1")
            .fetch_optional(reading.connection()?)
            .await;
        drop(reading);
        self.explain("answer", answer)?;
        if self.0.suspect.load(Ordering::Relaxed) {
            self.write("write", &Probe).await?;
        }
        Ok(())
    }

    pub(crate) async fn close(self) {
        if let Some(reader) = &self.0.reader
            && let Some(connection) = reader.lock().await.take()
        {
            report(connection.close().await);
        }
        if let Some(mut writer) = self.0.writer.lock().await.take() {
            writer.roll_back_if_in_doubt().await;
            let checkpoint = query("PRAGMA wal_checkpoint(TRUNCATE)")
                .execute(&mut writer.connection)
                .await;
            report(checkpoint);
            report(writer.connection.close().await);
            drop(writer.claim);
        }
    }

    /// SQLite would go on with a file that has no name any more, and a restart would lose it all.
    async fn check_presence(&self) -> Result<(), StoreError> {
        let path = self.0.place.path();
        if self.0.on_disk && matches!(tokio::fs::try_exists(path).await, Ok(false)) {
            return Err(StoreError::Vanished {
                path: path.to_owned(),
            });
        }
        Ok(())
    }

    async fn write<W: Work>(
        &self,
        operation: &'static str,
        work: &W,
    ) -> Result<W::Output, StoreError> {
        self.check_presence().await?;
        let shared = &self.0;
        // From before the queue: under a lock that stays, everybody in it would else meet it anew, one
        // after the other.
        let deadline = Instant::now() + shared.patience;
        let mut guard = shared.writer.lock().await;
        let writer = guard.as_mut().ok_or(StoreError::Closed)?;
        if shared.suspect.load(Ordering::Relaxed) && Instant::now() >= deadline {
            let path = shared.place.path().to_owned();
            return Err(StoreError::Busy { path, operation });
        }
        let mut pauses = BACKOFF_MS.into_iter().map(Duration::from_millis);
        loop {
            let outcome = writer.transaction(work).await;
            shared.suspect.store(outcome.is_err(), Ordering::Relaxed);
            match self.explain(operation, outcome) {
                Err(StoreError::Busy { path, operation }) => match pauses.next() {
                    Some(pause) if Instant::now() < deadline => sleep(pause).await,
                    _ => return Err(StoreError::Busy { path, operation }),
                },
                outcome => return outcome,
            }
        }
    }

    async fn read(&self) -> Result<Reading<'_>, StoreError> {
        if let Some(reader) = &self.0.reader {
            return Ok(Reading::Reader(reader.lock().await));
        }
        let mut guard = self.0.writer.lock().await;
        if let Some(writer) = guard.as_mut() {
            writer.roll_back_if_in_doubt().await;
        }
        Ok(Reading::Writer(guard))
    }

    fn explain<T, E: Into<Failure>>(
        &self,
        operation: &'static str,
        outcome: Result<T, E>,
    ) -> Result<T, StoreError> {
        outcome.map_err(|error| self.0.place.explain(operation, error.into()))
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SqliteStore({})", self.0.place.path().display())
    }
}

/// The connection to read from, as long as it is ours.
enum Reading<'a> {
    Reader(MutexGuard<'a, Option<SqliteConnection>>),
    Writer(MutexGuard<'a, Option<Writer>>),
}

impl Reading<'_> {
    fn connection(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        match self {
            Self::Reader(guard) => guard.as_mut(),
            Self::Writer(guard) => guard.as_mut().map(|writer| &mut writer.connection),
        }
        .ok_or(StoreError::Closed)
    }
}

/// Closing cannot fail for its caller: what was committed is safe either way.
fn report<T>(outcome: sqlx::Result<T>) {
    if let Err(error) = outcome {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "store did not close cleanly"
        );
    }
}
