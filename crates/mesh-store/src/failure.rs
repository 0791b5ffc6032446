//! What stops an operation, before it is known which database it was.

use crate::decode::BadRow;

/// A database's refusal or silence, or a row that we cannot read.
#[derive(Debug)]
pub(crate) enum Failure {
    Database(sqlx::Error),
    Row(BadRow),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<BadRow> for Failure {
    fn from(bad: BadRow) -> Self {
        Self::Row(bad)
    }
}
