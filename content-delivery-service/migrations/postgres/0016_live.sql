-- compatible-from: 14
-- What makes a video a live lecture.
CREATE TABLE live_lectures (
    video_id UUID PRIMARY KEY REFERENCES videos (id) ON DELETE CASCADE,
    owner_id UUID NOT NULL,
    course_id UUID, -- the course that it was announced for; only the course itself makes it an item
    starts_at BIGINT, -- as announced
    started_at BIGINT, -- when it was first published
    ended_at BIGINT, -- from then on, nobody may publish it
    recorded_at BIGINT, -- from then on, its recording is complete
    key_version BIGINT NOT NULL, -- of its stream key
    lease BIGINT NOT NULL, -- counts the nodes that have held it
    node TEXT, -- the address of the node that holds it
    held_until BIGINT,
    published_at BIGINT, -- when somebody was last seen publishing it
    targets TEXT -- what its playlists promise, as JSON
);
CREATE INDEX live_lectures_by_owner ON live_lectures (owner_id, video_id);
-- Few of all: what nodes look after.
CREATE INDEX live_lectures_open ON live_lectures (video_id) WHERE started_at IS NOT NULL AND recorded_at IS NULL;
-- Its recording; the bytes of a segment are an object, whose key has the lease under which it was made.
CREATE TABLE live_inits (
    video_id UUID NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    rendition TEXT NOT NULL,
    number BIGINT NOT NULL,
    description TEXT NOT NULL,
    bytes BYTEA NOT NULL,
    PRIMARY KEY (video_id, rendition, number)
);
CREATE TABLE live_segments (
    video_id UUID NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    rendition TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    lease BIGINT NOT NULL,
    description TEXT NOT NULL,
    PRIMARY KEY (video_id, rendition, sequence)
);
