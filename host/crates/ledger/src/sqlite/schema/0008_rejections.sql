-- Requests that were refused: the last ones, and some of them alone if there are many. The oldest
-- rows go when there are many, and with time.
CREATE TABLE rejections (
    seq     INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    source  TEXT,            -- NULL: no source has the path
    code    TEXT NOT NULL,   -- the reason, as a word
    reason  TEXT NOT NULL,   -- the reason, as a sentence
    peer    TEXT NOT NULL,   -- the sender
    method  TEXT,            -- NULL: refused before there was a request
    path    TEXT,
    headers TEXT,            -- JSON: [[name, value], …], without secrets
    body    BLOB,            -- its first bytes, if the manifest asks for them
    more    INTEGER NOT NULL -- refusals of the same kind since the row before that have no row
) STRICT;

CREATE VIEW v_rejections AS
SELECT seq, datetime(at / 1000, 'unixepoch') AS at, source, code, reason, peer, method, path,
       headers, length(body) AS bytes, more
FROM rejections;
