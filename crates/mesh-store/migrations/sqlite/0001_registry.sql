-- Agents and events. Times are nanoseconds since the Unix epoch.

-- What the registry changes often is small and stands apart from the registration (about 12 kB), so that
-- a heartbeat or a change of status never rewrites it.
CREATE TABLE agents (
    agent_id      TEXT    NOT NULL PRIMARY KEY,
    name          TEXT    NOT NULL,
    status        TEXT    NOT NULL,
    created_at    INTEGER NOT NULL,
    last_seen     INTEGER NOT NULL,
    entity_id     TEXT,
    answer_digest BLOB
) STRICT, WITHOUT ROWID;

CREATE TABLE registrations (
    agent_id     TEXT NOT NULL PRIMARY KEY REFERENCES agents (agent_id) ON DELETE CASCADE,
    registration TEXT NOT NULL
) STRICT;

-- Events outlive their agents, so agent_id is plain text here. Rows only ever leave at the old end,
-- hence ids have no gaps and capping needs no count.
CREATE TABLE events (
    id            INTEGER NOT NULL PRIMARY KEY,
    kind          TEXT    NOT NULL,
    agent_id      TEXT    NOT NULL,
    function_name TEXT,
    timestamp     INTEGER NOT NULL,
    data          TEXT
) STRICT;

CREATE INDEX events_by_kind ON events (kind);
CREATE INDEX events_by_agent ON events (agent_id);
CREATE INDEX events_by_function ON events (function_name) WHERE function_name IS NOT NULL;
