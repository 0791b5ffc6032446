//! PostgreSQL's refusals and silences, turned into what the user can act on.

use std::borrow::Cow;
use std::error::Error;
use std::io;
use std::sync::Arc;

use mesh_core::env::EnvVars;
use mesh_core::{Hint, VERSION};

use super::schema::SCHEMA;
use crate::decode::BadRow;
use crate::error::{StoreError, StoreErrorKind};
use crate::failure::Failure;
use crate::url::DatabaseUrl;

/// Why PostgreSQL did not do what it was asked. `database` is its URL without the password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresError {
    /// Nobody listens there, or no way leads there.
    #[error("the database `{database}` cannot be reached")]
    Unreachable {
        /// Which.
        database: Arc<str>,
        /// The machine's own account.
        source: io::Error,
    },
    /// The server is there and takes no connections yet, or none any more.
    #[error("the server of the database `{database}` is starting or stopping")]
    NotReady {
        /// Which.
        database: Arc<str>,
    },
    /// The connection broke on the way; the next call opens another one.
    #[error("the database `{database}` hung up while trying to {operation}")]
    Lost {
        /// Which.
        database: Arc<str>,
        /// What was tried.
        operation: &'static str,
        /// What the connection or the server said last.
        source: Box<dyn Error + Send + Sync>,
    },
    /// No answer in the time that one call has.
    #[error("the database `{database}` took too long to {operation}")]
    Slow {
        /// Which.
        database: Arc<str>,
        /// What was tried.
        operation: &'static str,
    },
    /// Somebody else held the rows for longer than we wait.
    #[error("the database `{database}` stayed locked while trying to {operation}")]
    Busy {
        /// Which.
        database: Arc<str>,
        /// What was tried.
        operation: &'static str,
    },
    /// The server has as many connections as it takes.
    #[error("the server of the database `{database}` takes no more connections")]
    Crowded {
        /// Which.
        database: Arc<str>,
    },
    /// Another registry has claimed the database.
    #[error("the database `{database}` is in use by another registry")]
    InUse {
        /// Which.
        database: Arc<str>,
    },
    /// A URL that the driver cannot read.
    #[error("`{database}` is no usable address of a database: {reason}")]
    Address {
        /// Which.
        database: Arc<str>,
        /// What is wrong with it; never the password.
        reason: String,
    },
    /// User, password or the server's list of who may come from where.
    #[error("the database `{database}` does not let this user in")]
    Login {
        /// Which.
        database: Arc<str>,
        /// The server's own words.
        source: Box<dyn Error + Send + Sync>,
    },
    /// No encrypted connection could be made.
    #[error("no encrypted connection to the database `{database}` could be made")]
    Tls {
        /// Which.
        database: Arc<str>,
        /// What the handshake said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The server has no database of this name.
    #[error("the server has no such database: `{database}`")]
    Missing {
        /// Which.
        database: Arc<str>,
    },
    /// Letters outside the database's encoding could not be stored.
    #[error("the database `{database}` has the encoding {encoding}, and UTF8 is needed")]
    Encoding {
        /// Which.
        database: Arc<str>,
        /// Its encoding.
        encoding: String,
    },
    /// This user may log in, but not do that.
    #[error("this user has no permission to {operation} in the database `{database}`")]
    Denied {
        /// Which.
        database: Arc<str>,
        /// What was tried.
        operation: &'static str,
        /// The server's own words.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A standby, or a server that was told to take no writes.
    #[error("the database `{database}` takes no writes")]
    ReadOnly {
        /// Which.
        database: Arc<str>,
    },
    /// The server has no room for another page.
    #[error("failed to {operation} in the database `{database}`: the server's disk is full")]
    Full {
        /// Which.
        database: Arc<str>,
        /// What was tried.
        operation: &'static str,
    },
    /// The server met a broken page or file.
    #[error("the database `{database}` is damaged: failed to {operation}")]
    Corrupt {
        /// Which.
        database: Arc<str>,
        /// What was tried.
        operation: &'static str,
        /// The server's own words.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A row that this release cannot read.
    #[error("the database `{database}` has an unreadable row `{key}` in `{table}`: {reason}")]
    UnreadableRow {
        /// Which.
        database: Arc<str>,
        /// The table.
        table: &'static str,
        /// The row's key.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Another program's tables stand in our schema.
    #[error("the schema `{SCHEMA}` of the database `{database}` belongs to another program")]
    Foreign {
        /// Which.
        database: Arc<str>,
    },
    /// A schema that a later release has migrated.
    #[error(
        "the database `{database}` has schema version {found}, and mcp-mesh {VERSION} knows versions up to {known}"
    )]
    Newer {
        /// Which.
        database: Arc<str>,
        /// Its version.
        found: i64,
        /// The newest version that this release knows.
        known: i64,
    },
    /// A migration that did not run, or that ran with another text.
    #[error("failed to migrate the database `{database}`")]
    Migration {
        /// Which.
        database: Arc<str>,
        /// What was wrong.
        source: Box<dyn Error + Send + Sync>,
    },
    /// PostgreSQL refused something that should have worked: a defect of ours.
    #[error("failed to {operation} in the database `{database}`")]
    Defect {
        /// Which.
        database: Arc<str>,
        /// What was tried.
        operation: &'static str,
        /// The server's own words.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl PostgresError {
    pub(crate) fn kind(&self) -> StoreErrorKind {
        match self {
            Self::NotReady { .. } | Self::Lost { .. } | Self::Slow { .. } | Self::Busy { .. } => {
                StoreErrorKind::Busy
            }
            Self::Unreachable { .. }
            | Self::Crowded { .. }
            | Self::Denied { .. }
            | Self::ReadOnly { .. }
            | Self::Full { .. } => StoreErrorKind::Storage,
            Self::Corrupt { .. }
            | Self::UnreadableRow { .. }
            | Self::Foreign { .. }
            | Self::Newer { .. }
            | Self::Migration { .. } => StoreErrorKind::Data,
            Self::InUse { .. }
            | Self::Address { .. }
            | Self::Login { .. }
            | Self::Tls { .. }
            | Self::Missing { .. }
            | Self::Encoding { .. } => StoreErrorKind::Setting,
            Self::Defect { .. } => StoreErrorKind::Defect,
        }
    }

    /// Whether waiting alone may help while the server comes up.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::NotReady { .. } | Self::Crowded { .. } | Self::Lost { .. } => true,
            Self::Unreachable { source, .. } => matches!(
                source.kind(),
                // Of a socket in the file system too.
                io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound
            ),
            _ => false,
        }
    }
}

impl Hint for PostgresError {
    fn hint(&self) -> Option<Cow<'_, str>> {
        let url = EnvVars::DATABASE_URL;
        Some(match self {
            Self::Unreachable { .. } => {
                format!("start PostgreSQL there, or correct `{url}`").into()
            }
            Self::NotReady { .. } | Self::Lost { .. } => {
                "look at the server's own log if it does not come back".into()
            }
            Self::Slow { .. } => "look at the server's load and at the network to it".into(),
            Self::Busy { .. } => {
                format!("find the program that locks tables of the schema `{SCHEMA}`").into()
            }
            Self::Crowded { .. } => format!(
                "lower `{}`, or raise `max_connections` of the server",
                EnvVars::DB_MAX_OPEN_CONNECTIONS
            )
            .into(),
            Self::InUse { .. } => {
                format!("stop the other registry, or set `{url}` to another database").into()
            }
            Self::Address { .. } => {
                "write it as `postgres://user:password@host:5432/database`, with `%40` for an `@` in the password".into()
            }
            Self::Login { .. } => {
                format!("correct user and password in `{url}`, or the server's `pg_hba.conf`").into()
            }
            Self::Tls { .. } => {
                format!("set `sslrootcert` in `{url}` to the file of the authority that signed the server, or correct `sslmode`").into()
            }
            Self::Missing { .. } => format!("create it with `createdb`, or correct `{url}`").into(),
            Self::Encoding { .. } => {
                "create another database with `createdb --template template0 --encoding UTF8`".into()
            }
            Self::Denied { .. } => format!(
                "let an administrator run `CREATE SCHEMA {SCHEMA} AUTHORIZATION` with this user's name, or correct `{url}`"
            )
            .into(),
            Self::ReadOnly { .. } => format!("set `{url}` to the primary server").into(),
            Self::Full { .. } => "free some space on the server's disk".into(),
            Self::Corrupt { .. } | Self::UnreadableRow { .. } => format!(
                "restore a backup, or drop the schema `{SCHEMA}`: agents register again by themselves"
            )
            .into(),
            Self::Foreign { .. } => {
                format!("rename that schema, or set `{url}` to another database").into()
            }
            Self::Newer { .. } => format!(
                "start the release that wrote it or a later one, or set `{url}` to another database"
            )
            .into(),
            Self::Migration { .. } => {
                format!("keep a copy with `pg_dump`, then set `{url}` to another database").into()
            }
            Self::Defect { .. } => return None,
        })
    }
}

/// Which database it is, to name it in errors without its password.
#[derive(Debug, Clone)]
pub(super) struct Name(Arc<str>);

impl Name {
    pub(super) fn of(url: &str) -> Self {
        Self(DatabaseUrl::Postgres(url.to_owned()).to_string().into())
    }

    pub(super) fn shown(&self) -> Arc<str> {
        self.0.clone()
    }

    /// What it means that the driver failed to connect.
    pub(super) fn unreachable(&self, error: sqlx::Error) -> PostgresError {
        let database = self.shown();
        match error {
            sqlx::Error::Io(source) => PostgresError::Unreachable { database, source },
            error => self.failed("connect", error),
        }
    }

    /// What it means that PostgreSQL failed to `operation`.
    pub(super) fn failed(&self, operation: &'static str, error: sqlx::Error) -> PostgresError {
        let database = self.shown();
        match Code::of(&error) {
            Code::Connection => PostgresError::Lost {
                database,
                operation,
                source: error.into(),
            },
            Code::NotReady => PostgresError::NotReady { database },
            Code::Slow => PostgresError::Slow {
                database,
                operation,
            },
            Code::Busy => PostgresError::Busy {
                database,
                operation,
            },
            Code::Crowded => PostgresError::Crowded { database },
            Code::Login => PostgresError::Login {
                database,
                source: error.into(),
            },
            Code::Tls => PostgresError::Tls {
                database,
                source: error.into(),
            },
            Code::Missing => PostgresError::Missing { database },
            Code::Denied => PostgresError::Denied {
                database,
                operation,
                source: error.into(),
            },
            Code::ReadOnly => PostgresError::ReadOnly { database },
            Code::Full => PostgresError::Full {
                database,
                operation,
            },
            Code::Corrupt => PostgresError::Corrupt {
                database,
                operation,
                source: error.into(),
            },
            Code::Other => PostgresError::Defect {
                database,
                operation,
                source: error.into(),
            },
        }
    }

    /// What it means that `operation` met this.
    pub(super) fn explain(&self, operation: &'static str, failure: Failure) -> PostgresError {
        match failure {
            Failure::Database(error) => self.failed(operation, error),
            Failure::Row(BadRow { table, key, reason }) => PostgresError::UnreadableRow {
                database: self.shown(),
                table,
                key,
                reason,
            },
        }
    }

    pub(super) fn slow(&self, operation: &'static str) -> StoreError {
        let database = self.shown();
        PostgresError::Slow {
            database,
            operation,
        }
        .into()
    }
}

/// What an error of the driver means to a user.
enum Code {
    Connection,
    NotReady,
    Slow,
    Busy,
    Crowded,
    Login,
    Tls,
    Missing,
    Denied,
    ReadOnly,
    Full,
    Corrupt,
    Other,
}

impl Code {
    fn of(error: &sqlx::Error) -> Self {
        match error {
            // A server that dies may cut a message in two.
            sqlx::Error::Io(_) | sqlx::Error::Protocol(_) => Self::Connection,
            sqlx::Error::PoolTimedOut => Self::Slow,
            sqlx::Error::Tls(_) => Self::Tls,
            sqlx::Error::Database(error) => {
                error.code().map_or(Self::Other, |code| Self::parse(&code))
            }
            _ => Self::Other,
        }
    }

    /// By <https://www.postgresql.org/docs/15/errcodes-appendix.html>.
    fn parse(code: &str) -> Self {
        match code {
            "57P01" | "57P02" | "57P05" | "25P03" => Self::Connection, // ended by the server
            "57P03" => Self::NotReady,
            "57014" => Self::Slow,                     // statement_timeout
            "40001" | "40P01" | "55P03" => Self::Busy, // serialization, deadlock, lock_timeout
            "53300" => Self::Crowded,
            "3D000" | "57P04" => Self::Missing,
            "42501" => Self::Denied,
            "25006" => Self::ReadOnly,
            "53100" => Self::Full,
            "58030" | "XX001" | "XX002" => Self::Corrupt,
            code if code.starts_with("08") => Self::Connection,
            code if code.starts_with("28") => Self::Login,
            _ => Self::Other,
        }
    }
}
