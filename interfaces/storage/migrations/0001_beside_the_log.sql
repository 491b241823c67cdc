-- What stands beside the log and is no projection of it. The same statements run on SQLite and PostgreSQL.

-- The answer to every keyed command, kept for good with the events that it answers.
CREATE TABLE receipts (
    subject TEXT NOT NULL,
    organisation TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    request BYTEA NOT NULL,
    outcome TEXT NOT NULL,
    body BYTEA NOT NULL,
    position BIGINT NOT NULL,
    version BIGINT,
    PRIMARY KEY (subject, organisation, idempotency_key)
);

-- Bearer tokens by their hash; instants are microseconds UTC.
CREATE TABLE tokens (
    hash BYTEA NOT NULL PRIMARY KEY,
    subject TEXT NOT NULL,
    role TEXT NOT NULL,
    organisation TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT
);

-- Who read which personal data, in the transaction in which it was answered.
CREATE TABLE personal_reads (
    id TEXT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    subject TEXT NOT NULL,
    role TEXT NOT NULL,
    organisation TEXT NOT NULL,
    path TEXT NOT NULL,
    about TEXT NOT NULL
);

CREATE INDEX personal_reads_by_at ON personal_reads (at);

-- Which slot of a projection's tables is live (none while it was never built), and who is building the other one.
CREATE TABLE projections (
    name TEXT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    tables TEXT NOT NULL,
    slot TEXT,
    builder TEXT,
    builder_seen BIGINT
);
