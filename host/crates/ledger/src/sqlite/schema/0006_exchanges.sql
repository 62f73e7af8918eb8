-- Immediate requests of attempts, with their answers.
CREATE TABLE exchanges (
    delivery    INTEGER NOT NULL, -- deliveries.seq
    run         INTEGER NOT NULL,
    number      INTEGER NOT NULL, -- of the attempt
    call        INTEGER NOT NULL, -- from 0
    digest      BLOB,             -- sha256 over method, URL and body; NULL: refused before
    method      TEXT NOT NULL,
    url         TEXT NOT NULL,    -- without its query
    after_us    INTEGER NOT NULL, -- when the request began, from the start of the run
    duration_us INTEGER NOT NULL,
    recorded    INTEGER NOT NULL CHECK (recorded IN (0, 1)), -- 1: the answer of an earlier attempt
    status      INTEGER,          -- NULL: no answer
    error       TEXT,             -- why there is no answer
    headers     TEXT,             -- JSON: [[name, value], …]
    body        BLOB,
    PRIMARY KEY (delivery, run, number, call)
) STRICT;

-- The run whose recorded answers a replay is given.
ALTER TABLE deliveries ADD COLUMN answers INTEGER;

CREATE VIEW v_exchanges AS
SELECT x.delivery, h.name AS handler, x.run, x.number, x.call, x.method, x.url, x.status, x.error,
       x.recorded, x.duration_us, length(x.body) AS bytes
FROM exchanges x JOIN deliveries d ON d.seq = x.delivery JOIN handlers h ON h.id = d.handler;
