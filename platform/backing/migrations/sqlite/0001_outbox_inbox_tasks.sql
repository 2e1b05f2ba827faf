-- Events that wait for the bus; a row is gone once it is published.
CREATE TABLE outbox (
    subject  BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    event    TEXT NOT NULL,
    PRIMARY KEY (subject, sequence)
) STRICT, WITHOUT ROWID;

-- One row an aggregate: the last sequence number given, the last one published, and when the
-- relay may look again (a claim and a back-off both move it into the future).
CREATE TABLE outbox_aggregates (
    subject   BLOB NOT NULL PRIMARY KEY,
    sequence  INTEGER NOT NULL,
    published INTEGER NOT NULL DEFAULT 0,
    due       INTEGER NOT NULL,
    attempt   INTEGER NOT NULL DEFAULT 0,
    fence     INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_due ON outbox_aggregates (due) WHERE sequence > published;

-- What each consumer has handled, so that an effect happens once.
CREATE TABLE inbox (
    consumer TEXT NOT NULL,
    event_id BLOB NOT NULL,
    seen_at  INTEGER NOT NULL,
    PRIMARY KEY (consumer, event_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX inbox_seen ON inbox (seen_at);

-- scheduled (not yet due) -> waiting -> running -> done, or dead.
CREATE TABLE tasks (
    id          BLOB NOT NULL PRIMARY KEY,
    kind        TEXT NOT NULL,
    key         TEXT NOT NULL,
    live_key    TEXT UNIQUE, -- the key while scheduled, waiting or running, else NULL
    payload     TEXT NOT NULL,
    state       TEXT NOT NULL,
    priority    INTEGER NOT NULL,
    owner       BLOB,
    start_tag   INTEGER NOT NULL,
    attempt     INTEGER NOT NULL DEFAULT 0,
    losses      INTEGER NOT NULL DEFAULT 0,
    fence       INTEGER NOT NULL DEFAULT 0,
    run_after   INTEGER NOT NULL,
    lease_until INTEGER,
    heartbeat   INTEGER,
    finished_at INTEGER,
    error_code  TEXT,
    error       TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX tasks_waiting ON tasks (kind, priority DESC, start_tag, id) WHERE state = 'waiting';
CREATE INDEX tasks_scheduled ON tasks (run_after) WHERE state = 'scheduled';
CREATE INDEX tasks_running ON tasks (lease_until) WHERE state = 'running';
CREATE INDEX tasks_done ON tasks (finished_at) WHERE state = 'done';
CREATE INDEX tasks_dead ON tasks (finished_at) WHERE state = 'dead';

-- Fair queueing: how far a lane (kind, priority) has come, and each owner's last tag in it.
CREATE TABLE task_lanes (
    kind         TEXT NOT NULL,
    priority     INTEGER NOT NULL,
    virtual_time INTEGER NOT NULL,
    PRIMARY KEY (kind, priority)
) STRICT, WITHOUT ROWID;
CREATE TABLE task_shares (
    kind     TEXT NOT NULL,
    priority INTEGER NOT NULL,
    owner    BLOB NOT NULL,
    next_tag INTEGER NOT NULL,
    PRIMARY KEY (kind, priority, owner)
) STRICT, WITHOUT ROWID;
