//! The one connection that writes, and transactions on it.

use std::fs::File;

use sqlx::{SqliteConnection, query};

use crate::failure::Failure;
use crate::job::work::JobWork;

/// What one write transaction does. It may be done again if the database was locked.
pub(super) trait Work: Sync {
    /// What comes of it.
    type Output: Send;

    /// Does it, inside a transaction that stands.
    fn run(
        &self,
        connection: &mut SqliteConnection,
    ) -> impl Future<Output = Result<Self::Output, Failure>> + Send;
}

impl<W: JobWork> Work for W {
    type Output = W::Output;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<W::Output, Failure> {
        JobWork::run(self, connection).await
    }
}

pub(super) struct Writer {
    pub(super) connection: SqliteConnection,
    /// Whether a transaction may be open: its future was dropped half-way.
    in_doubt: bool,
    /// Released, by closing it, after the connections.
    pub(super) claim: Option<File>,
}

impl Writer {
    pub(super) fn new(connection: SqliteConnection, claim: Option<File>) -> Self {
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
    pub(super) async fn transaction<W: Work>(&mut self, work: &W) -> Result<W::Output, Failure> {
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

    async fn attempt<W: Work>(&mut self, work: &W) -> Result<W::Output, Failure> {
        query("BEGIN IMMEDIATE")
            .execute(&mut self.connection)
            .await?;
        let done = work.run(&mut self.connection).await?;
        query("COMMIT").execute(&mut self.connection).await?;
        Ok(done)
    }

    pub(super) async fn roll_back_if_in_doubt(&mut self) {
        if self.in_doubt {
            // An error says that no transaction is open, which is what we want.
            let _ = query("ROLLBACK").execute(&mut self.connection).await;
            self.in_doubt = false;
        }
    }
}
