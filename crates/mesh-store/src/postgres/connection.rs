//! From `DATABASE_URL` to what a connection starts with.

use std::str::FromStr;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;
use url::Url;

use super::failure::{Name, PostgresError};
use super::schema::SCHEMA;

/// How long one statement may take before the server gives it up.
const STATEMENT: Duration = Duration::from_secs(9);
/// How long a statement waits for rows that somebody else holds.
pub(super) const LOCK: Duration = Duration::from_secs(5);
/// What the driver understands. It would log others with their values, a mistyped `password` among them.
const PARAMETERS: [&str; 19] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "target_session_attrs",
    "user",
];

pub(super) fn connect_options(text: &str, name: &Name) -> Result<PgConnectOptions, PostgresError> {
    let wrong = |reason: String| PostgresError::Address {
        database: name.shown(),
        reason,
    };
    let url = Url::parse(text).map_err(|error| wrong(error.to_string()))?;
    for (key, _) in url.query_pairs() {
        if !PARAMETERS.contains(&&*key) && !key.starts_with("options[") {
            return Err(wrong(format!("nobody knows the parameter `{key}`")));
        }
    }
    let options = PgConnectOptions::from_str(text).map_err(|error| wrong(error.to_string()))?;
    let options = match options.get_database() {
        Some(_) => options,
        None => return Err(wrong("it names no database".to_owned())),
    };
    let millis = |duration: Duration| duration.as_millis().to_string();
    Ok(options
        .application_name("mcp-mesh-registry")
        .options([
            ("search_path", SCHEMA.to_owned()),
            ("statement_timeout", millis(STATEMENT)),
            ("lock_timeout", millis(LOCK)),
            // A registry that vanished without a word must not keep its rows and its claim.
            ("idle_in_transaction_session_timeout", millis(2 * STATEMENT)),
            ("tcp_keepalives_idle", "15".to_owned()),
            ("tcp_keepalives_interval", "5".to_owned()),
            ("tcp_keepalives_count", "3".to_owned()),
        ])
        .disable_statement_logging())
}
