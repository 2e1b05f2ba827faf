-- Events that wait for the bus; a row is gone once it is published.
CREATE TABLE outbox (
    subject  UUID NOT NULL,
    sequence BIGINT NOT NULL,
    event    TEXT NOT NULL,
    PRIMARY KEY (subject, sequence)
);

-- One row an aggregate: the last sequence number given, the last one published, and when the
-- relay may look again (a claim and a back-off both move it into the future).
CREATE TABLE outbox_aggregates (
    subject   UUID NOT NULL PRIMARY KEY,
    sequence  BIGINT NOT NULL,
    published BIGINT NOT NULL DEFAULT 0,
    due       BIGINT NOT NULL,
    attempt   BIGINT NOT NULL DEFAULT 0,
    fence     BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX outbox_due ON outbox_aggregates (due) WHERE sequence > published;

-- What each consumer has handled, so that an effect happens once.
CREATE TABLE inbox (
    consumer TEXT NOT NULL,
    event_id UUID NOT NULL,
    seen_at  BIGINT NOT NULL,
    PRIMARY KEY (consumer, event_id)
);
CREATE INDEX inbox_seen ON inbox (seen_at);

-- scheduled (not yet due) -> waiting -> running -> done, or dead.
CREATE TABLE tasks (
    id          UUID NOT NULL PRIMARY KEY,
    kind        TEXT NOT NULL,
    key         TEXT NOT NULL,
    live_key    TEXT UNIQUE, -- the key while scheduled, waiting or running, else NULL
    payload     TEXT NOT NULL,
    state       TEXT NOT NULL,
    priority    BIGINT NOT NULL,
    owner       UUID,
    start_tag   BIGINT NOT NULL,
    attempt     BIGINT NOT NULL DEFAULT 0,
    losses      BIGINT NOT NULL DEFAULT 0,
    fence       BIGINT NOT NULL DEFAULT 0,
    run_after   BIGINT NOT NULL,
    lease_until BIGINT,
    heartbeat   BIGINT,
    finished_at BIGINT,
    error_code  TEXT,
    error       TEXT
);
CREATE INDEX tasks_waiting ON tasks (kind, priority DESC, start_tag, id) WHERE state = 'waiting';
CREATE INDEX tasks_scheduled ON tasks (run_after) WHERE state = 'scheduled';
CREATE INDEX tasks_running ON tasks (lease_until) WHERE state = 'running';
CREATE INDEX tasks_done ON tasks (finished_at) WHERE state = 'done';
CREATE INDEX tasks_dead ON tasks (finished_at) WHERE state = 'dead';

-- Fair queueing: how far a lane (kind, priority) has come, and each owner's last tag in it.
CREATE TABLE task_lanes (
    kind         TEXT NOT NULL,
    priority     BIGINT NOT NULL,
    virtual_time BIGINT NOT NULL,
    PRIMARY KEY (kind, priority)
);
CREATE TABLE task_shares (
    kind     TEXT NOT NULL,
    priority BIGINT NOT NULL,
    owner    UUID NOT NULL,
    next_tag BIGINT NOT NULL,
    PRIMARY KEY (kind, priority, owner)
);
