CREATE TABLE playbacks (
    id UUID PRIMARY KEY,
    video_id UUID NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    user_id UUID NOT NULL,
    session_id UUID NOT NULL,
    user_version BIGINT NOT NULL,
    policy_version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX playbacks_by_session ON playbacks (session_id, ended_at);
CREATE INDEX playbacks_by_user ON playbacks (user_id, ended_at);
CREATE INDEX playbacks_by_video ON playbacks (video_id, ended_at);
CREATE INDEX playbacks_by_expiry ON playbacks (expires_at);
CREATE INDEX playbacks_by_end ON playbacks (ended_at);
CREATE INDEX videos_by_change ON videos (updated_at);
CREATE TABLE playback_keys (
    id BYTEA PRIMARY KEY,
    sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);
