//! What is PostgreSQL's alone: its refusals, its absences, and who else is in the database.

mod absence;
mod refusal;
mod tenancy;

use std::time::Duration;

use mesh_core::{Clock, Hint};
use mesh_store::{DatabaseUrl, PostgresOptions, Store, StoreError, StoreOptions};
use mesh_test::postgres::Postgres;

/// Opens without waiting for a server that is not there.
async fn try_open(url: &str) -> Result<Store, StoreError> {
    let options = StoreOptions {
        postgres: PostgresOptions {
            connection_timeout: Duration::from_millis(100),
            ..PostgresOptions::default()
        },
        ..StoreOptions::default()
    };
    let url = DatabaseUrl::parse(url, "/".as_ref()).expect("a good URL");
    Ok(Store::open(&url, &options, &Clock::System).await?.0)
}

async fn open(url: &str) -> Store {
    try_open(url).await.expect("the store opens")
}

/// What the user is told, with what varies left out.
fn told(error: &StoreError) -> String {
    let kind = error.kind();
    let hint = error.hint().unwrap_or_default();
    let text = format!("{error}\nhint: {hint}\nkind: {kind:?}");
    let text = without_numbers(&text, "127.0.0.1:", "[PORT]");
    let text = without_numbers(&text, "/mesh_", "[N]");
    text.replace(env!("CARGO_PKG_VERSION"), "[VERSION]")
}

fn without_numbers(text: &str, before: &str, instead: &str) -> String {
    let mut parts = text.split(before);
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|letter: char| letter.is_ascii_digit());
        shown.extend([before, instead, rest]);
    }
    shown
}

async fn refused(url: &str) -> String {
    told(&try_open(url).await.expect_err("it is refused"))
}

/// Runs SQL in the database of `url` as somebody else.
fn run(url: &str, sql: &str) -> String {
    let database = url.rsplit('/').next().expect("a name");
    let outcome = Postgres::shared().run(database, sql);
    outcome.expect("the SQL is good")
}

/// The URL as another user writes it.
fn as_user(url: &str, user: &str) -> String {
    url.replace("mesh@", &format!("{user}@"))
}
