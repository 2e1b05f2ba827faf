-- What a task is about, so that all tasks of a thing can be found, taken back or enqueued again.
ALTER TABLE tasks ADD COLUMN subject BLOB;
CREATE INDEX tasks_by_subject ON tasks (subject) WHERE subject IS NOT NULL AND state <> 'done';
