CREATE TABLE videos (
    id UUID PRIMARY KEY,
    owner_id UUID NOT NULL,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    status TEXT NOT NULL,
    reason_code TEXT,
    reason_message TEXT,
    version BIGINT NOT NULL,
    policy_version BIGINT NOT NULL,
    filename TEXT,
    container TEXT,
    bytes BIGINT,
    duration_us BIGINT,
    media TEXT,
    generation BIGINT NOT NULL,
    creation_key TEXT,
    creation_print BYTEA,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    playable_at BIGINT,
    ready_at BIGINT,
    deleted_at BIGINT,
    swept_at BIGINT,
    UNIQUE (owner_id, creation_key)
);
CREATE INDEX videos_by_owner ON videos (owner_id, id);
CREATE TABLE uploads (
    video_id UUID PRIMARY KEY REFERENCES videos (id) ON DELETE CASCADE,
    owner_id UUID NOT NULL,
    length BIGINT,
    bytes_received BIGINT NOT NULL,
    sink_state TEXT,
    metadata TEXT NOT NULL,
    head BYTEA NOT NULL,
    resumable BOOLEAN NOT NULL,
    key_version BIGINT NOT NULL,
    writer BIGINT NOT NULL,
    writer_seen_at BIGINT,
    state TEXT NOT NULL,
    touched_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX uploads_by_owner ON uploads (owner_id, state);
CREATE INDEX uploads_by_expiry ON uploads (state, expires_at);
