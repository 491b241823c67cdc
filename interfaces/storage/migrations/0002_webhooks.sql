-- Who wants events posted to them, and how far that is. Instants are microseconds UTC; a secret stands nowhere.
-- types are names separated by spaces; all, where it is null. Up to position everything was taken or not wanted.
-- holder is the process that delivers, as long as held_until lies ahead.
CREATE TABLE webhooks (
    id TEXT NOT NULL PRIMARY KEY,
    url TEXT NOT NULL,
    types TEXT,
    pool TEXT,
    created BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    position BIGINT NOT NULL,
    failing_since BIGINT,
    attempts BIGINT NOT NULL,
    last_error TEXT,
    next_attempt BIGINT,
    paused TEXT,
    holder TEXT,
    held_until BIGINT
);
