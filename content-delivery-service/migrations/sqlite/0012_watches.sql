-- How far each user has watched each lecture. `seen` is a JSON list of pairs of microseconds, in order and without overlaps;
-- `seen_us` is their sum.
CREATE TABLE watches (
    user_id BLOB NOT NULL,
    video_id BLOB NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    position_us INTEGER NOT NULL,
    seen TEXT NOT NULL,
    seen_us INTEGER NOT NULL,
    completed_at INTEGER,
    watched_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, video_id)
);
CREATE INDEX watches_by_video ON watches (video_id);
