CREATE TABLE videos (
    id BLOB PRIMARY KEY,
    owner_id BLOB NOT NULL,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    status TEXT NOT NULL,
    reason_code TEXT,
    reason_message TEXT,
    version INTEGER NOT NULL,
    policy_version INTEGER NOT NULL,
    filename TEXT,
    container TEXT,
    bytes INTEGER,
    duration_us INTEGER,
    media TEXT,
    generation INTEGER NOT NULL,
    creation_key TEXT,
    creation_print BLOB,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    playable_at INTEGER,
    ready_at INTEGER,
    deleted_at INTEGER,
    swept_at INTEGER,
    UNIQUE (owner_id, creation_key)
);
CREATE INDEX videos_by_owner ON videos (owner_id, id);
CREATE TABLE uploads (
    video_id BLOB PRIMARY KEY REFERENCES videos (id) ON DELETE CASCADE,
    owner_id BLOB NOT NULL,
    length INTEGER,
    bytes_received INTEGER NOT NULL,
    sink_state TEXT,
    metadata TEXT NOT NULL,
    head BLOB NOT NULL,
    resumable BOOLEAN NOT NULL,
    key_version INTEGER NOT NULL,
    writer INTEGER NOT NULL,
    writer_seen_at INTEGER,
    state TEXT NOT NULL,
    touched_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
);
CREATE INDEX uploads_by_owner ON uploads (owner_id, state);
CREATE INDEX uploads_by_expiry ON uploads (state, expires_at);
