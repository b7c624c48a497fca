-- How far each reader of the log that works for somebody outside has come, so that a restart goes on from there.

CREATE TABLE cursors (
    name TEXT    PRIMARY KEY,
    seq  INTEGER NOT NULL CHECK (seq >= 0),
    at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
