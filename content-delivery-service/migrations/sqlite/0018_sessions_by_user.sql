-- The sessions of a user that hold a place are found by their beginning, too; few sessions have ended.
DROP INDEX playbacks_by_user;
CREATE INDEX playbacks_by_user ON playbacks (user_id, ended_at, started_at);
DROP INDEX playbacks_by_end;
CREATE INDEX playbacks_by_end ON playbacks (ended_at) WHERE ended_at IS NOT NULL;
