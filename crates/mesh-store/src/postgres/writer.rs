//! Transactions, and the connection that writes what memory decided.
//!
//! Memory decides, so two registries on one database would each undo what the other wrote. The connection
//! therefore holds an advisory lock as long as it lives: whoever can write has the claim, and whoever loses
//! the connection loses it too. Jobs do not depend on memory and change on any connection, under row locks.

use sqlx::postgres::PgConnectOptions;
use sqlx::{PgConnection, query, raw_sql};

use super::failure::{Name, PostgresError};
use super::pool::connect;
use crate::failure::Failure;
use crate::job::work::{Gate, JobWork};

/// The advisory lock of the registry that writes.
const CLAIM: i64 = 0x6d65_7368_0000_0001;

/// What one write transaction does. It may be done again if somebody else was in the way.
pub(super) trait Work: Sync {
    /// How the transaction begins.
    const BEGIN: &'static str = "BEGIN";
    /// How it ends when all went well.
    const END: &'static str = "COMMIT";

    /// What comes of it.
    type Output: Send;

    /// Does it, inside a transaction that stands.
    fn run(
        &self,
        connection: &mut PgConnection,
    ) -> impl Future<Output = Result<Self::Output, Failure>> + Send;
}

impl<W: JobWork> Work for W {
    // The lock of the gate is 0x6d65_7368_0000_0003, a neighbour of `CLAIM`.
    const BEGIN: &'static str = match W::GATE {
        Gate::Passed => "BEGIN",
        Gate::Claim => "BEGIN; SELECT pg_advisory_xact_lock_shared(7882833613295714307)",
        Gate::Drain => "BEGIN; SELECT pg_advisory_xact_lock(7882833613295714307)",
    };
    type Output = W::Output;

    async fn run(&self, connection: &mut PgConnection) -> Result<W::Output, Failure> {
        JobWork::run(self, connection).await
    }
}

/// All of `work` or none of it: the server rolls back when the connection is dropped, as it must be after
/// an error.
pub(super) async fn transact<W: Work>(
    connection: &mut PgConnection,
    work: &W,
) -> Result<W::Output, Failure> {
    begin::<W>(connection).await?;
    finish(connection, work).await
}

async fn begin<W: Work>(connection: &mut PgConnection) -> sqlx::Result<()> {
    raw_sql(W::BEGIN).execute(connection).await?;
    Ok(())
}

async fn finish<W: Work>(connection: &mut PgConnection, work: &W) -> Result<W::Output, Failure> {
    let done = work.run(connection).await?;
    raw_sql(W::END).execute(connection).await?;
    Ok(done)
}

#[derive(Debug)]
pub(super) struct Writer {
    connect: PgConnectOptions,
    name: Name,
    /// `None` while it is lost, or in the hands of a transaction: one that is dropped half-way takes it along.
    connection: Option<PgConnection>,
}

impl Writer {
    /// Takes the claim with `connection`.
    pub(super) async fn claim(
        connect: PgConnectOptions,
        mut connection: PgConnection,
        name: Name,
    ) -> Result<Self, PostgresError> {
        claim(&mut connection, &name).await?;
        Ok(Self {
            connect,
            name,
            connection: Some(connection),
        })
    }

    pub(super) fn connection(&mut self) -> Option<&mut PgConnection> {
        self.connection.as_mut()
    }

    pub(super) fn into_connection(self) -> Option<PgConnection> {
        self.connection
    }

    pub(super) async fn transaction<W: Work>(
        &mut self,
        operation: &'static str,
        work: &W,
    ) -> Result<W::Output, PostgresError> {
        let mut connection = match self.connection.take() {
            Some(mut connection) => match begin::<W>(&mut connection).await {
                Ok(()) => connection,
                // It died since it was used last, and nothing was sent.
                Err(_) => self.another::<W>(operation).await?,
            },
            None => self.another::<W>(operation).await?,
        };
        let done = finish(&mut connection, work)
            .await
            .map_err(|failure| self.name.explain(operation, failure))?;
        self.connection = Some(connection);
        Ok(done)
    }

    /// Another connection with the claim, in a transaction.
    async fn another<W: Work>(
        &self,
        operation: &'static str,
    ) -> Result<PgConnection, PostgresError> {
        let mut connection = connect(&self.connect, &self.name).await?;
        claim(&mut connection, &self.name).await?;
        begin::<W>(&mut connection)
            .await
            .map_err(|error| self.name.failed(operation, error))?;
        Ok(connection)
    }
}

/// Waits a little for a registry that is stopping, or for our own lost connection to be noticed.
async fn claim(connection: &mut PgConnection, name: &Name) -> Result<(), PostgresError> {
    query("SELECT pg_advisory_lock($1)")
        .bind(CLAIM)
        .execute(connection)
        .await
        .map_err(|error| match name.failed("claim the database", error) {
            PostgresError::Busy { database, .. } => PostgresError::InUse { database },
            error => error,
        })?;
    Ok(())
}
