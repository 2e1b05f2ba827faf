-- What decides who may watch by a course, as the last event of each course and each membership says.
CREATE TABLE courses (
    id BLOB PRIMARY KEY,
    sequence INTEGER NOT NULL, -- of the last event; 0 while only a membership is known
    status TEXT NOT NULL, -- a deleted course keeps its row, so that no late event brings it back
    access TEXT NOT NULL,
    opens_at INTEGER,
    ends_at INTEGER
);
CREATE TABLE course_items (
    course_id BLOB NOT NULL REFERENCES courses (id) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    video_id BLOB NOT NULL,
    opens_at INTEGER, -- when its module opens
    PRIMARY KEY (course_id, place)
);
CREATE INDEX course_items_by_video ON course_items (video_id, course_id);
CREATE TABLE course_members (
    id BLOB PRIMARY KEY, -- the enrolment
    course_id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    role TEXT, -- null once the membership has ended
    sequence INTEGER NOT NULL
);
CREATE INDEX course_members_by_user ON course_members (user_id, course_id);
CREATE INDEX course_members_by_course ON course_members (course_id);
-- How far the changes of courses and memberships were read in course-management's own order, in its one row.
CREATE TABLE course_changes_read (
    id INTEGER PRIMARY KEY,
    changed_at INTEGER NOT NULL
);
-- Whether the session was opened with the right of an admin, which no course gives or takes. Until now, nobody but owners
-- and admins could open one.
ALTER TABLE playbacks ADD COLUMN as_admin BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE playbacks SET as_admin = TRUE WHERE ended_at IS NULL;
