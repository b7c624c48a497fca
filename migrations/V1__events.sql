-- The event log and what is committed together with it.
-- A stream is a job (the 16 bytes of its UUID) or the cluster (the seven bytes 'cluster'); instants are microseconds since 1970.

CREATE TABLE events (
    seq     INTEGER PRIMARY KEY,
    stream  BLOB    NOT NULL CHECK (length(stream) = 16 OR stream = X'636C7573746572'),
    version INTEGER NOT NULL CHECK (version > 0),
    kind    TEXT    NOT NULL,
    schema  INTEGER NOT NULL CHECK (schema BETWEEN 1 AND 65535),
    at      INTEGER NOT NULL,
    data    TEXT    NOT NULL,
    hash    BLOB    NOT NULL CHECK (length(hash) = 32),
    UNIQUE (stream, version)
) STRICT;

CREATE TRIGGER events_are_never_updated BEFORE UPDATE ON events
BEGIN
    SELECT RAISE(ABORT, 'events are append-only: an event is never updated');
END;

CREATE TRIGGER events_are_never_deleted BEFORE DELETE ON events
BEGIN
    SELECT RAISE(ABORT, 'events are append-only: an event is never deleted');
END;

-- Effects that wait to be performed. FIFO per stream by id; AUTOINCREMENT so that a resolved id is never given again.
CREATE TABLE outbox (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    stream     BLOB    NOT NULL,
    version    INTEGER NOT NULL,
    position   INTEGER NOT NULL,
    effect_key TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    payload    TEXT    NOT NULL CHECK (json_valid(payload)),
    created_at INTEGER NOT NULL,
    UNIQUE (stream, effect_key)
) STRICT;

-- The reply that was given to a keyed request, so that a retry gets the same one.
CREATE TABLE idempotency (
    stream BLOB    NOT NULL,
    key    TEXT    NOT NULL,
    digest BLOB    NOT NULL CHECK (length(digest) = 32),
    reply  TEXT    NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (stream, key)
) STRICT, WITHOUT ROWID;

-- One row a job, in the order of registration: what lists and look-ups need without a replay.
CREATE TABLE jobs (
    position      INTEGER PRIMARY KEY,
    uuid          BLOB    NOT NULL UNIQUE CHECK (length(uuid) = 16),
    framework     TEXT    NOT NULL,
    name          TEXT    NOT NULL,
    state         TEXT    NOT NULL,
    active        INTEGER NOT NULL CHECK (active IN (0, 1)),
    registered_at INTEGER NOT NULL,
    finished_at   INTEGER,
    version       INTEGER NOT NULL,
    view          TEXT    CHECK (view IS NULL OR json_valid(view))
) STRICT;

CREATE UNIQUE INDEX jobs_active_name ON jobs (framework, name) WHERE active = 1;
CREATE INDEX jobs_by_state ON jobs (state, position);

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
