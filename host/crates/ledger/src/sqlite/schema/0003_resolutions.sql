-- Events whose object is still to be asked for. Their deliveries wait: `deliveries.turn` is 2, also
-- without an order key. A row goes when its event is resolved.
CREATE TABLE resolutions (
    event  INTEGER PRIMARY KEY,         -- events.seq
    source INTEGER NOT NULL,
    since  INTEGER NOT NULL,            -- when the event began to wait
    due    INTEGER NOT NULL,            -- not before, by the steady clock
    tries  INTEGER NOT NULL DEFAULT 0,
    mend   INTEGER NOT NULL DEFAULT 0,  -- 1: an operator has to mend what the last try met
    status INTEGER,                     -- of the last answer
    error  TEXT                         -- of the last try
) STRICT;
CREATE INDEX resolutions_due ON resolutions (source, due, event);

-- What the provider's API answered about an event. A column `…_state` is NULL where nothing was
-- asked, 0 where the thing is gone, 1 where the body is there.
CREATE TABLE resolved (
    event        INTEGER PRIMARY KEY,   -- events.seq
    at           INTEGER NOT NULL,
    tries        INTEGER NOT NULL,
    object_state INTEGER CHECK (object_state IN (0, 1)),
    object       BLOB,
    event_state  INTEGER CHECK (event_state IN (0, 1)),
    full_event   BLOB,
    note         TEXT                   -- why something was not asked for
) STRICT;

CREATE VIEW v_resolutions AS
SELECT r.event AS seq, lower(hex(e.id)) AS id, s.name AS source, e.kind, r.tries, r.mend, r.status,
       r.error, datetime(r.since / 1000, 'unixepoch') AS since,
       datetime((r.due - k.steady + k.wall) / 1000, 'unixepoch') AS due
FROM resolutions r JOIN events e ON e.seq = r.event JOIN sources s ON s.id = r.source
LEFT JOIN kept_time k;
