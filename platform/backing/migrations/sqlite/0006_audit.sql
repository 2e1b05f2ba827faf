-- What administrators did to what is not theirs. A row is written by the transaction of the act, and stays as it is.
CREATE TABLE audit (
    id           BLOB NOT NULL PRIMARY KEY,
    at           INTEGER NOT NULL,
    actor_id     BLOB,
    act          TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id   BLOB NOT NULL,
    owner_id     BLOB,
    details      TEXT NOT NULL,
    request_id   TEXT
) STRICT, WITHOUT ROWID;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;
CREATE TRIGGER audit_is_not_shortened BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;
