-- Agents and events, in the schema `mcp_mesh`. Times are nanoseconds since the Unix epoch.
--
-- Texts of any length are indexed by their digest, for an entry of a B-tree must fit a third of a page.
-- Agents are sorted by bytes, whatever the database's collation.

-- What the registry changes often is small and stands apart from the registration (about 12 kB), so that
-- a heartbeat or a change of status never rewrites it; the room that is left in each page lets such a
-- change stay in it.
CREATE TABLE agents (
    agent_id      TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    name          TEXT   NOT NULL,
    status        TEXT   NOT NULL,
    created_at    BIGINT NOT NULL,
    last_seen     BIGINT NOT NULL,
    entity_id     TEXT,
    answer_digest BYTEA
) WITH (fillfactor = 70);

CREATE TABLE registrations (
    agent_id     TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES agents (agent_id) ON DELETE CASCADE,
    registration TEXT NOT NULL
);

-- Events outlive their agents, so agent_id is plain text here.
CREATE TABLE events (
    id            BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind          TEXT   NOT NULL,
    agent_id      TEXT   COLLATE "C" NOT NULL,
    function_name TEXT,
    timestamp     BIGINT NOT NULL,
    data          TEXT
);

CREATE INDEX events_by_kind ON events (kind, id);
CREATE INDEX events_by_agent ON events (md5(agent_id), id);
CREATE INDEX events_by_function ON events (md5(function_name), id) WHERE function_name IS NOT NULL;
