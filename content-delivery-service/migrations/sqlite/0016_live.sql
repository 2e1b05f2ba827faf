-- compatible-from: 14
-- What makes a video a live lecture.
CREATE TABLE live_lectures (
    video_id BLOB PRIMARY KEY REFERENCES videos (id) ON DELETE CASCADE,
    owner_id BLOB NOT NULL,
    course_id BLOB, -- the course that it was announced for; only the course itself makes it an item
    starts_at INTEGER, -- as announced
    started_at INTEGER, -- when it was first published
    ended_at INTEGER, -- from then on, nobody may publish it
    recorded_at INTEGER, -- from then on, its recording is complete
    key_version INTEGER NOT NULL, -- of its stream key
    lease INTEGER NOT NULL, -- counts the nodes that have held it
    node TEXT, -- the address of the node that holds it
    held_until INTEGER,
    published_at INTEGER, -- when somebody was last seen publishing it
    targets TEXT -- what its playlists promise, as JSON
);
CREATE INDEX live_lectures_by_owner ON live_lectures (owner_id, video_id);
-- Few of all: what nodes look after.
CREATE INDEX live_lectures_open ON live_lectures (video_id) WHERE started_at IS NOT NULL AND recorded_at IS NULL;
-- Its recording; the bytes of a segment are an object, whose key has the lease under which it was made.
CREATE TABLE live_inits (
    video_id BLOB NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    rendition TEXT NOT NULL,
    number INTEGER NOT NULL,
    description TEXT NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (video_id, rendition, number)
);
CREATE TABLE live_segments (
    video_id BLOB NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    rendition TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    lease INTEGER NOT NULL,
    description TEXT NOT NULL,
    PRIMARY KEY (video_id, rendition, sequence)
);
