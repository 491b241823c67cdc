-- What a time-stamping authority (RFC 3161) replied to the note of a checkpoint, byte for byte.
CREATE TABLE time_stamps (
    size BIGINT NOT NULL,
    key TEXT NOT NULL,
    reply BYTEA NOT NULL,
    PRIMARY KEY (size, key)
);
