-- Browsers that have signed in to an account: others' failed sign-ins don't lock them out. A hash is of the browser's token.
CREATE TABLE devices (
    hash    BLOB NOT NULL PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    used_at INTEGER NOT NULL
) STRICT;
CREATE INDEX devices_of_user ON devices (user_id, used_at);
