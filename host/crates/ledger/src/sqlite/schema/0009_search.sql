-- What lists are searched by: blocks of rows in the order of arrival. Rows that are in no block yet
-- are looked at one by one.
CREATE TABLE search_blocks (
    list     INTEGER NOT NULL, -- 0: events, 1: deliveries
    first    INTEGER NOT NULL, -- the first number that the block covers
    last     INTEGER NOT NULL, -- and the last
    kept     INTEGER NOT NULL, -- how many of the rows were there
    received INTEGER NOT NULL, -- when the first of the events was received
    until    INTEGER NOT NULL, -- and the last
    kinds    TEXT,             -- JSON: the types of the events; NULL: too many to name
    PRIMARY KEY (list, first)
) STRICT, WITHOUT ROWID;

-- The terms of a block's rows, by a part of their hashes.
CREATE TABLE search_terms (
    id    INTEGER PRIMARY KEY, -- list, part and first number of the block
    terms BLOB NOT NULL        -- hashes of terms, each with the place of a row in the block
) STRICT;
