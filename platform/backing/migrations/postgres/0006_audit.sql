-- What administrators did to what is not theirs. A row is written by the transaction of the act, and stays as it is.
CREATE TABLE audit (
    id           UUID NOT NULL PRIMARY KEY,
    at           BIGINT NOT NULL,
    actor_id     UUID,
    act          TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id   UUID NOT NULL,
    owner_id     UUID,
    details      TEXT NOT NULL,
    request_id   TEXT
);
CREATE FUNCTION audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit is append-only';
END
$$;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_stays();
