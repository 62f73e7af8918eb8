-- Alerts that last. A row goes when its alert ends.
CREATE TABLE alerts (
    key   TEXT PRIMARY KEY,
    since INTEGER NOT NULL, -- when the alert started
    text  TEXT NOT NULL     -- what it is about
) STRICT, WITHOUT ROWID;

-- What the watcher of alerts keeps in mind, as JSON. One row at most.
CREATE TABLE alert_memory (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    memory TEXT NOT NULL
) STRICT;
