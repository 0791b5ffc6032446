-- Jobs, their events, schemas and the registry's own flags. Times are nanoseconds since the Unix epoch,
-- but for total_deadline and max_duration, which are the submitter's seconds.

-- A row is rewritten with every change of its state, so what may be big and never changes stands apart.
-- The result comes last and only with the end of the job.
CREATE TABLE jobs (
    number            INTEGER NOT NULL PRIMARY KEY,
    id                TEXT    NOT NULL UNIQUE,
    capability        TEXT    NOT NULL,
    owner             TEXT,
    claim_epoch       INTEGER NOT NULL,
    status            TEXT    NOT NULL,
    progress          REAL,
    progress_message  TEXT,
    error             TEXT,
    recv_cursor       TEXT,
    attempt_count     INTEGER NOT NULL,
    max_retries       INTEGER NOT NULL,
    max_duration      INTEGER,
    total_deadline    INTEGER,
    lease_expires_at  INTEGER,
    last_heartbeat_at INTEGER,
    submitted_at      INTEGER NOT NULL,
    submitted_by      TEXT    NOT NULL,
    finished_at       INTEGER,
    result            TEXT
) STRICT;

CREATE TABLE job_payloads (
    job     INTEGER NOT NULL PRIMARY KEY REFERENCES jobs (number) ON DELETE CASCADE,
    payload TEXT    NOT NULL
) STRICT;

-- For claims, oldest first.
CREATE INDEX jobs_claimable ON jobs (capability, submitted_at)
    WHERE status = 'working' AND owner IS NULL;
-- For lists, newest first, by the most selective filter.
CREATE INDEX jobs_by_time ON jobs (submitted_at, id);
CREATE INDEX jobs_by_status ON jobs (status, submitted_at, id);
CREATE INDEX jobs_by_capability ON jobs (capability, submitted_at, id);
CREATE INDEX jobs_by_owner ON jobs (owner, submitted_at, id) WHERE owner IS NOT NULL;
-- For timers: each holds only what may still expire.
CREATE INDEX jobs_live_by_owner ON jobs (owner)
    WHERE finished_at IS NULL AND owner IS NOT NULL;
CREATE INDEX jobs_by_lease ON jobs (lease_expires_at)
    WHERE finished_at IS NULL AND lease_expires_at IS NOT NULL;
CREATE INDEX jobs_by_deadline ON jobs (total_deadline)
    WHERE finished_at IS NULL AND total_deadline IS NOT NULL;
CREATE INDEX jobs_without_deadline ON jobs (submitted_at, max_duration)
    WHERE finished_at IS NULL AND total_deadline IS NULL;
-- For retention.
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE job_events (
    job           INTEGER NOT NULL REFERENCES jobs (number) ON DELETE CASCADE,
    seq           INTEGER NOT NULL,
    kind          TEXT    NOT NULL,
    payload       TEXT,
    trace_context TEXT,
    posted_by     TEXT,
    created_at    INTEGER NOT NULL,
    PRIMARY KEY (job, seq)
) STRICT, WITHOUT ROWID;

-- What functions take and return, by content; the first to bring a hash wins.
CREATE TABLE schemas (
    number         INTEGER NOT NULL PRIMARY KEY,
    hash           TEXT    NOT NULL UNIQUE,
    canonical      TEXT    NOT NULL,
    runtime_origin TEXT    NOT NULL,
    created_at     INTEGER NOT NULL
) STRICT;

-- What an operator switched on; a row is there or not.
CREATE TABLE flags (
    name TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;
