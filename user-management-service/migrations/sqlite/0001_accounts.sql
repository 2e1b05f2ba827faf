CREATE TABLE users (
    id             BLOB    PRIMARY KEY,
    email          TEXT    NOT NULL,
    email_key      TEXT    NOT NULL UNIQUE,
    name           TEXT    NOT NULL,
    bio            TEXT,
    locale         TEXT,
    roles          TEXT    NOT NULL,
    is_admin       INTEGER NOT NULL,
    password_hash  TEXT    NOT NULL,
    email_verified INTEGER NOT NULL,
    version        INTEGER NOT NULL,
    revision       INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    deactivated_at INTEGER,
    made_with      BLOB
) STRICT;

CREATE TABLE sessions (
    id           BLOB    PRIMARY KEY,
    user_id      BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    ends_by      INTEGER NOT NULL,
    ended_at     INTEGER
) STRICT;
CREATE INDEX sessions_of_user ON sessions (user_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE refresh_tokens (
    hash             BLOB    PRIMARY KEY,
    session_id       BLOB    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    issued_at        INTEGER NOT NULL,
    used_at          INTEGER,
    successor_hash   BLOB,
    successor_sealed BLOB
) STRICT;
CREATE INDEX refresh_tokens_of_session ON refresh_tokens (session_id);

CREATE TABLE signing_keys (
    kid         TEXT    PRIMARY KEY,
    sealed      BLOB    NOT NULL,
    public_key  BLOB    NOT NULL,
    created_at  INTEGER NOT NULL,
    active_from INTEGER NOT NULL
) STRICT;

CREATE TABLE revocations (
    id            BLOB    PRIMARY KEY,
    user_id       BLOB    NOT NULL,
    session_id    BLOB,
    min_version   INTEGER,
    created_at    INTEGER NOT NULL,
    refused_until INTEGER NOT NULL
) STRICT;
CREATE INDEX revocations_by_time ON revocations (created_at);

CREATE TABLE turns (
    name TEXT    PRIMARY KEY,
    turn INTEGER NOT NULL
) STRICT;
INSERT INTO turns (name, turn) VALUES ('admins', 0), ('signing_keys', 0);
