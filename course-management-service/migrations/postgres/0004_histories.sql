-- A course and its members have one history: the number of the last event of each membership in it. Those from before are
-- counted below zero, each with a number of its own.
ALTER TABLE enrolments ADD COLUMN sequence BIGINT NOT NULL DEFAULT 0;
UPDATE enrolments SET sequence = -numbered.number
    FROM (SELECT id, row_number() OVER (ORDER BY id) AS number FROM enrolments) AS numbered WHERE numbered.id = enrolments.id;
CREATE INDEX enrolments_by_sequence ON enrolments (course_id, sequence);
