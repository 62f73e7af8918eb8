-- Which history of the ledger this file has. A restore begins another history, and this row tells
-- of the restore until an operator has released it.
CREATE TABLE lineage (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    token    BLOB NOT NULL,              -- names the history
    before   BLOB,                       -- the token before the last restore
    restored INTEGER,                    -- when the last restore was noticed or made
    newest   INTEGER,                    -- the receipt of the newest event in the restored file
    missing  INTEGER,                    -- commits of the last run that the restored file lacks
    until    INTEGER,                    -- when the last run wrote for the last time
    on_hold  INTEGER NOT NULL DEFAULT 0  -- 1: deliveries and requests wait for an operator
) STRICT;
