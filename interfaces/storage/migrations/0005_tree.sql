-- The tree over the log: hashes of complete subtrees of 2^level leaves, the last of which belongs to the event at position "last".
-- Rows of level 0 hold the leaves of many events; above them stands one row for each subtree of 2^8, 2^9, … leaves.
CREATE TABLE tree (
    level BIGINT NOT NULL,
    last BIGINT NOT NULL,
    hashes BYTEA NOT NULL,
    PRIMARY KEY (level, last)
);

-- Every checkpoint that was issued, with the id of the key that signed it; a size is stated once by each key.
CREATE TABLE checkpoints (
    size BIGINT NOT NULL,
    key TEXT NOT NULL,
    issued BIGINT NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (size, key)
);
