-- One tree instead of three for what waits: the table by its key, without a second index and without the table that AUTOINCREMENT
-- keeps. The writer numbers the rows itself, upwards from the largest that waits; a number only has to be new while the process lives.

CREATE TABLE outbox_by_key (
    id         INTEGER NOT NULL,
    stream     BLOB    NOT NULL,
    version    INTEGER NOT NULL,
    position   INTEGER NOT NULL,
    effect_key TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    payload    TEXT    NOT NULL CHECK (json_valid(payload)),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (stream, effect_key)
) STRICT, WITHOUT ROWID;

INSERT INTO outbox_by_key SELECT id, stream, version, position, effect_key, kind, payload, created_at FROM outbox;
DROP TABLE outbox;
ALTER TABLE outbox_by_key RENAME TO outbox;
