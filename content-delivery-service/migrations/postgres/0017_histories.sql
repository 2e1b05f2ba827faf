-- A course and its members have one history of events. `courses.sequence` is the last one up to which none is missing; zero
-- has course-management asked for everything.
UPDATE courses SET sequence = 0;
ALTER TABLE courses ADD COLUMN state_sequence BIGINT NOT NULL DEFAULT 0; -- of the last event of the course itself
CREATE TABLE members (
    course_id UUID NOT NULL,
    user_id UUID NOT NULL,
    role TEXT, -- null once the membership has ended
    sequence BIGINT NOT NULL, -- of the membership's last event
    PRIMARY KEY (user_id, course_id)
);
INSERT INTO members (course_id, user_id, role, sequence) SELECT course_id, user_id, role, 0 FROM course_members;
DROP TABLE course_members;
ALTER TABLE members RENAME TO course_members;
CREATE INDEX course_members_by_course ON course_members (course_id);
DELETE FROM course_changes_read;
