//! One SQLite file (or memory): a writer connection that lives as long as the store, and a reader so that
//! `/events` and `/ready` do not wait behind a storm of registrations.

mod failure;
mod file;
mod platform;
mod rows;
mod schema;
mod user;
mod work;

use std::fmt;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::TryStreamExt;
use mesh_core::Clock;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection, query, query_scalar};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, sleep};

use self::failure::Place;
use self::schema::Contents;
pub use self::user::User;
use self::work::Work;
use crate::error::StoreError;
use crate::options::SqliteOptions;
use crate::row::{AgentRow, Change, EventQuery, EventRow, PulseRow};
use crate::store::Opened;
use crate::url::SqliteTarget;

/// Pauses before a transaction that met a lock is tried again.
const BACKOFF_MS: [u64; 5] = [50, 100, 200, 400, 800];
/// Pages in the write-ahead log (16 MB) before they are moved into the file.
const WAL_PAGES: u32 = 4000;
/// How much of a write-ahead log that a storm blew up stays on the disk.
const WAL_KEPT_BYTES: u32 = 64 * 1024 * 1024;

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

struct Writer {
    connection: SqliteConnection,
    /// Whether a transaction may be open: its future was dropped half-way.
    in_doubt: bool,
    /// Released, by closing it, after the connections.
    claim: Option<File>,
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
        let mut rows = query(rows::AGENTS).fetch(reading.connection()?);
        let mut agents = Vec::new();
        while let Some(row) = self.explain(operation, rows.try_next().await)? {
            agents.push(rows::agent(&row).map_err(|bad| bad.at(&self.0.place))?);
        }
        Ok(agents)
    }

    pub(crate) async fn apply(&self, changes: &[Change]) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.write("write changes", Work::Apply(changes)).await?;
        Ok(())
    }

    pub(crate) async fn touch(&self, pulses: &[PulseRow]) -> Result<(), StoreError> {
        if pulses.is_empty() {
            return Ok(());
        }
        self.write("write heartbeats", Work::Touch(pulses)).await?;
        Ok(())
    }

    pub(crate) async fn events(&self, wanted: &EventQuery) -> Result<Vec<EventRow>, StoreError> {
        let mut reading = self.read().await?;
        let rows = rows::events(wanted)
            .build()
            .fetch_all(reading.connection()?)
            .await;
        self.explain("read the events", rows)?
            .iter()
            .map(|row| rows::event(row).map_err(|bad| bad.at(&self.0.place)))
            .collect()
    }

    pub(crate) async fn cap_events(&self, keep: u64) -> Result<u64, StoreError> {
        let keep = i64::try_from(keep).unwrap_or(i64::MAX);
        self.write("delete old events", Work::CapEvents(keep)).await
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
            self.write("write", Work::Probe).await?;
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

    async fn write(&self, operation: &'static str, work: Work<'_>) -> Result<u64, StoreError> {
        self.check_presence().await?;
        let shared = &self.0;
        let mut guard = shared.writer.lock().await;
        let writer = guard.as_mut().ok_or(StoreError::Closed)?;
        let deadline = Instant::now() + shared.patience;
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

    fn explain<T>(
        &self,
        operation: &'static str,
        outcome: sqlx::Result<T>,
    ) -> Result<T, StoreError> {
        outcome.map_err(|error| self.0.place.failed(operation, error))
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SqliteStore({})", self.0.place.path().display())
    }
}

impl Writer {
    fn new(connection: SqliteConnection, claim: Option<File>) -> Self {
        Self {
            connection,
            in_doubt: false,
            claim,
        }
    }

    /// All of `work` or none of it.
    ///
    /// Not sqlx's own transaction: it counts depth, and loses count when SQLite rolls back by itself, as
    /// it does on a full disk.
    async fn transaction(&mut self, work: Work<'_>) -> sqlx::Result<u64> {
        self.roll_back_if_in_doubt().await;
        self.in_doubt = true;
        let outcome = self.attempt(work).await;
        if outcome.is_ok() {
            self.in_doubt = false;
        }
        // At once, or the lock would stay until the next write.
        self.roll_back_if_in_doubt().await;
        outcome
    }

    async fn attempt(&mut self, work: Work<'_>) -> sqlx::Result<u64> {
        query("BEGIN IMMEDIATE")
            .execute(&mut self.connection)
            .await?;
        let done = work.run(&mut self.connection).await?;
        query("COMMIT").execute(&mut self.connection).await?;
        Ok(done)
    }

    async fn roll_back_if_in_doubt(&mut self) {
        if self.in_doubt {
            // An error says that no transaction is open, which is what we want.
            let _ = query("ROLLBACK").execute(&mut self.connection).await;
            self.in_doubt = false;
        }
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

fn connect_options(options: &SqliteOptions) -> SqliteConnectOptions {
    // sqlx panics beyond what fits SQLite's `int`.
    let longest = Duration::from_millis(i32::MAX.unsigned_abs().into());
    SqliteConnectOptions::new()
        .busy_timeout(options.busy_timeout.min(longest))
        .foreign_keys(true)
        // A container may have no folder for temporary files, and what we sort is small.
        .pragma("temp_store", "MEMORY")
        .disable_statement_logging()
}

async fn open_connection(
    options: &SqliteConnectOptions,
    place: &Place,
) -> Result<SqliteConnection, StoreError> {
    options
        .connect()
        .await
        .map_err(|error| place.failed("open", error))
}

/// Moves the log into the file and lets go of it. Fails while another process has the file open.
async fn settle(mut connection: SqliteConnection, place: &Place) -> Result<(), StoreError> {
    let failed = |error| match place.failed("settle the earlier database", error) {
        StoreError::Busy { path, .. } => StoreError::InUse { path },
        error => error,
    };
    query("PRAGMA journal_mode = DELETE")
        .execute(&mut connection)
        .await
        .map_err(failed)?;
    connection.close().await.map_err(failed)
}

async fn configure(
    connection: &mut SqliteConnection,
    options: &SqliteOptions,
    contents: Contents,
    place: &Place,
) -> Result<(), StoreError> {
    let failed = |error| place.failed("set the journal mode", error);
    // A file without contents has nothing to roll back to: without a journal its first page costs one
    // trip to the disk instead of four.
    let first = match contents {
        Contents::Ours => "",
        Contents::Empty | Contents::Published => "PRAGMA journal_mode = MEMORY;",
    };
    let SqliteOptions {
        busy_timeout: _, // is the connection's from the start
        journal_mode,
        synchronous,
        cache_kib,
    } = options;
    let cache_kib = (*cache_kib).min(i32::MAX.unsigned_abs());
    query(AssertSqlSafe(format!(
        "{first} PRAGMA synchronous = {synchronous}; PRAGMA cache_size = -{cache_kib}; \
         PRAGMA wal_autocheckpoint = {WAL_PAGES}; PRAGMA journal_size_limit = {WAL_KEPT_BYTES}"
    )))
    .execute(&mut *connection)
    .await
    .map_err(failed)?;

    let asked = journal_mode.as_str();
    let got: String = query_scalar(AssertSqlSafe(format!("PRAGMA journal_mode = {asked}")))
        .fetch_one(connection)
        .await
        .map_err(failed)?;
    if got.eq_ignore_ascii_case(asked) {
        Ok(())
    } else {
        Err(StoreError::JournalMode {
            path: place.path().to_owned(),
            asked,
            got,
        })
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
