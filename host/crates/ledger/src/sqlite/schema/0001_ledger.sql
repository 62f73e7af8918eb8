-- Times are milliseconds since the Unix epoch, UTC.

-- Names and digests, each stored once. Other rows refer to them by number.
CREATE TABLE sources (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE handlers (
    id            INTEGER PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE,
    paused        INTEGER,                   -- when an operator paused it
    outbox_paused INTEGER NOT NULL DEFAULT 0 -- 1: the outbox is paused, too
) STRICT;
CREATE TABLE components (
    id     INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE, -- sha256
    attempts INTEGER NOT NULL DEFAULT 0 -- how many kept attempts ran it
) STRICT;

-- Hosts of the outbox's requests, with their ports. The empty one is for URLs without a host.
CREATE TABLE hosts (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

-- Every event that is kept, in the order of arrival, and pruned events whose keys are kept
-- for a time.
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
    first_delivery       INTEGER, -- number of its first delivery; the others follow
    deliveries           INTEGER NOT NULL,
    duplicates           INTEGER NOT NULL DEFAULT 0,
    duplicates_differing INTEGER NOT NULL DEFAULT 0,
    last_duplicate       INTEGER, -- when the last duplicate arrived
    dedup                BLOB NOT NULL, -- dedup.key
    erased               INTEGER, -- when its payload was erased or redacted
    pruned               INTEGER  -- when everything but this row and its key was removed
) STRICT;
CREATE UNIQUE INDEX events_by_id ON events (id);

-- One row for each event that is not pruned.
CREATE TABLE bodies (
    event    INTEGER PRIMARY KEY, -- events.seq
    headers  TEXT NOT NULL,       -- JSON: [[name, value], …]
    metadata TEXT NOT NULL,       -- JSON: [[name, value], …]
    payload  BLOB NOT NULL
) STRICT;

-- Keys outlive their events: a key that is kept for good refers to no row in the end. Keys of
-- events after the counter `folded` may not be here yet; the rows of the events have them.
CREATE TABLE dedup (
    key   BLOB PRIMARY KEY,
    event INTEGER NOT NULL -- events.seq, which is never given again
) STRICT, WITHOUT ROWID;

-- The further keys of an event that has several keys, so that they go with the event. A key
-- that came with a duplicate belongs to the event that the duplicate repeats.
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
    keys     INTEGER NOT NULL, -- the run whose idempotency keys are used
    crashes  INTEGER NOT NULL,
    since    INTEGER, -- when the present run began, if not with the event
    excused  INTEGER NOT NULL DEFAULT 0, -- attempts that do not count: on a faulty component
    due      INTEGER, -- not before; set while retrying, and when released
    finished INTEGER, -- when it became done, ignored or dead
    component INTEGER, -- runs in place of the handler's own component
    -- Deliveries with the same key run one after another. `turn` is set while a delivery
    -- stands in the line of its key: 1 for the head, which may run, or is dead and blocks the
    -- others; 2 for a blocked delivery.
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

-- Deliveries that an event got after it was recorded, by later routes.
CREATE TABLE later_deliveries (
    event    INTEGER NOT NULL, -- events.seq
    delivery INTEGER NOT NULL, -- deliveries.seq
    PRIMARY KEY (event, delivery)
) STRICT, WITHOUT ROWID;

-- What operators did to deliveries, and to the requests and schedules that these made.
CREATE TABLE interventions (
    delivery INTEGER NOT NULL, -- deliveries.seq
    number   INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    action   TEXT NOT NULL,
    run      INTEGER NOT NULL, -- the delivery's run, afterwards
    who      TEXT NOT NULL,
    why      TEXT,
    batch    TEXT,             -- the call of the API that it was part of
    request  INTEGER,          -- outbox.seq of the request that it was about
    scheduled TEXT,            -- key of the scheduled event that it was about
    PRIMARY KEY (delivery, number)
) STRICT, WITHOUT ROWID;

-- New rows come in nearly the order of their deliveries.
CREATE TABLE attempts (
    delivery      INTEGER NOT NULL, -- deliveries.seq
    run           INTEGER NOT NULL,
    number        INTEGER NOT NULL,
    started       INTEGER NOT NULL,
    duration_us   INTEGER NOT NULL,
    outcome       TEXT NOT NULL,
    component     INTEGER,          -- unknown after a crash
    detail        TEXT,
    logs          TEXT,             -- JSON lines
    first_request INTEGER,          -- outbox.seq of the first of `requests`
    requests      INTEGER,
    first_emitted INTEGER,          -- events.seq of the first of `emitted`
    emitted       INTEGER,
    PRIMARY KEY (delivery, run, number)
) STRICT, WITHOUT ROWID;

-- The rank of the newest fact that was handled, by order key, for handlers that ask for it. A row
-- goes once all events of its key are gone that could be compared with it.
CREATE TABLE newest (
    order_key BLOB PRIMARY KEY,
    rank      ANY NOT NULL,    -- an integer or a real
    event     INTEGER NOT NULL -- events.seq of the last event of the key that has ended
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
    host      INTEGER NOT NULL, -- hosts.id
    order_key TEXT,
    blocked   INTEGER NOT NULL DEFAULT 0, -- 1: waits behind another of its handler and order key
    respond   TEXT,             -- identifies the answer for the handler, if it wants it
    queued    INTEGER NOT NULL,
    due       INTEGER NOT NULL,
    state     TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'dead')),
    tries     INTEGER NOT NULL DEFAULT 0,
    status    INTEGER,          -- of the last answer
    error     TEXT,             -- of the last try
    finished  INTEGER,          -- when it became sent or dead
    cancelled INTEGER NOT NULL DEFAULT 0, -- 1: an operator made it dead
    -- A request that an operator requeues gets a new `seq` behind all others and keeps its
    -- idempotency key.
    was          INTEGER,          -- the first `seq`
    requeued     INTEGER NOT NULL DEFAULT 0, -- how often it was requeued
    since        INTEGER,          -- when it was last requeued
    tries_before INTEGER NOT NULL DEFAULT 0 -- tries until then
) STRICT;
CREATE INDEX outbox_waiting ON outbox (seq) WHERE state = 'waiting';
CREATE INDEX outbox_due ON outbox (handler, host, due, seq)
    WHERE state = 'waiting' AND blocked = 0;
CREATE INDEX outbox_ordered ON outbox (handler, order_key, seq)
    WHERE state = 'waiting' AND order_key IS NOT NULL;
CREATE INDEX outbox_dead ON outbox (seq) WHERE state = 'dead';
CREATE INDEX outbox_moved ON outbox (was) WHERE was IS NOT NULL;

CREATE TABLE outbox_bodies (
    request INTEGER PRIMARY KEY, -- outbox.seq
    headers TEXT NOT NULL,       -- JSON: [[name, value], …]
    body    BLOB NOT NULL
) STRICT;

-- Tries that were not answered 2xx.
CREATE TABLE outbox_tries (
    request INTEGER NOT NULL, -- outbox.seq
    number  INTEGER NOT NULL,
    ended   INTEGER NOT NULL,
    status  INTEGER,
    error   TEXT,
    PRIMARY KEY (request, number)
) STRICT, WITHOUT ROWID;

-- Events that handlers have scheduled for themselves. A row goes when its event is recorded.
CREATE TABLE schedule (
    seq     INTEGER PRIMARY KEY,
    handler INTEGER NOT NULL,
    key     TEXT NOT NULL,
    due     INTEGER NOT NULL, -- a time of day, or a steady time if `steady` is 1
    steady  INTEGER NOT NULL CHECK (steady IN (0, 1)), -- 1: it was put for a time after the commit
    call    TEXT NOT NULL, -- idempotency key of the call that put it
    cause   BLOB NOT NULL, -- id of the event whose handling put it; it may be gone
    kind    TEXT NOT NULL,
    subject TEXT,
    account TEXT,
    depth   INTEGER NOT NULL,
    payload BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX schedule_by_key ON schedule (handler, key);
CREATE INDEX schedule_due ON schedule (steady, due, seq);
CREATE INDEX schedule_by_cause ON schedule (cause);

-- Due times go by the steady clock, which nobody can set, but for scheduled events at a time of
-- day. This row has one moment by both clocks, from which the next process goes on.
CREATE TABLE kept_time (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    steady INTEGER NOT NULL, -- the time by the steady clock
    wall   INTEGER NOT NULL, -- the time of day
    uptime INTEGER NOT NULL, -- of the machine, in milliseconds
    boot   TEXT NOT NULL     -- identifies the start of the machine
) STRICT;

-- Totals that every commit brings up to date, and the highest numbers that were given to rows
-- which may be gone.
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
       datetime((c.due - c.steady * (k.steady - k.wall)) / 1000, 'unixepoch') AS due,
       c.kind, c.subject, lower(hex(c.cause)) AS cause, length(c.payload) AS bytes
FROM schedule c JOIN handlers h ON h.id = c.handler LEFT JOIN kept_time k;

CREATE VIEW v_outbox AS
SELECT o.seq, h.name AS handler, lower(hex(e.id)) AS event, o.method, o.url, o.state, o.tries,
       o.status, o.error, o.key, o.order_key, o.blocked AS waits_for_turn,
       datetime(o.queued / 1000, 'unixepoch') AS queued,
       datetime((o.due - k.steady + k.wall) / 1000, 'unixepoch') AS due,
       datetime(o.finished / 1000, 'unixepoch') AS finished
FROM outbox o JOIN handlers h ON h.id = o.handler JOIN events e ON e.seq = o.event
LEFT JOIN kept_time k;
