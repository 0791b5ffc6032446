//! `DATABASE_URL`: the scheme chooses the backend; nothing is guessed.

use std::fmt;
use std::path::{Path, PathBuf};

/// Where the registry keeps its state.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// SQLite, for one node.
    Sqlite(SqliteTarget),
    /// PostgreSQL, for several. The URL may hold a password; `Debug` and `Display` hide it.
    Postgres(String),
}

/// Where a SQLite database lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SqliteTarget {
    /// In this file; the path is absolute.
    File(PathBuf),
    /// In memory, gone with the process.
    Memory,
}

/// A value that names no database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDatabaseUrl {
    /// Nothing, or a scheme with nothing behind it.
    #[error("`{0}` names no file; expected a path, `sqlite:<path>`, `:memory:` or `postgres://…`")]
    Empty(String),
    /// A scheme that is neither SQLite's nor PostgreSQL's.
    #[error(
        "`{url}` has the scheme `{scheme}:`; expected a path, `sqlite:<path>`, `:memory:`, `postgres://…` or `postgresql://…`"
    )]
    Scheme {
        /// What was given, without its password.
        url: String,
        /// The scheme.
        scheme: String,
    },
    /// Parameters behind a SQLite path.
    #[error(
        "`{0}` has parameters; SQLite is set up with `DB_BUSY_TIMEOUT`, `DB_JOURNAL_MODE`, `DB_SYNCHRONOUS` and `DB_CACHE_SIZE`"
    )]
    Parameters(String),
}

impl InvalidDatabaseUrl {
    /// What was given, without its password.
    #[must_use]
    pub fn url(&self) -> &str {
        match self {
            Self::Empty(url) | Self::Parameters(url) | Self::Scheme { url, .. } => url,
        }
    }
}

impl DatabaseUrl {
    /// Reads `text`; a relative path is made absolute against `base`.
    ///
    /// A path is taken as it stands: no percent-decoding, no `~`.
    pub fn parse(text: &str, base: &Path) -> Result<Self, InvalidDatabaseUrl> {
        let Some((scheme, rest)) = split_scheme(text) else {
            return sqlite(text, text, base);
        };
        match scheme.to_ascii_lowercase().as_str() {
            "sqlite" => {
                if rest.contains('?') {
                    return Err(InvalidDatabaseUrl::Parameters(text.to_owned()));
                }
                sqlite(rest.strip_prefix("//").unwrap_or(rest), text, base)
            }
            "postgres" | "postgresql" => Ok(Self::Postgres(text.to_owned())),
            other => Err(InvalidDatabaseUrl::Scheme {
                url: without_password(text),
                scheme: other.to_owned(),
            }),
        }
    }
}

fn sqlite(path: &str, text: &str, base: &Path) -> Result<DatabaseUrl, InvalidDatabaseUrl> {
    match path {
        "" => Err(InvalidDatabaseUrl::Empty(text.to_owned())),
        ":memory:" => Ok(DatabaseUrl::Sqlite(SqliteTarget::Memory)),
        path => Ok(DatabaseUrl::Sqlite(SqliteTarget::File(base.join(path)))),
    }
}

/// The scheme and what follows its colon. One letter is a Windows drive, not a scheme.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let mut bytes = scheme.bytes();
    let starts_well = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic());
    let goes_on_well = bytes.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    (scheme.len() > 1 && starts_well && goes_on_well).then_some((scheme, rest))
}

/// The URL with stars where a password may be: between the user and the last `@`, and in every
/// parameter, since PostgreSQL also takes `?password=`.
fn without_password(url: &str) -> String {
    let (address, parameters) = match url.split_once('?') {
        // A raw `?` inside the password would otherwise cut it in two.
        Some((address, parameters)) if !parameters.contains('@') => (address, Some(parameters)),
        _ => (url, None),
    };
    let mut shown = String::new();
    match address.rsplit_once('@') {
        None => shown.push_str(address),
        Some((user_info, host)) => {
            let start = split_scheme(user_info).map_or(0, |(scheme, rest)| {
                let slashes = if rest.starts_with("//") { 2 } else { 0 };
                scheme.len() + 1 + slashes
            });
            let user_end = user_info[start..]
                .find(':')
                .map_or(user_info.len(), |colon| start + colon);
            shown.push_str(&user_info[..user_end]);
            if user_end < user_info.len() {
                shown.push_str(":***");
            }
            shown.push('@');
            shown.push_str(host);
        }
    }
    if parameters.is_some() {
        shown.push_str("?***");
    }
    shown
}

impl fmt::Display for DatabaseUrl {
    /// For messages and logs: the password is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(SqliteTarget::File(path)) => write!(f, "{}", path.display()),
            Self::Sqlite(SqliteTarget::Memory) => f.write_str(":memory:"),
            Self::Postgres(url) => f.write_str(&without_password(url)),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let backend = match self {
            Self::Sqlite(_) => "Sqlite",
            Self::Postgres(_) => "Postgres",
        };
        write!(f, "{backend}({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<DatabaseUrl, InvalidDatabaseUrl> {
        DatabaseUrl::parse(text, Path::new("/srv/mesh"))
    }

    fn file(path: &str) -> DatabaseUrl {
        DatabaseUrl::Sqlite(SqliteTarget::File(PathBuf::from(path)))
    }

    #[test]
    fn a_path_is_sqlite_and_becomes_absolute() {
        for (text, path) in [
            ("mesh.db", "/srv/mesh/mesh.db"),
            ("./a/mesh.db", "/srv/mesh/./a/mesh.db"),
            ("/var/mesh.db", "/var/mesh.db"),
            ("sqlite:mesh.db", "/srv/mesh/mesh.db"),
            ("sqlite://mesh.db", "/srv/mesh/mesh.db"),
            ("SQLite:///var/mesh.db", "/var/mesh.db"),
            ("sqlite:/var/mesh.db", "/var/mesh.db"),
            ("./odd:name.db", "/srv/mesh/./odd:name.db"),
            ("what?.db", "/srv/mesh/what?.db"),
        ] {
            assert_eq!(parse(text).unwrap(), file(path), "{text}");
        }
    }

    #[test]
    fn a_windows_drive_is_a_path() {
        for path in [r"C:\mesh\mesh.db", "d:/mesh.db"] {
            let expected = SqliteTarget::File(Path::new("/srv/mesh").join(path));
            assert_eq!(parse(path).unwrap(), DatabaseUrl::Sqlite(expected));
        }
    }

    #[test]
    fn memory_has_three_spellings() {
        for text in [":memory:", "sqlite::memory:", "sqlite://:memory:"] {
            assert_eq!(
                parse(text).unwrap(),
                DatabaseUrl::Sqlite(SqliteTarget::Memory)
            );
        }
    }

    #[test]
    fn postgres_keeps_its_url_and_hides_its_password() {
        let url = "postgresql://mesh:s3cr:e/t@db:5432/mesh?sslmode=require&password=s3cret";
        let parsed = parse(url).unwrap();
        assert_eq!(parsed, DatabaseUrl::Postgres(url.to_owned()));
        assert_eq!(parsed.to_string(), "postgresql://mesh:***@db:5432/mesh?***");
        assert_eq!(
            format!("{parsed:?}"),
            "Postgres(postgresql://mesh:***@db:5432/mesh?***)"
        );
    }

    #[test]
    fn another_scheme_is_refused_by_name_and_without_its_password() {
        assert_eq!(
            parse("mysql://root:hunter2@db/mesh")
                .unwrap_err()
                .to_string(),
            "`mysql://root:***@db/mesh` has the scheme `mysql:`; expected a path, `sqlite:<path>`, \
             `:memory:`, `postgres://…` or `postgresql://…`"
        );
        for text in [
            "mysql:root:hunter2@db",
            "redis://:hunter2@db",
            "mssql://sa:hunter2?@db/x",
            "xy://u@h/?password=hunter2",
        ] {
            let message = parse(text).unwrap_err().to_string();
            assert!(!message.contains("hunter2"), "{message}");
        }
    }

    #[test]
    fn a_value_that_names_nothing_is_refused() {
        for text in ["", "sqlite:", "sqlite://"] {
            assert_eq!(parse(text), Err(InvalidDatabaseUrl::Empty(text.to_owned())));
        }
        assert!(matches!(
            parse("sqlite:mesh.db?mode=ro"),
            Err(InvalidDatabaseUrl::Parameters(_))
        ));
    }
}
