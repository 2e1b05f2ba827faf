-- How a source is turned into renditions; the plan is JSON and never changes once it is written.
CREATE TABLE plans (
    video_id BLOB NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    generation INTEGER NOT NULL,
    plan TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    completed_at INTEGER,
    PRIMARY KEY (video_id, generation)
);
-- What is encoded, with the init segment that all its pieces share once the first one is published.
CREATE TABLE renditions (
    video_id BLOB NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    generation INTEGER NOT NULL,
    name TEXT NOT NULL,
    failure_code TEXT,
    failure_message TEXT,
    codecs TEXT,
    timescale INTEGER,
    init BLOB,
    PRIMARY KEY (video_id, generation, name)
);
-- Published segments, many in one object; `segments` is JSON, durations in ticks of the rendition and bytes.
CREATE TABLE pieces (
    video_id BLOB NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    generation INTEGER NOT NULL,
    rendition TEXT NOT NULL,
    piece INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    first_segment INTEGER NOT NULL,
    is_last BOOLEAN NOT NULL,
    ticks INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    frames INTEGER NOT NULL,
    peak_bit_rate INTEGER NOT NULL,
    segments TEXT NOT NULL,
    published_at INTEGER NOT NULL,
    PRIMARY KEY (video_id, generation, rendition, piece)
);
-- How far running encoders are; a row goes with its task's end.
CREATE TABLE encodings (
    task_id BLOB PRIMARY KEY,
    video_id BLOB NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    generation INTEGER NOT NULL,
    work TEXT NOT NULL,
    ticks INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);
CREATE INDEX encodings_by_video ON encodings (video_id);
-- What people look for who mend things; few of all lectures.
CREATE INDEX videos_by_failure ON videos (id)
    WHERE status = 'failed' OR (reason_code IS NOT NULL AND status IN ('playable', 'ready'));
-- Lectures that an earlier release left waiting for a transcoder are looked into again, which plans them.
INSERT INTO tasks (id, kind, key, live_key, payload, state, priority, owner, start_tag, run_after, subject)
SELECT randomblob(16), 'scan', 'scan:' || lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21)), 'scan:' || lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21)), '{"video_id":"' || lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21)) || '"}', 'scheduled', 0,
    owner_id, 0, 0, id
FROM videos WHERE status = 'processing' AND reason_code = 'needs_transcoding'
    AND NOT EXISTS (SELECT 1 FROM tasks WHERE live_key = 'scan:' || lower(substr(hex(videos.id), 1, 8) || '-' || substr(hex(videos.id), 9, 4) || '-' || substr(hex(videos.id), 13, 4) || '-' || substr(hex(videos.id), 17, 4) || '-' || substr(hex(videos.id), 21)));
