-- Other services with credentials of their own. `scopes` are words with a space between two of them.
CREATE TABLE clients (
    id          UUID PRIMARY KEY,
    name        TEXT NOT NULL,
    scopes      TEXT NOT NULL,
    secret_hash BYTEA NOT NULL,
    created_at  BIGINT NOT NULL,
    renewed_at  BIGINT NOT NULL
);
-- Tokens of a client, or one of them by its `jti`, are refused.
ALTER TABLE revocations ADD COLUMN client_id UUID;
ALTER TABLE revocations ADD COLUMN token_id UUID;
