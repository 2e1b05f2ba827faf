-- People of other issuers. All tokens of an identity belong to one sign-in, whose end refuses those issued until then; newer
-- ones open another, and the end of the one before stays in `refused_until`. `newest` is when the
-- newest token was issued, if the issuer's clock was ahead of ours. `granted` are the roles that the issuer's claims gave
-- last, in a token of `granted_at`.
-- Their accounts have an empty `email` and `password_hash` where they have none, and a key that no address has.
CREATE TABLE identities (
    issuer        TEXT    NOT NULL,
    subject       TEXT    NOT NULL,
    user_id       BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session_id    BLOB    NOT NULL,
    refused_until INTEGER,
    newest        INTEGER,
    granted       TEXT    NOT NULL,
    granted_at    INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject)
) STRICT;
CREATE INDEX identities_of_user ON identities (user_id);
CREATE INDEX identities_of_session ON identities (session_id);
