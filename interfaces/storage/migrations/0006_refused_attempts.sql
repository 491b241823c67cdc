-- The id of what a command was about: a pool, a case or a booking. Receipts from before say nothing of it.
ALTER TABLE receipts ADD COLUMN about TEXT;

-- What findings read of them: the refusals that the rules know (application/receipts.py has the same list), behind a position.
CREATE INDEX receipts_refused ON receipts (position)
    WHERE outcome IN ('outside_period', 'not_approved', 'case_closed', 'own_request');
