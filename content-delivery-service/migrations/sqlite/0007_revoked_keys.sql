-- When the sign-ins ended whose event last revoked the upload's key; the event may come again, or after a later one.
ALTER TABLE uploads ADD COLUMN keys_revoked_at INTEGER;
