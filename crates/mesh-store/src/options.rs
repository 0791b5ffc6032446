//! How the databases are driven: SQLite by `DB_BUSY_TIMEOUT`, `DB_JOURNAL_MODE`, `DB_SYNCHRONOUS` and
//! `DB_CACHE_SIZE`, PostgreSQL by `DB_MAX_OPEN_CONNECTIONS`, `DB_MAX_IDLE_CONNECTIONS`,
//! `DB_CONN_MAX_LIFETIME` and `DB_CONNECTION_TIMEOUT`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Settings of whichever database it will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreOptions {
    /// For SQLite.
    pub sqlite: SqliteOptions,
    /// For PostgreSQL.
    pub postgres: PostgresOptions,
}

/// Settings of a PostgreSQL database; a SQLite database ignores them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostgresOptions {
    /// How many connections may be open, at least two: one writes what memory decided, the rest do all else.
    pub max_open: u32,
    /// How many of them stay open while nobody uses them.
    pub max_idle: u32,
    /// How old a connection becomes before it is replaced; zero is for ever.
    pub max_lifetime: Duration,
    /// How long the start waits for the server.
    pub connection_timeout: Duration,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            max_open: 25,
            max_idle: 5,
            max_lifetime: Duration::from_mins(5),
            connection_timeout: Duration::from_secs(30),
        }
    }
}

/// Settings of a SQLite database; a PostgreSQL database ignores them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqliteOptions {
    /// How long a statement waits for another program's lock.
    pub busy_timeout: Duration,
    /// How a transaction is made atomic.
    pub journal_mode: JournalMode,
    /// How hard the disk is pressed to keep what was committed.
    pub synchronous: Synchronous,
    /// Page cache in KiB.
    pub cache_kib: u32,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            busy_timeout: Duration::from_secs(5),
            journal_mode: JournalMode::Wal,
            synchronous: Synchronous::Normal,
            cache_kib: 10_000,
        }
    }
}

/// A word that names no mode; the text lists those that do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is none of {allowed}")]
pub struct InvalidMode {
    text: String,
    allowed: &'static str,
}

macro_rules! mode {
    ($(#[$doc:meta])* $name:ident, $allowed:literal { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[$vdoc])* $variant,)+
        }

        impl $name {
            /// SQLite's word for it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = InvalidMode;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text.trim().to_ascii_uppercase().as_str() {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(InvalidMode { text: text.to_owned(), allowed: $allowed }),
                }
            }
        }
    };
}

mode! {
    /// SQLite's journal modes. `MEMORY` and `OFF` are left out: with them a killed registry leaves a
    /// corrupt file.
    JournalMode, "`WAL`, `DELETE`, `TRUNCATE`, `PERSIST`" {
        /// A write-ahead log: readers and the writer do not wait for each other.
        Wal = "WAL",
        /// A rollback journal, deleted after each transaction.
        Delete = "DELETE",
        /// A rollback journal, cut to nothing after each transaction.
        Truncate = "TRUNCATE",
        /// A rollback journal, kept and voided after each transaction.
        Persist = "PERSIST",
    }
}

mode! {
    /// SQLite's synchronous modes. All of them survive a killed registry; they differ in what a power
    /// cut may take.
    Synchronous, "`OFF`, `NORMAL`, `FULL`, `EXTRA`" {
        /// The operating system decides; a power cut may corrupt the file.
        Off = "OFF",
        /// With a write-ahead log, a power cut may take the last transactions but never corrupts.
        Normal = "NORMAL",
        /// A power cut takes nothing.
        Full = "FULL",
        /// As `FULL`, and the folder of a rollback journal is synced too.
        Extra = "EXTRA",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_read_in_any_case() {
        assert_eq!("wal".parse(), Ok(JournalMode::Wal));
        assert_eq!(" Truncate ".parse(), Ok(JournalMode::Truncate));
        assert_eq!("full".parse(), Ok(Synchronous::Full));
    }

    #[test]
    fn a_wrong_mode_is_told_what_is_allowed() {
        assert_eq!(
            "MEMORY".parse::<JournalMode>().unwrap_err().to_string(),
            "`MEMORY` is none of `WAL`, `DELETE`, `TRUNCATE`, `PERSIST`"
        );
        assert_eq!(
            "1".parse::<Synchronous>().unwrap_err().to_string(),
            "`1` is none of `OFF`, `NORMAL`, `FULL`, `EXTRA`"
        );
    }
}
