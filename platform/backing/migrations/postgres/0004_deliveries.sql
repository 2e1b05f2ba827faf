-- Events that a consumer of this schema has accepted and not handled yet; a row is gone once it is handled.
-- The events of one subject are handled in the order of their ids.
CREATE TABLE deliveries (
    id       BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer TEXT NOT NULL,
    subject  UUID NOT NULL,
    event_id UUID NOT NULL,
    event    BYTEA NOT NULL,
    due      BIGINT NOT NULL,
    attempt  BIGINT NOT NULL DEFAULT 0,
    UNIQUE (consumer, event_id)
);
CREATE INDEX deliveries_by_subject ON deliveries (consumer, subject, id);

-- Events that a consumer gave up.
CREATE TABLE dead_letters (
    consumer TEXT NOT NULL,
    event_id UUID NOT NULL,
    subject  UUID NOT NULL,
    event    BYTEA NOT NULL,
    code     TEXT NOT NULL,
    reason   TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    died_at  BIGINT NOT NULL,
    PRIMARY KEY (consumer, event_id)
);
CREATE INDEX dead_letters_by_time ON dead_letters (died_at);
