-- What is over is looked for every minute or two.
CREATE INDEX access_trail_by_at ON access_trail (at);
