-- When each membership last changed, and what was deleted: other services ask what has changed since they last asked.
ALTER TABLE enrolments ADD COLUMN changed_at INTEGER NOT NULL DEFAULT 0;
UPDATE enrolments SET changed_at = max(joined_at, COALESCE(ended_at, 0), COALESCE(suspended_at, 0));
CREATE INDEX enrolments_by_change ON enrolments (changed_at, id);
CREATE INDEX courses_by_change ON courses (updated_at, id);
CREATE TABLE deleted_courses (
    id         BLOB    PRIMARY KEY,
    owner_id   BLOB    NOT NULL,
    deleted_at INTEGER NOT NULL
) STRICT;
CREATE INDEX deleted_courses_by_time ON deleted_courses (deleted_at, id);
