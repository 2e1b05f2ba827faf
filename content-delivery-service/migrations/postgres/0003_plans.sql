-- How a source is turned into renditions; the plan is JSON and never changes once it is written.
CREATE TABLE plans (
    video_id UUID NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    generation BIGINT NOT NULL,
    plan TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    completed_at BIGINT,
    PRIMARY KEY (video_id, generation)
);
-- What is encoded, with the init segment that all its pieces share once the first one is published.
CREATE TABLE renditions (
    video_id UUID NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    generation BIGINT NOT NULL,
    name TEXT NOT NULL,
    failure_code TEXT,
    failure_message TEXT,
    codecs TEXT,
    timescale BIGINT,
    init BYTEA,
    PRIMARY KEY (video_id, generation, name)
);
-- Published segments, many in one object; `segments` is JSON, durations in ticks of the rendition and bytes.
CREATE TABLE pieces (
    video_id UUID NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    generation BIGINT NOT NULL,
    rendition TEXT NOT NULL,
    piece BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    first_segment BIGINT NOT NULL,
    is_last BOOLEAN NOT NULL,
    ticks BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    frames BIGINT NOT NULL,
    peak_bit_rate BIGINT NOT NULL,
    segments TEXT NOT NULL,
    published_at BIGINT NOT NULL,
    PRIMARY KEY (video_id, generation, rendition, piece)
);
-- How far running encoders are; a row goes with its task's end.
CREATE TABLE encodings (
    task_id UUID PRIMARY KEY,
    video_id UUID NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    generation BIGINT NOT NULL,
    work TEXT NOT NULL,
    ticks BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX encodings_by_video ON encodings (video_id);
-- What people look for who mend things; few of all lectures.
CREATE INDEX videos_by_failure ON videos (id)
    WHERE status = 'failed' OR (reason_code IS NOT NULL AND status IN ('playable', 'ready'));
-- Lectures that an earlier release left waiting for a transcoder are looked into again, which plans them.
INSERT INTO tasks (id, kind, key, live_key, payload, state, priority, owner, start_tag, run_after, subject)
SELECT gen_random_uuid(), 'scan', 'scan:' || id::text, 'scan:' || id::text, '{"video_id":"' || id::text || '"}', 'scheduled', 0,
    owner_id, 0, 0, id
FROM videos WHERE status = 'processing' AND reason_code = 'needs_transcoding'
    AND NOT EXISTS (SELECT 1 FROM tasks WHERE live_key = 'scan:' || videos.id::text);
