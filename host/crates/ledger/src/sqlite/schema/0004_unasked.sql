-- Events whose object was not asked for in the end, because all their deliveries had ended before.
-- A new run of one of them asks.
CREATE TABLE unasked (
    event INTEGER PRIMARY KEY -- events.seq
) STRICT;
