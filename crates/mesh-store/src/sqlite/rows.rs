//! Reading: queries, and what is bound to them.

use sqlx::{QueryBuilder, Sqlite};

use crate::decode;
use crate::row::EventQuery;

/// `/events` as SQL. Each filter has an index; the unary `+` keeps SQLite to the most selective one.
pub(super) fn events(wanted: &EventQuery) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new(decode::EVENTS);
    let mut indexed = "";
    for (column, value) in [
        ("events.agent_id", &wanted.agent_id),
        ("function_name", &wanted.function_name),
        ("kind", &wanted.kind),
    ] {
        if let Some(value) = value {
            sql.push(format_args!(" AND {indexed}{column} = "));
            sql.push_bind(value.clone());
            indexed = "+";
        }
    }
    sql.push(" ORDER BY events.id DESC LIMIT ");
    sql.push_bind(i64::from(wanted.limit));
    sql
}

/// A list as one parameter, for `json_each`, so that each statement is prepared once.
pub(super) fn json_list(texts: &[impl AsRef<str>]) -> String {
    let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
    serde_json::Value::from(texts).to_string()
}
