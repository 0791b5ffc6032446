//! A store of one's own in a folder of one's own, and rows to put into it.

use std::path::PathBuf;
use std::time::Duration;

use mesh_core::wire::{AgentStatus, EventKind};
use mesh_core::{AgentId, Clock, Hint, Timestamp};
use mesh_store::job::NewJob;
use mesh_store::{
    AgentRow, DatabaseUrl, EventRow, Opened, SqliteOptions, Store, StoreError, StoreOptions,
};
use serde_json::value::RawValue;
use tempfile::TempDir;

/// Dropping it deletes the folder.
pub(crate) struct Home {
    folder: TempDir,
    pub(crate) options: SqliteOptions,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder for the test"),
            options: SqliteOptions {
                // Not zero: a process that another test is starting holds a copy of every open file,
                // and so its lock, for a moment.
                busy_timeout: Duration::from_secs(1),
                ..SqliteOptions::default()
            },
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) async fn try_open(&self, url: &str) -> Result<(Store, Opened), StoreError> {
        let url = DatabaseUrl::parse(url, self.folder.path()).expect("a good URL");
        // 2026-09-21T14:18:20Z
        let clock = Clock::fixed(Timestamp::from_seconds(1_790_000_300));
        let options = StoreOptions {
            sqlite: self.options,
            ..StoreOptions::default()
        };
        Store::open(&url, &options, &clock).await
    }

    pub(crate) async fn open(&self, url: &str) -> Store {
        self.try_open(url).await.expect("the store opens").0
    }

    /// What the user is told, with this home's path as `[HOME]` and whoever runs the tests as `[UID]`.
    pub(crate) fn told(&self, error: &StoreError) -> String {
        let kind = error.kind();
        let hint = error.hint().unwrap_or_default();
        let home = self.folder.path().display().to_string();
        let text = format!("{error}\nhint: {hint}\nkind: {kind:?}").replace(&home, "[HOME]");
        let told = text.replace(r"[HOME]\", "[HOME]/");
        #[cfg(unix)]
        let mut told = told;
        #[cfg(unix)]
        for word in ["user", "chown"] {
            let id = rustix::process::geteuid().as_raw();
            told = told.replace(&format!("{word} {id} "), &format!("{word} [UID] "));
        }
        told
    }
}

/// The URL of an empty database.
#[cfg(unix)]
pub(crate) fn postgres() -> String {
    let server = mesh_test::postgres::Postgres::shared();
    server.database().expect("a new database")
}

pub(crate) fn id(text: &str) -> AgentId {
    AgentId::parse(text).expect("a good id")
}

pub(crate) fn agent(agent_id: &str) -> AgentRow {
    AgentRow {
        agent_id: id(agent_id),
        name: format!("name-of-{agent_id}"),
        status: AgentStatus::Healthy,
        registration: format!(r#"{{"agent_id":"{agent_id}","description":"quote \" and ä"}}"#),
        created_at: Timestamp::from_nanos(1_790_000_000_123_456_789),
        last_seen: Timestamp::from_nanos(1_790_000_100_000_000_001),
        entity_id: Some("entity".to_owned()),
        answer_digest: Some([7; 16]),
    }
}

pub(crate) fn event(kind: EventKind, agent_id: &str) -> EventRow {
    EventRow {
        kind,
        agent_id: agent_id.to_owned(),
        agent_name: None,
        function_name: None,
        timestamp: Timestamp::from_seconds(1_790_000_000),
        data: Some(RawValue::from_string(r#"{"n":1}"#.to_owned()).expect("good JSON")),
    }
}

pub(crate) fn json(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).expect("good JSON")
}

/// 2026-09-21T14:13:20.5Z, when nearly everything about jobs happens.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_nanos(1_790_000_000_500_000_000)
}

/// A few seconds after a point that lies before [`now`].
pub(crate) fn second(n: i64) -> Timestamp {
    Timestamp::from_seconds(1_789_000_000 + n)
}

/// A job for whoever claims `render`, with one retry.
pub(crate) fn new_job(id: &str) -> NewJob {
    NewJob {
        id: id.to_owned(),
        capability: "render".to_owned(),
        submitted_payload: json(r#"{"n":3,"text":"quote \" and ä"}"#),
        submitted_by: "cli-1".to_owned(),
        max_retries: 1,
        max_duration: None,
        total_deadline: None,
        owner: None,
    }
}
