//! What is stored, one struct per table; the wire's structs stay in `mesh_core::wire`.

use mesh_core::wire::{AgentStatus, EventKind};
use mesh_core::{AgentId, Timestamp};
use serde_json::value::RawValue;

/// One agent as the registry remembers it across restarts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentRow {
    /// Its id.
    pub agent_id: AgentId,
    /// The name that replicas share; events show it.
    pub name: String,
    /// The registry's verdict.
    pub status: AgentStatus,
    /// JSON text of [`mesh_core::wire::Registration`]; the store does not look inside.
    pub registration: String,
    /// When it registered first.
    pub created_at: Timestamp,
    /// When it was heard last.
    pub last_seen: Timestamp,
    /// The certificate's entity that claimed the id.
    pub entity_id: Option<String>,
    /// Digest of the answer that it fetched last, if that is known.
    pub answer_digest: Option<[u8; 16]>,
}

/// One step of [`Store::apply`](crate::Store::apply).
#[derive(Debug, Clone)]
pub enum Change {
    /// Writes an agent; `created_at` of a row that exists already stays as it is.
    Put(AgentRow),
    /// Changes the verdict on an agent; nothing happens if it is not stored.
    SetStatus {
        /// The agent.
        agent_id: AgentId,
        /// The new verdict.
        status: AgentStatus,
    },
    /// Forgets an agent; its events stay.
    Delete(AgentId),
    /// Appends an event.
    Record(EventRow),
    /// Stores a schema; the first to bring its hash wins.
    PutSchema(SchemaRow),
}

/// A sign of life, written in batches by [`Store::touch`](crate::Store::touch).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PulseRow {
    /// The agent; one that is not stored is passed over.
    pub agent_id: AgentId,
    /// When it was heard last.
    pub last_seen: Timestamp,
    /// Digest of the answer that it fetched last, if that is known.
    pub answer_digest: Option<[u8; 16]>,
}

/// One event.
#[derive(Debug, Clone)]
pub struct EventRow {
    /// What happened.
    pub kind: EventKind,
    /// To whom; the agent may be gone since.
    pub agent_id: String,
    /// The agent's name while it is stored. Filled on reading, ignored on writing.
    pub agent_name: Option<String>,
    /// The function concerned.
    pub function_name: Option<String>,
    /// When.
    pub timestamp: Timestamp,
    /// Details, as JSON.
    pub data: Option<Box<RawValue>>,
}

/// Which events to read; what is `None` does not filter, filters match whole values.
#[derive(Debug, Clone, Default)]
pub struct EventQuery {
    /// Only of this kind; a kind that nobody knows matches nothing.
    pub kind: Option<String>,
    /// Only of this agent.
    pub agent_id: Option<String>,
    /// Only of this function.
    pub function_name: Option<String>,
    /// At most so many.
    pub limit: u32,
}

/// What a function takes or returns, by content.
#[derive(Debug, Clone)]
pub struct SchemaRow {
    /// The hash of its canonical form, as the agent computed it.
    pub hash: String,
    /// The canonical form, a JSON object.
    pub canonical: Box<RawValue>,
    /// The runtime of the agent that brought it first, else `unknown`.
    pub runtime_origin: String,
    /// When it came.
    pub created_at: Timestamp,
}
