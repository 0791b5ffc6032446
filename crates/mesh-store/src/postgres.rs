//! A PostgreSQL database: a connection that writes what memory decided and holds the claim, and a pool for
//! jobs and reading, so that `/events` and `/ready` do not wait behind a storm of registrations.
//!
//! Nothing waits for ever: not for a connection, not for a lock, not for a server that has stopped to answer.

mod changes;
mod connection;
mod failure;
mod job_rows;
mod jobs;
mod pool;
mod rows;
mod schema;
mod schemas;
mod writer;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::{query, raw_sql};
use tokio::sync::Mutex;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use self::changes::{Apply, CapEvents, Probe, Touch};
use self::connection::connect_options;
use self::failure::Name;
pub use self::failure::PostgresError;
use self::pool::{Borrowed, Pool, connect_patiently};
use self::writer::{Work, Writer, transact};
use crate::decode;
use crate::error::StoreError;
use crate::failure::Failure;
use crate::options::PostgresOptions;
use crate::row::{AgentRow, Change, EventQuery, EventRow, PulseRow};

/// Pauses before a transaction that met a lock is tried again.
const BACKOFF_MS: [u64; 4] = [20, 50, 100, 200];
/// The longest that one call may take, whatever the server does.
const LIMIT: Duration = Duration::from_secs(10);

/// A PostgreSQL database. Clones share it.
#[derive(Clone)]
pub struct PostgresStore(Arc<Shared>);

struct Shared {
    name: Name,
    /// Whether the last write failed, so that a ping should try one.
    suspect: AtomicBool,
    // Held across `.await` on purpose: it is the queue for the one connection that writes.
    writer: Mutex<Option<Writer>>,
    pool: Pool,
}

impl PostgresStore {
    pub(crate) async fn open(url: &str, options: &PostgresOptions) -> Result<Self, StoreError> {
        let name = Name::of(url);
        let connect = connect_options(url, &name)?;
        let connection = connect_patiently(&connect, options.connection_timeout, &name).await?;
        let mut writer = Writer::claim(connect.clone(), connection, name.clone()).await?;
        if let Some(connection) = writer.connection() {
            schema::prepare(connection, &name).await?;
        }
        Ok(Self(Arc::new(Shared {
            pool: Pool::new(&connect, options, &name),
            name,
            suspect: AtomicBool::new(false),
            writer: Mutex::new(Some(writer)),
        })))
    }

    pub(crate) async fn load_agents(&self) -> Result<Vec<AgentRow>, StoreError> {
        let operation = "load the agents";
        let mut reading = self.read(operation).await?;
        // However many they are: what is bounded is the wait for each.
        let begin = raw_sql("BEGIN; SET LOCAL statement_timeout = 0").execute(&mut *reading);
        self.ask(operation, begin).await?;
        let mut agents = Vec::new();
        let mut rows = query(decode::AGENTS).fetch(&mut *reading);
        while let Some(row) = self.ask(operation, rows.try_next()).await? {
            agents.push(self.explain(operation, decode::agent(&row))?);
        }
        drop(rows);
        let end = raw_sql("COMMIT").execute(&mut *reading);
        self.ask(operation, end).await?;
        reading.settled();
        Ok(agents)
    }

    pub(crate) async fn apply(&self, changes: &[Change]) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.write("write changes", &Apply(changes)).await
    }

    pub(crate) async fn touch(&self, pulses: &[PulseRow]) -> Result<(), StoreError> {
        if pulses.is_empty() {
            return Ok(());
        }
        self.write("write heartbeats", &Touch(pulses)).await
    }

    pub(crate) async fn events(&self, wanted: &EventQuery) -> Result<Vec<EventRow>, StoreError> {
        let operation = "read the events";
        let mut reading = self.read(operation).await?;
        let mut sql = rows::events(wanted);
        let rows = sql.build().fetch_all(&mut *reading);
        let rows = self.ask(operation, rows).await?;
        reading.settled();
        rows.iter()
            .map(|row| self.explain(operation, decode::event(row)))
            .collect()
    }

    pub(crate) async fn cap_events(&self, keep: u64) -> Result<u64, StoreError> {
        let keep = i64::try_from(keep).unwrap_or(i64::MAX);
        self.write("delete old events", &CapEvents(keep)).await
    }

    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        let operation = "answer";
        let mut reading = self.read(operation).await?;
        let answer = query("SELECT 1 FROM agents LIMIT 1").fetch_optional(&mut *reading);
        self.ask(operation, answer).await?;
        reading.settled();
        if self.0.suspect.load(Ordering::Relaxed) {
            self.write("write", &Probe).await?;
        }
        Ok(())
    }

    pub(crate) async fn close(self) {
        self.0.pool.close().await;
        let writer = self.0.writer.lock().await.take();
        if let Some(connection) = writer.and_then(Writer::into_connection) {
            pool::close(connection).await;
        }
    }

    /// Writes what memory decided, under the claim.
    async fn write<W: Work>(
        &self,
        operation: &'static str,
        work: &W,
    ) -> Result<W::Output, StoreError> {
        let mut guard = self.0.writer.lock().await;
        let writer = guard.as_mut().ok_or(StoreError::Closed)?;
        let mut attempts = Attempts::new();
        loop {
            let attempt = timeout_at(
                attempts.deadline,
                Box::pin(writer.transaction(operation, work)),
            );
            let outcome = self.conclude(operation, attempt.await);
            if !attempts.another(&outcome).await {
                return outcome;
            }
        }
    }

    /// Changes what memory knows nothing of, beside others.
    async fn change<W: Work>(
        &self,
        operation: &'static str,
        work: &W,
    ) -> Result<W::Output, StoreError> {
        let mut attempts = Attempts::new();
        loop {
            let mut connection = self.read(operation).await?;
            let attempt =
                timeout_at(attempts.deadline, Box::pin(transact(&mut connection, work))).await;
            let attempt = attempt
                .map(|outcome| outcome.map_err(|failure| self.0.name.explain(operation, failure)));
            let outcome = self.conclude(operation, attempt);
            if outcome.is_ok() {
                connection.settled();
            }
            if !attempts.another(&outcome).await {
                return outcome;
            }
        }
    }

    fn conclude<T>(
        &self,
        operation: &'static str,
        attempt: Result<Result<T, PostgresError>, Elapsed>,
    ) -> Result<T, StoreError> {
        let outcome = match attempt {
            Ok(outcome) => outcome.map_err(StoreError::from),
            Err(_) => Err(self.0.name.slow(operation)),
        };
        self.0.suspect.store(outcome.is_err(), Ordering::Relaxed);
        outcome
    }

    async fn read(&self, operation: &'static str) -> Result<Borrowed<'_>, StoreError> {
        // Connecting is rare and its future large.
        Box::pin(self.0.pool.borrow(operation)).await
    }

    /// Waits for an answer, but not for ever.
    async fn ask<T, E: Into<Failure>>(
        &self,
        operation: &'static str,
        question: impl Future<Output = Result<T, E>>,
    ) -> Result<T, StoreError> {
        let answer = timeout(LIMIT, question).await;
        let answer = answer.map_err(|_| self.0.name.slow(operation))?;
        self.explain(operation, answer)
    }

    fn explain<T, E: Into<Failure>>(
        &self,
        operation: &'static str,
        outcome: Result<T, E>,
    ) -> Result<T, StoreError> {
        outcome.map_err(|error| self.0.name.explain(operation, error.into()).into())
    }
}

/// How often and how long a transaction is tried again that somebody else was in the way of.
struct Attempts {
    deadline: Instant,
    pauses: std::array::IntoIter<u64, 4>,
}

impl Attempts {
    fn new() -> Self {
        Self {
            deadline: Instant::now() + LIMIT,
            pauses: BACKOFF_MS.into_iter(),
        }
    }

    /// Whether another attempt is due, after a pause.
    async fn another<T>(&mut self, outcome: &Result<T, StoreError>) -> bool {
        let busy = matches!(
            outcome,
            Err(StoreError::Postgres(PostgresError::Busy { .. }))
        );
        match self.pauses.next() {
            Some(pause) if busy => {
                sleep(Duration::from_millis(pause)).await;
                Instant::now() < self.deadline
            }
            _ => false,
        }
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresStore({})", self.0.name.shown())
    }
}
