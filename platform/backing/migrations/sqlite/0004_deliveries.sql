-- Events that a consumer of this schema has accepted and not handled yet; a row is gone once it is handled.
-- The events of one subject are handled in the order of their ids.
CREATE TABLE deliveries (
    id       INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, -- never used for another row: members name rows by it
    consumer TEXT NOT NULL,
    subject  BLOB NOT NULL,
    event_id BLOB NOT NULL,
    event    BLOB NOT NULL,
    due      INTEGER NOT NULL,
    attempt  INTEGER NOT NULL DEFAULT 0,
    UNIQUE (consumer, event_id)
) STRICT;
CREATE INDEX deliveries_by_subject ON deliveries (consumer, subject, id);

-- Events that a consumer gave up.
CREATE TABLE dead_letters (
    consumer TEXT NOT NULL,
    event_id BLOB NOT NULL,
    subject  BLOB NOT NULL,
    event    BLOB NOT NULL,
    code     TEXT NOT NULL,
    reason   TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    died_at  INTEGER NOT NULL,
    PRIMARY KEY (consumer, event_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX dead_letters_by_time ON dead_letters (died_at);
