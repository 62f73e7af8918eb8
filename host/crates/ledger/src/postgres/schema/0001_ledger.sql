-- Times are milliseconds since the Unix epoch, UTC; due times go by the steady clock.
-- A "number" is made of the database's clock and of the gateway's slot: numbers rise with the order
-- of arrival, and no two gateways make the same one. A text may hold the character U+F0000, which
-- stands before `0` for NUL (PostgreSQL takes none) and before `1` for itself.

-- The gateways, each in a slot. A slot is given again when its gateway has ended.
CREATE TABLE gateways (
    slot          bigint PRIMARY KEY,
    owner         bigint NOT NULL,       -- names the run of the gateway: leases refer to it
    name          text NOT NULL,
    until         timestamptz NOT NULL,  -- the gateway's leases end then, unless it is heard of
    ended         boolean NOT NULL,      -- all leases have ended
    registered    boolean NOT NULL,      -- whether the gateway has said which handlers it serves
    last_delivery bigint NOT NULL,       -- the last ids of the slot that were given to rows which
    last_request  bigint NOT NULL        -- may be gone
);

-- Gateways that were not heard of, and whose leases are still to be ended.
CREATE TABLE gone (
    owner bigint PRIMARY KEY,
    name  text NOT NULL
);

-- The handlers that each gateway serves.
CREATE TABLE served (
    owner   bigint NOT NULL,
    handler text NOT NULL,
    PRIMARY KEY (owner, handler)
);

-- The deliveries that run now, by gateway. Not durable: a crash of the database forgets them.
CREATE UNLOGGED TABLE running (
    owner      bigint PRIMARY KEY,
    deliveries bigint[] NOT NULL
);

-- Totals that every commit brings up to date, by slot; the sum over the slots counts.
CREATE TABLE counters (
    slot   bigint PRIMARY KEY,
    totals bigint[] NOT NULL,
    last   bigint NOT NULL -- the time in microseconds of the last number that was given
) WITH (fillfactor = 50);
CREATE TABLE component_uses (
    slot      bigint NOT NULL,
    component bytea NOT NULL,  -- sha256
    attempts  bigint NOT NULL, -- how many kept attempts ran it
    PRIMARY KEY (slot, component)
) WITH (fillfactor = 50);

-- Handlers that the ledger has met.
CREATE TABLE handlers (
    name          text PRIMARY KEY,
    paused        bigint,                 -- when an operator paused it
    outbox_paused boolean NOT NULL DEFAULT false
);

-- Every event that is kept, and pruned events whose keys are kept for a time.
CREATE TABLE events (
    seq         bigint PRIMARY KEY, -- a number
    id          uuid NOT NULL UNIQUE,
    source      text NOT NULL,
    kind        text NOT NULL,
    provider_id text,
    subject     text,
    account     text,
    created     bigint,
    received    bigint NOT NULL,
    depth       bigint NOT NULL,
    deliveries  bigint[] NOT NULL,  -- ids of its deliveries, in order
    dedup       uuid NOT NULL,      -- dedup.key
    erased      bigint,             -- when its payload was erased or redacted
    pruned      bigint              -- when everything but this row and its key was removed
);

-- How often an event arrived again. A table of its own, so that a duplicate rewrites no event.
CREATE TABLE duplicates (
    event     bigint PRIMARY KEY, -- events.seq
    arrivals  bigint NOT NULL,
    differing bigint NOT NULL,
    last      bigint NOT NULL
);

-- One row for each event that is not pruned.
CREATE TABLE bodies (
    event    bigint PRIMARY KEY, -- events.seq
    headers  text NOT NULL,      -- JSON: [[name, value], …]
    metadata text NOT NULL,      -- JSON: [[name, value], …]
    payload  bytea NOT NULL
);

-- Keys outlive their events: a key that is kept for good refers to no row in the end.
CREATE TABLE dedup (
    key   uuid PRIMARY KEY,
    event bigint NOT NULL -- events.seq
);
-- The further keys of an event that has several, so that they go with the event.
CREATE TABLE dedup_also (
    event bigint NOT NULL,
    key   uuid NOT NULL,
    PRIMARY KEY (event, key)
);

-- Deliveries that have not ended, and dead ones that hold their order key. The table is small:
-- a delivery that has ended leaves it for `history`.
CREATE TABLE queue (
    id        bigint PRIMARY KEY,
    event     bigint NOT NULL, -- events.seq
    handler   text NOT NULL,
    state     text NOT NULL CHECK (state IN
              ('pending', 'running', 'retrying', 'held', 'done', 'ignored', 'dead')),
    attempts  bigint NOT NULL,
    run       bigint NOT NULL, -- one more for each replay
    keys      bigint NOT NULL, -- the run whose idempotency keys are used
    crashes   bigint NOT NULL,
    since     bigint NOT NULL, -- when the present run began
    excused   bigint NOT NULL, -- attempts that do not count: on a faulty component
    due       bigint,          -- not before; set while retrying, and when released
    finished  bigint,          -- when it became done, ignored or dead
    component bytea,           -- runs in place of the handler's own component
    -- Deliveries with the same key run one after another, in the order of `place`. `turn` is set
    -- while a delivery stands in the line of its key: 1 for the head, which may run, or is dead and
    -- blocks the others; 2 for a blocked delivery.
    order_key uuid,
    turn      bigint CHECK (turn IN (1, 2)),
    answers   bigint,          -- the run whose recorded answers a replay is given
    place     bigint NOT NULL, -- a number, given while the key is locked
    owner     bigint,          -- gateways.owner: who has the lease; NULL: nobody
    token     bigint NOT NULL  -- of the last lease
) WITH (fillfactor = 70);
CREATE INDEX queue_new ON queue (handler, place)
    WHERE state = 'pending' AND due IS NULL AND turn IS DISTINCT FROM 2;
CREATE INDEX queue_due ON queue (handler, state, due, place) WHERE due IS NOT NULL;
CREATE INDEX queue_lines ON queue (order_key, place) WHERE turn IS NOT NULL;
CREATE INDEX queue_places ON queue (place);

-- Deliveries that have ended. The columns are those of `queue`.
CREATE TABLE history (LIKE queue INCLUDING CONSTRAINTS);
ALTER TABLE history ADD PRIMARY KEY (id);
CREATE INDEX history_places ON history (place);
CREATE INDEX history_dead ON history (place) WHERE state = 'dead';

CREATE VIEW deliveries AS SELECT * FROM queue UNION ALL SELECT * FROM history;

-- What operators did to deliveries, and to the requests and schedules that these made.
CREATE TABLE interventions (
    delivery  bigint NOT NULL,
    number    bigint NOT NULL,
    at        bigint NOT NULL,
    action    text NOT NULL,
    run       bigint NOT NULL, -- the delivery's run, afterwards
    who       text NOT NULL,
    why       text,
    batch     text,            -- the call of the API that it was part of
    request   bigint,          -- outbox.id of the request that it was about
    scheduled text,            -- key of the scheduled event that it was about
    PRIMARY KEY (delivery, number)
);

CREATE TABLE attempts (
    delivery    bigint NOT NULL,
    run         bigint NOT NULL,
    number      bigint NOT NULL,
    started     bigint NOT NULL,
    duration_us bigint NOT NULL,
    outcome     text NOT NULL,
    component   bytea,            -- unknown after a crash
    detail      text,
    logs        text,             -- JSON lines
    requests    bigint[] NOT NULL, -- ids of the requests that it queued, at first
    emitted     bigint[] NOT NULL, -- events.seq of the events that it emitted
    PRIMARY KEY (delivery, run, number)
);

-- Immediate requests of attempts, with their answers.
CREATE TABLE exchanges (
    delivery    bigint NOT NULL,
    run         bigint NOT NULL,
    number      bigint NOT NULL, -- of the attempt
    call        bigint NOT NULL, -- from 0
    digest      bytea,           -- sha256 over method, URL and body; NULL: refused before
    method      text NOT NULL,
    url         text NOT NULL,   -- without its query
    after_us    bigint NOT NULL,
    duration_us bigint NOT NULL,
    recorded    boolean NOT NULL, -- the answer of an earlier attempt
    status      bigint,          -- NULL: no answer
    error       text,            -- why there is no answer
    headers     text,            -- JSON: [[name, value], …]
    body        bytea,
    PRIMARY KEY (delivery, run, number, call)
);

-- The rank of the newest fact that was handled, by order key, for handlers that ask for it.
CREATE TABLE newest (
    order_key uuid PRIMARY KEY,
    whole     bigint,          -- the rank, if it is a whole number
    fraction  double precision, -- the rank, if not
    event     bigint NOT NULL  -- events.seq of the last event of the key that has ended
);
CREATE INDEX newest_by_event ON newest (event);

CREATE TABLE state (
    handler   text NOT NULL,
    key       bytea NOT NULL,
    value     bytea NOT NULL,
    version   bigint NOT NULL, -- a number
    component bytea,           -- what wrote it; NULL: an operator
    written   bigint NOT NULL,
    PRIMARY KEY (handler, key)
);

-- Changes of operators to handlers' state, without the values.
CREATE TABLE state_changes (
    seq     bigint PRIMARY KEY, -- a number
    handler text NOT NULL,
    key     text NOT NULL,
    at      bigint NOT NULL,
    action  text NOT NULL,      -- set, delete
    before  bigint,             -- bytes of the value before; NULL: there was none
    after   bigint,             -- bytes of the value afterwards; NULL: there is none
    who     text NOT NULL,
    why     text
);
CREATE INDEX state_changes_by_handler ON state_changes (handler, seq);

-- Requests that wait to go out or went out.
CREATE TABLE outbox (
    id           bigint PRIMARY KEY,
    place        bigint NOT NULL, -- a number, given while the line is locked
    handler      text NOT NULL,
    event        bigint NOT NULL, -- events.seq
    delivery     bigint NOT NULL,
    key          text NOT NULL,   -- Idempotency-Key
    method       text NOT NULL,
    url          text NOT NULL,
    host         text NOT NULL,   -- with the port; empty for URLs without a host
    order_key    text,
    line         uuid,            -- a hash of handler and order key, if there is an order key
    blocked      boolean NOT NULL, -- waits behind another of its line
    respond      text,            -- identifies the answer for the handler, if it wants it
    queued       bigint NOT NULL,
    due          bigint NOT NULL,
    state        text NOT NULL CHECK (state IN ('waiting', 'sent', 'dead')),
    tries        bigint NOT NULL,
    status       bigint,          -- of the last answer
    error        text,            -- of the last try
    finished     bigint,          -- when it became sent or dead
    cancelled    boolean NOT NULL, -- an operator made it dead
    was          bigint,          -- the first id, if an operator requeued it under another
    requeued     bigint NOT NULL, -- how often it was requeued
    since        bigint,          -- when it was last requeued
    tries_before bigint NOT NULL, -- tries until then
    owner        bigint,
    token        bigint NOT NULL
);
CREATE INDEX outbox_places ON outbox (place);
CREATE INDEX outbox_waiting ON outbox (place) WHERE state = 'waiting';
CREATE INDEX outbox_due ON outbox (handler, host, due, place)
    WHERE state = 'waiting' AND NOT blocked;
CREATE INDEX outbox_lines ON outbox (line, place) WHERE state = 'waiting' AND line IS NOT NULL;
CREATE INDEX outbox_moved ON outbox (was) WHERE was IS NOT NULL;

CREATE TABLE outbox_bodies (
    request bigint PRIMARY KEY, -- outbox.id
    headers text NOT NULL,      -- JSON: [[name, value], …]
    body    bytea NOT NULL
);

-- Tries that were not answered 2xx.
CREATE TABLE outbox_tries (
    request bigint NOT NULL, -- outbox.id
    number  bigint NOT NULL,
    ended   bigint NOT NULL,
    status  bigint,
    error   text,
    PRIMARY KEY (request, number)
);

-- Events that handlers have scheduled for themselves. A row goes when its event is recorded.
CREATE TABLE schedule (
    seq     bigint PRIMARY KEY, -- a number
    handler text NOT NULL,
    key     text NOT NULL,
    due     bigint NOT NULL,  -- a time of day, or a steady time if `steady`
    steady  boolean NOT NULL, -- it was put for a time after the commit
    call    text NOT NULL,    -- idempotency key of the call that put it
    cause   uuid NOT NULL,    -- id of the event whose handling put it; it may be gone
    kind    text NOT NULL,
    subject text,
    account text,
    depth   bigint NOT NULL,
    payload bytea NOT NULL
);
CREATE UNIQUE INDEX schedule_by_key ON schedule (handler, key);
CREATE INDEX schedule_due ON schedule (steady, due, seq);
CREATE INDEX schedule_by_cause ON schedule (cause);

-- One moment by all clocks, from which the next gateway goes on.
CREATE TABLE kept_time (
    id     bigint PRIMARY KEY CHECK (id = 1),
    steady bigint NOT NULL,
    wall   bigint NOT NULL,
    uptime bigint NOT NULL,       -- of the machine, in milliseconds
    boot   text NOT NULL,         -- identifies the start of the machine
    at     timestamptz NOT NULL   -- by the database's clock
);

-- Events whose object is still to be asked for. Their deliveries wait.
CREATE TABLE resolutions (
    event  bigint PRIMARY KEY, -- events.seq
    source text COLLATE "C" NOT NULL,
    since  bigint NOT NULL,
    due    bigint NOT NULL,
    tries  bigint NOT NULL DEFAULT 0,
    mend   boolean NOT NULL DEFAULT false, -- an operator has to mend what the last try met
    status bigint,
    error  text,
    owner  bigint,
    token  bigint NOT NULL DEFAULT 0
);
CREATE INDEX resolutions_due ON resolutions (source, due, event);

-- What the provider's API answered. A column `…_state` is NULL where nothing was asked, false where
-- the thing is gone.
CREATE TABLE resolved (
    event        bigint PRIMARY KEY,
    at           bigint NOT NULL,
    tries        bigint NOT NULL,
    object_state boolean,
    object       bytea,
    event_state  boolean,
    full_event   bytea,
    note         text
);

-- Events whose object was not asked for in the end, because all their deliveries had ended before.
CREATE TABLE unasked (event bigint PRIMARY KEY);

-- Alerts that last, and what their watcher keeps in mind.
CREATE TABLE alerts (
    key   text PRIMARY KEY,
    since bigint NOT NULL,
    text  text NOT NULL
);
CREATE TABLE alert_memory (
    id     bigint PRIMARY KEY CHECK (id = 1),
    memory text NOT NULL
);

-- Requests that were refused: the last ones.
CREATE TABLE rejections (
    seq     bigint PRIMARY KEY, -- a number
    at      bigint NOT NULL,
    source  text,
    code    text NOT NULL,
    reason  text NOT NULL,
    peer    text NOT NULL,
    method  text,
    path    text,
    headers text,               -- JSON: [[name, value], …], without secrets
    body    bytea,
    more    bigint NOT NULL
);
