CREATE TABLE users (
    id             UUID    PRIMARY KEY,
    email          TEXT    NOT NULL,
    email_key      TEXT    COLLATE "C" NOT NULL UNIQUE,
    name           TEXT    NOT NULL,
    bio            TEXT,
    locale         TEXT,
    roles          TEXT    NOT NULL,
    is_admin       BOOLEAN NOT NULL,
    password_hash  TEXT    NOT NULL,
    email_verified BOOLEAN NOT NULL,
    version        BIGINT  NOT NULL,
    revision       BIGINT  NOT NULL,
    created_at     BIGINT  NOT NULL,
    updated_at     BIGINT  NOT NULL,
    deactivated_at BIGINT,
    made_with      BYTEA
);

CREATE TABLE sessions (
    id           UUID    PRIMARY KEY,
    user_id      UUID    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at   BIGINT  NOT NULL,
    last_used_at BIGINT  NOT NULL,
    expires_at   BIGINT  NOT NULL,
    ends_by      BIGINT  NOT NULL,
    ended_at     BIGINT
);
CREATE INDEX sessions_of_user ON sessions (user_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE refresh_tokens (
    hash             BYTEA   PRIMARY KEY,
    session_id       UUID    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    issued_at        BIGINT  NOT NULL,
    used_at          BIGINT,
    successor_hash   BYTEA,
    successor_sealed BYTEA
);
CREATE INDEX refresh_tokens_of_session ON refresh_tokens (session_id);

CREATE TABLE signing_keys (
    kid         TEXT    PRIMARY KEY,
    sealed      BYTEA   NOT NULL,
    public_key  BYTEA   NOT NULL,
    created_at  BIGINT  NOT NULL,
    active_from BIGINT  NOT NULL
);

CREATE TABLE revocations (
    id            UUID    PRIMARY KEY,
    user_id       UUID    NOT NULL,
    session_id    UUID,
    min_version   BIGINT,
    created_at    BIGINT  NOT NULL,
    refused_until BIGINT  NOT NULL
);
CREATE INDEX revocations_by_time ON revocations (created_at);

CREATE TABLE turns (
    name TEXT    PRIMARY KEY,
    turn BIGINT  NOT NULL
);
INSERT INTO turns (name, turn) VALUES ('admins', 0), ('signing_keys', 0);
