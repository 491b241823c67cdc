-- Who may get in. Instants are microseconds UTC; no table holds what somebody could get in with.

-- What a token is limited to, when it was last used (an hour more or less), and since when it is taken no longer.
ALTER TABLE tokens ADD COLUMN scope TEXT NOT NULL DEFAULT 'full';
ALTER TABLE tokens ADD COLUMN used BIGINT;
ALTER TABLE tokens ADD COLUMN revoked BIGINT;

-- People who sign in with a password and a second factor. A password that was given out is good until first_until, for choosing
-- another one. The secret of the second factor follows from factor and the key store; up to factor_step its codes are used up.
CREATE TABLE accounts (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    subject TEXT NOT NULL,
    role TEXT NOT NULL,
    organisation TEXT NOT NULL,
    state TEXT NOT NULL,
    password TEXT NOT NULL,
    first_until BIGINT,
    factor BYTEA,
    factor_step BIGINT NOT NULL,
    created BIGINT NOT NULL,
    created_by TEXT NOT NULL
);

-- What stands in for a second factor that was lost, each once; a used one is gone.
CREATE TABLE recovery_codes (
    account TEXT NOT NULL,
    hash BYTEA NOT NULL,
    PRIMARY KEY (account, hash)
);

-- Browsers that are signed in, or on the way. hash is of the cookie, previous of the one before, which is taken until some
-- seconds after the browser has shown the new one (confirmed). stage is what is still to be done, proposed a second factor
-- that is being set up. account is null where somebody else says who it is.
CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    hash BYTEA NOT NULL UNIQUE,
    previous BYTEA,
    rotated BIGINT NOT NULL,
    confirmed BIGINT,
    account TEXT,
    subject TEXT NOT NULL,
    role TEXT NOT NULL,
    organisation TEXT NOT NULL,
    how TEXT NOT NULL,
    address TEXT NOT NULL,
    stage TEXT NOT NULL,
    proposed BYTEA,
    started BIGINT NOT NULL,
    seen BIGINT NOT NULL
);

CREATE INDEX sessions_by_previous ON sessions (previous);

-- How often somebody has failed lately: under a name, from an address, or both.
CREATE TABLE failures (
    counted TEXT NOT NULL PRIMARY KEY,
    times BIGINT NOT NULL,
    last BIGINT NOT NULL
);

-- What happened at the door: attempts, and what was done to accounts and tokens, by whom and from where. It only grows.
CREATE TABLE access_trail (
    number BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    what TEXT NOT NULL,
    subject TEXT,
    address TEXT,
    done_by TEXT
);
