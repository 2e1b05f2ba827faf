-- compatible-from: 17
-- The sessions of a user that hold a place are found by their beginning, too; few sessions have ended. The old indexes go last,
-- because nobody can read the table from then on until the migration ends.
CREATE INDEX playbacks_of_user ON playbacks (user_id, ended_at, started_at);
CREATE INDEX playbacks_ended ON playbacks (ended_at) WHERE ended_at IS NOT NULL;
DROP INDEX playbacks_by_user;
DROP INDEX playbacks_by_end;
