-- A course and its members have one history: the number of the last event of each membership in it. Those from before are
-- counted below zero, each with a number of its own.
ALTER TABLE enrolments ADD COLUMN sequence INTEGER NOT NULL DEFAULT 0;
UPDATE enrolments SET sequence = -rowid;
CREATE INDEX enrolments_by_sequence ON enrolments (course_id, sequence);
