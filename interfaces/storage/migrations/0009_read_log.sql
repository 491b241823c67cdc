-- Reads of personal texts say what for, which texts, from where and by which request, and form a chain: each row has the number
-- after the last one, and a digest over that one's digest and itself. Rows from before have none of this; the first digest covers
-- them. A second row of a number is for the verification to find: SQLite's INSERT OR REPLACE would remove the first of a unique one.
ALTER TABLE personal_reads ADD COLUMN number BIGINT;
ALTER TABLE personal_reads ADD COLUMN purpose TEXT;
ALTER TABLE personal_reads ADD COLUMN texts TEXT;
ALTER TABLE personal_reads ADD COLUMN address TEXT;
ALTER TABLE personal_reads ADD COLUMN request TEXT;
ALTER TABLE personal_reads ADD COLUMN position BIGINT;
ALTER TABLE personal_reads ADD COLUMN digest BYTEA;

CREATE INDEX personal_reads_by_number ON personal_reads (number);

CREATE INDEX personal_reads_by_person ON personal_reads (about, at);
