//! Reading: queries, and what is bound to them.

use std::borrow::Cow;

use sqlx::{Postgres, QueryBuilder};

use crate::decode;
use crate::row::EventQuery;

/// `/events` as SQL.
pub(super) fn events(wanted: &EventQuery) -> QueryBuilder<Postgres> {
    let mut sql = QueryBuilder::new(decode::EVENTS);
    if let Some(kind) = &wanted.kind {
        sql.push(" AND kind = ").push_bind(text(kind).into_owned());
    }
    for (column, value) in [
        ("events.agent_id", &wanted.agent_id),
        ("function_name", &wanted.function_name),
    ] {
        if let Some(value) = value {
            let value = text(value).into_owned();
            // The digest has the index.
            sql.push(format_args!(" AND md5({column}) = md5("));
            sql.push_bind(value.clone());
            sql.push(format_args!(") AND {column} = "));
            sql.push_bind(value);
        }
    }
    sql.push(" ORDER BY events.id DESC LIMIT ");
    sql.push_bind(i64::from(wanted.limit));
    sql
}

/// A text as PostgreSQL can hold it: it knows no NUL.
pub(super) fn text(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}").into()
    } else {
        text.into()
    }
}

pub(super) fn texts(texts: &[String]) -> Vec<Cow<'_, str>> {
    texts.iter().map(|each| text(each)).collect()
}
