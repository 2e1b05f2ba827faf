-- compatible-from: 2
-- How much of a lecture somebody must have seen to have completed it in this course; null: as the installation has it.
ALTER TABLE courses ADD COLUMN completed_share REAL;
