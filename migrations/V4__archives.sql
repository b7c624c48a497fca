-- Data of finished jobs that was moved into files. The data of such an event is empty, which no JSON text is; its digest keeps the chain whole.

CREATE TABLE archived (
    seq     INTEGER PRIMARY KEY REFERENCES events (seq),
    digest  BLOB    NOT NULL CHECK (length(digest) = 32),
    archive BLOB    NOT NULL CHECK (length(archive) = 32)
) STRICT;

DROP TRIGGER events_are_never_updated;

-- Nothing of an event ever changes, but that its data may go once it is archived.
CREATE TRIGGER events_are_never_updated BEFORE UPDATE ON events
WHEN NOT (
    NEW.data = '' AND NEW.seq IS OLD.seq AND NEW.stream IS OLD.stream AND NEW.version IS OLD.version AND NEW.kind IS OLD.kind
    AND NEW.schema IS OLD.schema AND NEW.at IS OLD.at AND NEW.hash IS OLD.hash
    AND EXISTS (SELECT 1 FROM archived WHERE archived.seq = OLD.seq)
)
BEGIN
    SELECT RAISE(ABORT, 'events are append-only: an event is never updated');
END;
