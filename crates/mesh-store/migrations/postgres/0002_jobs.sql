-- Jobs, their events, schemas and the registry's own flags. Times are nanoseconds since the Unix epoch,
-- but for total_deadline and max_duration, which are the submitter's seconds.
--
-- Texts that somebody else chooses are indexed by their digest, as in 0001.

-- A row is rewritten with every change of its state, so what may be big and never changes stands apart.
-- The result comes only with the end of the job.
CREATE TABLE jobs (
    number            BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id                TEXT   COLLATE "C" NOT NULL UNIQUE,
    capability        TEXT   COLLATE "C" NOT NULL,
    owner             TEXT   COLLATE "C",
    claim_epoch       BIGINT NOT NULL,
    status            TEXT   NOT NULL,
    progress          DOUBLE PRECISION,
    progress_message  TEXT,
    error             TEXT,
    recv_cursor       TEXT,
    attempt_count     BIGINT NOT NULL,
    max_retries       BIGINT NOT NULL,
    max_duration      BIGINT,
    total_deadline    BIGINT,
    lease_expires_at  BIGINT,
    last_heartbeat_at BIGINT,
    submitted_at      BIGINT NOT NULL,
    submitted_by      TEXT   NOT NULL,
    finished_at       BIGINT,
    result            TEXT
);

CREATE TABLE job_payloads (
    job     BIGINT NOT NULL PRIMARY KEY REFERENCES jobs (number) ON DELETE CASCADE,
    payload TEXT   NOT NULL
);

-- For claims, oldest first.
CREATE INDEX jobs_claimable ON jobs (md5(capability), submitted_at, number)
    WHERE status = 'working' AND owner IS NULL;
-- For lists, newest first, by the most selective filter.
CREATE INDEX jobs_by_time ON jobs (submitted_at, id);
CREATE INDEX jobs_by_status ON jobs (status, submitted_at, id);
CREATE INDEX jobs_by_capability ON jobs (md5(capability), submitted_at, id);
CREATE INDEX jobs_by_owner ON jobs (md5(owner), submitted_at, id) WHERE owner IS NOT NULL;
-- For timers: each holds only what may still expire.
CREATE INDEX jobs_live_by_owner ON jobs (md5(owner))
    WHERE finished_at IS NULL AND owner IS NOT NULL;
CREATE INDEX jobs_by_lease ON jobs (lease_expires_at)
    WHERE finished_at IS NULL AND lease_expires_at IS NOT NULL;
CREATE INDEX jobs_by_deadline ON jobs (total_deadline)
    WHERE finished_at IS NULL AND total_deadline IS NOT NULL;
CREATE INDEX jobs_without_deadline ON jobs (submitted_at)
    WHERE finished_at IS NULL AND total_deadline IS NULL;
-- For retention.
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE job_events (
    job           BIGINT NOT NULL REFERENCES jobs (number) ON DELETE CASCADE,
    seq           BIGINT NOT NULL,
    kind          TEXT   NOT NULL,
    payload       TEXT,
    trace_context TEXT,
    posted_by     TEXT,
    created_at    BIGINT NOT NULL,
    PRIMARY KEY (job, seq)
);

-- What functions take and return, by content; the first to bring a hash wins.
CREATE TABLE schemas (
    number         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hash           TEXT   COLLATE "C" NOT NULL,
    canonical      TEXT   NOT NULL,
    runtime_origin TEXT   NOT NULL,
    created_at     BIGINT NOT NULL
);

CREATE UNIQUE INDEX schemas_by_hash ON schemas (md5(hash));

-- What an operator switched on; a row is there or not.
CREATE TABLE flags (
    name TEXT NOT NULL PRIMARY KEY
);
