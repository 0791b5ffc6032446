//! The connections that come and go.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool, Postgres};
use tokio::time::{Instant, sleep, timeout};

use super::failure::{Name, PostgresError};
use crate::error::StoreError;
use crate::options::PostgresOptions;

/// The longest that a request waits for a connection.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// When a connection takes longer than that, we ask for the reason.
const DOUBT: Duration = Duration::from_millis(200);
/// Between two attempts while a server starts.
const PAUSE: Duration = Duration::from_millis(100);

/// Opens connections when they are needed and keeps some for the next call.
#[derive(Debug)]
pub(super) struct Pool {
    connections: PgPool,
    connect: PgConnectOptions,
    name: Name,
    max_idle: u32,
    /// How many connections are in use.
    lent: AtomicU32,
}

impl Pool {
    pub(super) fn new(connect: &PgConnectOptions, options: &PostgresOptions, name: &Name) -> Self {
        let lifetime = Some(options.max_lifetime).filter(|lifetime| !lifetime.is_zero());
        let connections = PgPoolOptions::new()
            // One is the writer's.
            .max_connections(options.max_open.max(2) - 1)
            .max_lifetime(lifetime)
            .acquire_timeout(PATIENCE)
            .connect_lazy_with(connect.clone());
        Self {
            connections,
            connect: connect.clone(),
            name: name.clone(),
            max_idle: options.max_idle,
            lent: AtomicU32::new(0),
        }
    }

    /// A connection that answers.
    ///
    /// The pool itself would try a server that is down again and again until the time is up, and then
    /// not know why.
    pub(super) async fn borrow(&self, operation: &'static str) -> Result<Borrowed<'_>, StoreError> {
        let acquired = tokio::select! {
            biased;
            acquired = self.connections.acquire() => acquired,
            error = self.reason() => return Err(error.into()),
        };
        match acquired {
            Ok(connection) => {
                self.lent.fetch_add(1, Ordering::Relaxed);
                Ok(Borrowed {
                    connection,
                    pool: self,
                    in_doubt: true,
                })
            }
            Err(sqlx::Error::PoolClosed) => Err(StoreError::Closed),
            Err(sqlx::Error::PoolTimedOut) => Err(self.name.slow(operation)),
            Err(error) => Err(self.name.unreachable(error).into()),
        }
    }

    /// Why no connection can be made; never, if one can.
    async fn reason(&self) -> PostgresError {
        loop {
            sleep(DOUBT).await;
            let may_grow =
                self.connections.size() < self.connections.options().get_max_connections();
            if !may_grow {
                continue;
            }
            match connect(&self.connect, &self.name).await {
                Ok(connection) => close(connection).await,
                Err(error) => return error,
            }
        }
    }

    pub(super) async fn close(&self) {
        // Whoever holds a connection is bounded in time, but not worth waiting for.
        let _ = timeout(Duration::from_secs(1), self.connections.close()).await;
    }
}

/// A connection that goes back to the pool, unless something went wrong with it.
pub(super) struct Borrowed<'a> {
    connection: PoolConnection<Postgres>,
    pool: &'a Pool,
    in_doubt: bool,
}

impl Borrowed<'_> {
    /// The work is done: whoever comes next finds no trace of it.
    pub(super) fn settled(mut self) {
        self.in_doubt = false;
    }
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        let lent = self.pool.lent.fetch_sub(1, Ordering::Relaxed) - 1;
        // Not what is idle now: others may be on their way back too.
        let idle = self.pool.connections.size().saturating_sub(lent);
        if self.in_doubt || idle > self.pool.max_idle {
            self.connection.close_on_drop();
        }
    }
}

impl Deref for Borrowed<'_> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Borrowed<'_> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

/// One attempt.
pub(super) async fn connect(
    options: &PgConnectOptions,
    name: &Name,
) -> Result<PgConnection, PostgresError> {
    match timeout(PATIENCE, options.connect()).await {
        Ok(outcome) => outcome.map_err(|error| name.unreachable(error)),
        Err(_) => Err(PostgresError::Slow {
            database: name.shown(),
            operation: "connect",
        }),
    }
}

/// Waits for a server that is starting: databases and registries are often started together.
pub(super) async fn connect_patiently(
    options: &PgConnectOptions,
    patience: Duration,
    name: &Name,
) -> Result<PgConnection, PostgresError> {
    let deadline = Instant::now() + patience;
    let mut told = false;
    loop {
        match connect(options, name).await {
            Err(error) if error.may_pass() && Instant::now() < deadline => {
                if !told {
                    tracing::warn!(%error, ?patience, "waiting for the database");
                    told = true;
                }
                sleep(PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}

/// Says goodbye, but not to somebody who does not listen.
pub(super) async fn close(connection: PgConnection) {
    let _ = timeout(Duration::from_secs(1), connection.close()).await;
}
