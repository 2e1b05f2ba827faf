-- Requests with an Idempotency-Key, and what each created. The names are digests: they hold no one's address or key.
CREATE TABLE once (
    name    BLOB NOT NULL PRIMARY KEY,
    print   BLOB NOT NULL,
    made    BLOB NOT NULL,
    made_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX once_by_time ON once (made_at);
CREATE INDEX once_by_made ON once (made);
