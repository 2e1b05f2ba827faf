CREATE TABLE playbacks (
    id BLOB PRIMARY KEY,
    video_id BLOB NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    user_id BLOB NOT NULL,
    session_id BLOB NOT NULL,
    user_version INTEGER NOT NULL,
    policy_version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    ended_at INTEGER
);
CREATE INDEX playbacks_by_session ON playbacks (session_id, ended_at);
CREATE INDEX playbacks_by_user ON playbacks (user_id, ended_at);
CREATE INDEX playbacks_by_video ON playbacks (video_id, ended_at);
CREATE INDEX playbacks_by_expiry ON playbacks (expires_at);
CREATE INDEX playbacks_by_end ON playbacks (ended_at);
CREATE INDEX videos_by_change ON videos (updated_at);
CREATE TABLE playback_keys (
    id BLOB PRIMARY KEY,
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL
);
