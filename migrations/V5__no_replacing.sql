-- INSERT OR REPLACE deletes the row in its way without the triggers of a deletion, unless the connection asks for them by a pragma, which
-- somebody else's does not. So an insertion is refused where there is an event already.

CREATE TRIGGER events_are_never_replaced BEFORE INSERT ON events
WHEN EXISTS (SELECT 1 FROM events WHERE seq = NEW.seq)
    OR EXISTS (SELECT 1 FROM events WHERE stream = NEW.stream AND version = NEW.version)
BEGIN
    SELECT RAISE(ABORT, 'events are append-only: an event is never replaced');
END;
