-- What wrote a value of a handler's state.
ALTER TABLE state ADD COLUMN component INTEGER; -- components.id; NULL: an operator, or not known
ALTER TABLE state ADD COLUMN written INTEGER;   -- when; NULL: not known

-- Changes of operators to handlers' state, without the values. The oldest rows go when there are
-- many.
CREATE TABLE state_changes (
    seq     INTEGER PRIMARY KEY,
    handler INTEGER NOT NULL,
    key     TEXT NOT NULL,
    at      INTEGER NOT NULL,
    action  TEXT NOT NULL,      -- set, delete
    before  INTEGER,            -- bytes of the value before; NULL: there was none
    after   INTEGER,            -- bytes of the value afterwards; NULL: there is none
    who     TEXT NOT NULL,
    why     TEXT
) STRICT;
CREATE INDEX state_changes_by_key ON state_changes (handler, key);

DROP VIEW v_state;
CREATE VIEW v_state AS
SELECT h.name AS handler, s.key, CAST(s.value AS TEXT) AS value, s.version,
       lower(hex(c.digest)) AS component, datetime(s.written / 1000, 'unixepoch') AS written
FROM state s JOIN handlers h ON h.id = s.handler LEFT JOIN components c ON c.id = s.component;
