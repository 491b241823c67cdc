-- A session knows when its person last proved again who they are, which session at the issuer it came from, and what browser it is.
ALTER TABLE sessions ADD COLUMN proved BIGINT;
ALTER TABLE sessions ADD COLUMN issuer_sub TEXT;
ALTER TABLE sessions ADD COLUMN issuer_sid TEXT;
ALTER TABLE sessions ADD COLUMN browser TEXT NOT NULL DEFAULT '';

-- Who gets in by no way at all, wherever else they are known.
CREATE TABLE blocked (
    subject TEXT NOT NULL,
    organisation TEXT NOT NULL,
    at BIGINT NOT NULL,
    done_by TEXT NOT NULL,
    PRIMARY KEY (subject, organisation)
);
