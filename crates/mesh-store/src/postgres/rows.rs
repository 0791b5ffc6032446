//! Reading: the queries, and rows turned into what they stand for.

use std::borrow::Cow;
use std::error::Error;

use mesh_core::wire::{AgentStatus, EventKind};
use mesh_core::{AgentId, Timestamp};
use serde_json::value::RawValue;
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Row};

use super::failure::{Name, PostgresError};
use crate::row::{AgentRow, EventQuery, EventRow};

/// Every agent, by id.
pub(super) const AGENTS: &str = "SELECT agent_id, name, status, registration, created_at, last_seen, \
     entity_id, answer_digest FROM agents JOIN registrations USING (agent_id) ORDER BY agent_id";

/// `/events` as SQL.
pub(super) fn events(wanted: &EventQuery) -> QueryBuilder<Postgres> {
    let mut sql = QueryBuilder::new(
        "SELECT events.id, kind, events.agent_id, agents.name, function_name, timestamp, data FROM events \
         LEFT JOIN agents ON agents.agent_id = events.agent_id WHERE true",
    );
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

/// A row that breaks the rules of its table.
#[derive(Debug)]
pub(super) struct BadRow {
    table: &'static str,
    key: String,
    reason: String,
}

impl BadRow {
    /// Names what was wrong with a row of `table`.
    pub(super) fn of<T>(
        table: &'static str,
        key: impl FnOnce() -> String,
        outcome: Result<T, Box<dyn Error>>,
    ) -> Result<T, Self> {
        outcome.map_err(|error| Self {
            table,
            key: key(),
            reason: error.to_string(),
        })
    }

    pub(super) fn at(self, name: &Name) -> PostgresError {
        PostgresError::UnreadableRow {
            database: name.shown(),
            table: self.table,
            key: self.key,
            reason: self.reason,
        }
    }
}

pub(super) fn agent(row: &PgRow) -> Result<AgentRow, BadRow> {
    let key: String = row.try_get("agent_id").unwrap_or_default();
    let read = || -> Result<AgentRow, Box<dyn Error>> {
        let status: &str = row.try_get("status")?;
        let answer_digest: Option<&[u8]> = row.try_get("answer_digest")?;
        Ok(AgentRow {
            agent_id: AgentId::parse(&key)?,
            name: row.try_get("name")?,
            status: AgentStatus::parse(status)
                .ok_or_else(|| format!("unknown status `{status}`"))?,
            registration: row.try_get("registration")?,
            created_at: Timestamp::from_nanos(row.try_get("created_at")?),
            last_seen: Timestamp::from_nanos(row.try_get("last_seen")?),
            entity_id: row.try_get("entity_id")?,
            answer_digest: answer_digest.map(TryInto::try_into).transpose()?,
        })
    };
    BadRow::of("agents", || key.clone(), read())
}

pub(super) fn event(row: &PgRow) -> Result<EventRow, BadRow> {
    let read = || -> Result<EventRow, Box<dyn Error>> {
        let kind: &str = row.try_get("kind")?;
        let data: Option<String> = row.try_get("data")?;
        Ok(EventRow {
            kind: EventKind::parse(kind).ok_or_else(|| format!("unknown kind `{kind}`"))?,
            agent_id: row.try_get("agent_id")?,
            agent_name: row.try_get("name")?,
            function_name: row.try_get("function_name")?,
            timestamp: Timestamp::from_nanos(row.try_get("timestamp")?),
            data: data.map(RawValue::from_string).transpose()?,
        })
    };
    let key = || {
        row.try_get("id")
            .map_or_else(|_| String::new(), |id: i64| id.to_string())
    };
    BadRow::of("events", key, read())
}
