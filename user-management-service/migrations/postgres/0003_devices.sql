-- Browsers that have signed in to an account: others' failed sign-ins don't lock them out. A hash is of the browser's token.
CREATE TABLE devices (
    hash    BYTEA NOT NULL PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    used_at BIGINT NOT NULL
);
CREATE INDEX devices_of_user ON devices (user_id, used_at);
