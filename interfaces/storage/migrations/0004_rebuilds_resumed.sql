-- How far a rebuild has loaded the other slot, for whoever takes it up again: one row for each of its transactions since the last
-- one that kept what was in memory besides (held; empty once everything is loaded), and which rows were taken back from their
-- tables before each.
CREATE TABLE rebuild_steps (
    builder TEXT NOT NULL,
    program TEXT NOT NULL,
    position BIGINT NOT NULL,
    held BYTEA,
    recalled BYTEA NOT NULL,
    PRIMARY KEY (builder, position)
);
