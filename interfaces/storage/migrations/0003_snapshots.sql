-- States of long streams as they once were. They follow from the log: deleting them costs nothing but time.
CREATE TABLE snapshots (
    stream TEXT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    program TEXT NOT NULL,
    kind TEXT NOT NULL,
    state BYTEA NOT NULL
);
