//! Reading: the queries, and rows turned into what they stand for.

use std::error::Error;

use mesh_core::wire::{AgentStatus, EventKind};
use mesh_core::{AgentId, Timestamp};
use serde_json::value::RawValue;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite};

use super::failure::Place;
use crate::error::StoreError;
use crate::row::{AgentRow, EventQuery, EventRow};

/// Every agent, by id.
pub(super) const AGENTS: &str = "SELECT agent_id, name, status, registration, created_at, last_seen, \
     entity_id, answer_digest FROM agents JOIN registrations USING (agent_id) ORDER BY agent_id";

/// `/events` as SQL. Each filter has an index; the unary `+` keeps SQLite to the most selective one.
pub(super) fn events(wanted: &EventQuery) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new(
        "SELECT events.id, kind, events.agent_id, agents.name, function_name, timestamp, data FROM events \
         LEFT JOIN agents ON agents.agent_id = events.agent_id WHERE true",
    );
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

/// A row that breaks the rules of its table.
#[derive(Debug)]
pub(super) struct BadRow {
    pub(super) table: &'static str,
    pub(super) key: String,
    pub(super) reason: String,
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

    pub(super) fn at(self, place: &Place) -> StoreError {
        StoreError::UnreadableRow {
            path: place.path().to_owned(),
            table: self.table,
            key: self.key,
            reason: self.reason,
        }
    }
}

pub(super) fn agent(row: &SqliteRow) -> Result<AgentRow, BadRow> {
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
    read().map_err(|error| BadRow {
        table: "agents",
        reason: error.to_string(),
        key,
    })
}

pub(super) fn event(row: &SqliteRow) -> Result<EventRow, BadRow> {
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
    read().map_err(|error| BadRow {
        table: "events",
        key: row
            .try_get("id")
            .map_or_else(|_| String::new(), |id: i64| id.to_string()),
        reason: error.to_string(),
    })
}
