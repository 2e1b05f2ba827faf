-- Other services with credentials of their own. `scopes` are words with a space between two of them.
CREATE TABLE clients (
    id          BLOB PRIMARY KEY,
    name        TEXT NOT NULL,
    scopes      TEXT NOT NULL,
    secret_hash BLOB NOT NULL,
    created_at  INTEGER NOT NULL,
    renewed_at  INTEGER NOT NULL
) STRICT;
-- Tokens of a client, or one of them by its `jti`, are refused.
ALTER TABLE revocations ADD COLUMN client_id BLOB;
ALTER TABLE revocations ADD COLUMN token_id BLOB;
