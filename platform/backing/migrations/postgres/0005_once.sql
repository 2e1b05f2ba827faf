-- Requests with an Idempotency-Key, and what each created. The names are digests: they hold no one's address or key.
CREATE TABLE once (
    name    BYTEA NOT NULL PRIMARY KEY,
    print   BYTEA NOT NULL,
    made    UUID NOT NULL,
    made_at BIGINT NOT NULL
);
CREATE INDEX once_by_time ON once (made_at);
CREATE INDEX once_by_made ON once (made);
