-- Times are milliseconds since the Unix epoch, UTC.

-- Names and digests, each written once; rows refer to them by number.
CREATE TABLE sources (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE handlers (
    id            INTEGER PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE,
    paused        INTEGER,                   -- since when, by an operator
    outbox_paused INTEGER NOT NULL DEFAULT 0 -- 1: its outbox with it
) STRICT;
CREATE TABLE components (
    id     INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE, -- sha256
    attempts INTEGER NOT NULL DEFAULT 0 -- how many of those that are kept ran it
) STRICT;

-- Every event that is kept, in the order of arrival, and those pruned ones whose keys are
-- not kept for good.
CREATE TABLE events (
    seq                  INTEGER PRIMARY KEY,
    id                   BLOB NOT NULL, -- UUID version 7
    source               INTEGER NOT NULL,
    kind                 TEXT NOT NULL,
    provider_id          TEXT,
    subject              TEXT,
    account              TEXT,
    created              INTEGER,
    received             INTEGER NOT NULL,
    depth                INTEGER NOT NULL,
    first_delivery       INTEGER, -- its deliveries are this one and those that follow
    deliveries           INTEGER NOT NULL,
    duplicates           INTEGER NOT NULL DEFAULT 0,
    duplicates_differing INTEGER NOT NULL DEFAULT 0,
    last_duplicate       INTEGER, -- when
    dedup                BLOB NOT NULL, -- dedup.key
    erased               INTEGER, -- when its payload was erased or redacted
    pruned               INTEGER  -- when all but this row and its key was removed
) STRICT;
CREATE UNIQUE INDEX events_by_id ON events (id);

-- One for each event that is not pruned.
CREATE TABLE bodies (
    event    INTEGER PRIMARY KEY, -- events.seq
    headers  TEXT NOT NULL,       -- JSON: [[name, value], …]
    metadata TEXT NOT NULL,       -- JSON: [[name, value], …]
    payload  BLOB NOT NULL
) STRICT;

-- Keys outlive their events: one that is kept for good refers to no row in the end. Those of
-- events after the counter `folded` may not be here yet; the events' rows have them.
CREATE TABLE dedup (
    key   BLOB PRIMARY KEY,
    event INTEGER NOT NULL -- events.seq, which is never given again
) STRICT, WITHOUT ROWID;

-- The further keys of an event that has several, so that they go with it. One that came with
-- a duplicate is among those of the event that it leads to.
CREATE TABLE dedup_also (
    event INTEGER NOT NULL, -- events.seq
    key   BLOB NOT NULL,    -- dedup.key
    PRIMARY KEY (event, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE deliveries (
    seq      INTEGER PRIMARY KEY,
    event    INTEGER NOT NULL, -- events.seq
    handler  INTEGER NOT NULL,
    state    TEXT NOT NULL CHECK (state IN
             ('pending', 'running', 'retrying', 'held', 'done', 'ignored', 'dead')),
    attempts INTEGER NOT NULL,
    run      INTEGER NOT NULL, -- one more for each replay
    keys     INTEGER NOT NULL, -- the run whose idempotency keys it uses
    crashes  INTEGER NOT NULL,
    since    INTEGER, -- when its present run began, if not with its event
    excused  INTEGER NOT NULL DEFAULT 0, -- of the attempts: on a component at fault
    due      INTEGER, -- not before; set while retrying, and for one whose turn has come
    finished INTEGER, -- when it became done, ignored or dead
    component INTEGER, -- what this run is to run, if not the handler's own
    -- Deliveries with the same key run one after another. `turn` is set while a delivery
    -- counts for that: 1 if it may run, or is dead and holds the others; 2 if it waits.
    order_key BLOB,
    turn      INTEGER CHECK (turn IN (1, 2))
) STRICT;
CREATE INDEX deliveries_pending ON deliveries (handler, seq)
    WHERE state = 'pending' AND due IS NULL AND turn IS NOT 2;
CREATE INDEX deliveries_released ON deliveries (handler, due, seq)
    WHERE state = 'pending' AND due IS NOT NULL;
CREATE INDEX deliveries_behind ON deliveries (handler, seq) WHERE state = 'pending' AND turn = 2;
CREATE INDEX deliveries_ordered ON deliveries (order_key, seq) WHERE turn IS NOT NULL;
CREATE INDEX deliveries_holding ON deliveries (handler, seq) WHERE state = 'dead' AND turn = 1;
CREATE INDEX deliveries_retrying ON deliveries (handler, due, seq) WHERE state = 'retrying';
CREATE INDEX deliveries_running ON deliveries (seq) WHERE state = 'running';
CREATE INDEX deliveries_held ON deliveries (handler, seq) WHERE state = 'held';
CREATE INDEX deliveries_dead ON deliveries (seq) WHERE state = 'dead';

-- Deliveries that an event got after it was recorded, by routes of a later time.
CREATE TABLE later_deliveries (
    event    INTEGER NOT NULL, -- events.seq
    delivery INTEGER NOT NULL, -- deliveries.seq
    PRIMARY KEY (event, delivery)
) STRICT, WITHOUT ROWID;

-- What operators did to deliveries, and to what these queued or scheduled.
CREATE TABLE interventions (
    delivery INTEGER NOT NULL, -- deliveries.seq
    number   INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    action   TEXT NOT NULL,
    run      INTEGER NOT NULL, -- the delivery's, afterwards
    who      TEXT NOT NULL,
    why      TEXT,
    batch    TEXT,             -- the request to the API that it was part of
    request  INTEGER,          -- outbox.seq of the one request that it was about, if it was
    scheduled TEXT,            -- the key of the scheduled event that it was about, if it was
    PRIMARY KEY (delivery, number)
) STRICT, WITHOUT ROWID;

-- Appended to, in nearly the order of their deliveries.
CREATE TABLE attempts (
    delivery      INTEGER NOT NULL, -- deliveries.seq
    run           INTEGER NOT NULL,
    number        INTEGER NOT NULL,
    started       INTEGER NOT NULL,
    duration_us   INTEGER NOT NULL,
    outcome       TEXT NOT NULL,
    component     INTEGER,          -- not known after a crash
    detail        TEXT,
    logs          TEXT,             -- JSON lines
    first_request INTEGER,          -- outbox.seq of the first of `requests`
    requests      INTEGER,
    first_emitted INTEGER,          -- events.seq of the first of `emitted`
    emitted       INTEGER,
    PRIMARY KEY (delivery, run, number)
) STRICT, WITHOUT ROWID;

-- How new the newest fact is that was handled, by order key, where handlers ask for that. It
-- goes once all events of the key have gone that could be compared with it.
CREATE TABLE newest (
    order_key BLOB PRIMARY KEY,
    rank      ANY NOT NULL,    -- an integer or a real
    event     INTEGER NOT NULL -- events.seq of the last event of the key that ended
) STRICT, WITHOUT ROWID;
CREATE INDEX newest_by_event ON newest (event);

CREATE TABLE state (
    handler INTEGER NOT NULL,
    key     TEXT NOT NULL,
    value   BLOB NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (handler, key)
) STRICT, WITHOUT ROWID;

-- Requests that wait to go out or went out, in the order of their commits.
CREATE TABLE outbox (
    seq       INTEGER PRIMARY KEY,
    handler   INTEGER NOT NULL,
    event     INTEGER NOT NULL, -- events.seq
    delivery  INTEGER NOT NULL, -- deliveries.seq
    key       TEXT NOT NULL,    -- Idempotency-Key
    method    TEXT NOT NULL,
    url       TEXT NOT NULL,
    order_key TEXT,
    respond   TEXT,             -- what its handler recognises the answer by, if it wants it
    queued    INTEGER NOT NULL,
    due       INTEGER NOT NULL,
    state     TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'dead')),
    tries     INTEGER NOT NULL DEFAULT 0,
    status    INTEGER,          -- of the last answer
    error     TEXT,             -- of the last try
    finished  INTEGER,          -- when it became sent or dead
    cancelled INTEGER NOT NULL DEFAULT 0, -- 1: an operator made it dead
    -- What an operator has sent again goes to the end, and keeps its idempotency key.
    was       INTEGER,          -- the place that it was queued at
    life      INTEGER NOT NULL DEFAULT 0, -- how often that was
    since     INTEGER,          -- when, the last time
    tries_before INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX outbox_waiting ON outbox (seq) WHERE state = 'waiting';
CREATE INDEX outbox_dead ON outbox (seq) WHERE state = 'dead';
CREATE INDEX outbox_moved ON outbox (was) WHERE was IS NOT NULL;

CREATE TABLE outbox_bodies (
    request INTEGER PRIMARY KEY, -- outbox.seq
    headers TEXT NOT NULL,       -- JSON: [[name, value], …]
    body    BLOB NOT NULL
) STRICT;

-- Tries that did not get a 2xx.
CREATE TABLE outbox_tries (
    request INTEGER NOT NULL, -- outbox.seq
    number  INTEGER NOT NULL,
    ended   INTEGER NOT NULL,
    status  INTEGER,
    error   TEXT,
    PRIMARY KEY (request, number)
) STRICT, WITHOUT ROWID;

-- Events that handlers have scheduled for themselves; a row goes when its event is recorded.
CREATE TABLE schedule (
    seq     INTEGER PRIMARY KEY,
    handler INTEGER NOT NULL,
    key     TEXT NOT NULL,
    due     INTEGER NOT NULL, -- a time of day, unless `steady`
    steady  INTEGER NOT NULL CHECK (steady IN (0, 1)), -- it was put for so long after
    call    TEXT NOT NULL, -- idempotency key of the call that put it
    cause   BLOB NOT NULL, -- id of the event whose handling put it, which may be gone
    kind    TEXT NOT NULL,
    subject TEXT,
    account TEXT,
    depth   INTEGER NOT NULL,
    payload BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX schedule_by_key ON schedule (handler, key);
CREATE INDEX schedule_due ON schedule (steady, due, seq);
CREATE INDEX schedule_by_cause ON schedule (cause);

-- Due times, but for those of a schedule's entries at a time of day, go by a clock that
-- nothing sets. Here is one moment by both, from which the next process goes on.
CREATE TABLE kept_time (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    steady INTEGER NOT NULL, -- what due times go by
    wall   INTEGER NOT NULL, -- the time of day
    uptime INTEGER NOT NULL, -- of the machine, in milliseconds
    boot   TEXT NOT NULL     -- which of the machine's starts that counts from
) STRICT;

-- Totals, kept with every commit, and the highest numbers that were given to rows that may
-- be gone.
CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE VIEW v_events AS
SELECT e.seq, lower(hex(e.id)) AS id, s.name AS source, e.kind, e.provider_id, e.subject,
       e.account, datetime(e.received / 1000, 'unixepoch') AS received, e.deliveries,
       e.duplicates, e.duplicates_differing, length(b.payload) AS bytes,
       datetime(e.erased / 1000, 'unixepoch') AS erased,
       datetime(e.pruned / 1000, 'unixepoch') AS pruned
FROM events e JOIN sources s ON s.id = e.source LEFT JOIN bodies b ON b.event = e.seq;

CREATE VIEW v_deliveries AS
SELECT d.seq, lower(hex(e.id)) AS event, e.kind, h.name AS handler, d.state, d.attempts, d.run,
       d.crashes, d.turn IS 2 AS waits_for_turn, lower(hex(d.order_key)) AS order_key,
       datetime((d.due - k.steady + k.wall) / 1000, 'unixepoch') AS due,
       datetime(d.finished / 1000, 'unixepoch') AS finished
FROM deliveries d JOIN events e ON e.seq = d.event JOIN handlers h ON h.id = d.handler
LEFT JOIN kept_time k;

CREATE VIEW v_attempts AS
SELECT a.delivery, h.name AS handler, a.run, a.number,
       datetime(a.started / 1000, 'unixepoch') AS started, a.duration_us, a.outcome,
       lower(hex(c.digest)) AS component, a.detail, a.logs, a.requests, a.emitted
FROM attempts a JOIN deliveries d ON d.seq = a.delivery JOIN handlers h ON h.id = d.handler
LEFT JOIN components c ON c.id = a.component;

CREATE VIEW v_state AS
SELECT h.name AS handler, s.key, CAST(s.value AS TEXT) AS value, s.version
FROM state s JOIN handlers h ON h.id = s.handler;

CREATE VIEW v_schedule AS
SELECT h.name AS handler, c.key,
       datetime((c.due - c.steady * (k.steady - k.wall)) / 1000, 'unixepoch') AS due, c.kind, c.subject,
       lower(hex(c.cause)) AS cause, length(c.payload) AS bytes
FROM schedule c JOIN handlers h ON h.id = c.handler LEFT JOIN kept_time k;

CREATE VIEW v_outbox AS
SELECT o.seq, h.name AS handler, lower(hex(e.id)) AS event, o.method, o.url, o.state, o.tries,
       o.status, o.error, o.key, o.order_key,
       datetime(o.queued / 1000, 'unixepoch') AS queued,
       datetime((o.due - k.steady + k.wall) / 1000, 'unixepoch') AS due,
       datetime(o.finished / 1000, 'unixepoch') AS finished
FROM outbox o JOIN handlers h ON h.id = o.handler JOIN events e ON e.seq = o.event
LEFT JOIN kept_time k;
