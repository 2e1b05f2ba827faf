CREATE TABLE courses (
    id          BLOB    PRIMARY KEY,
    owner_id    BLOB    NOT NULL,
    title       TEXT    NOT NULL,
    description TEXT    NOT NULL,
    search_text TEXT    NOT NULL, -- title and description in lower case
    status      TEXT    NOT NULL,
    access      TEXT    NOT NULL,
    joining     TEXT    NOT NULL,
    code        TEXT,             -- only while people join by code
    opens_at    INTEGER,
    ends_at     INTEGER,
    version     INTEGER NOT NULL, -- counts the edits
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX courses_published ON courses (id) WHERE status = 'published';
CREATE INDEX courses_by_owner ON courses (owner_id);

CREATE TABLE modules (
    id        BLOB    PRIMARY KEY,
    course_id BLOB    NOT NULL REFERENCES courses (id) ON DELETE CASCADE,
    place     INTEGER NOT NULL,
    title     TEXT    NOT NULL,
    opens_at  INTEGER
) STRICT;
CREATE INDEX modules_of_course ON modules (course_id, place);

CREATE TABLE items (
    id         BLOB    PRIMARY KEY,
    course_id  BLOB    NOT NULL REFERENCES courses (id) ON DELETE CASCADE,
    module_id  BLOB    NOT NULL REFERENCES modules (id) ON DELETE CASCADE,
    place      INTEGER NOT NULL,
    kind       TEXT    NOT NULL,
    content_id BLOB    NOT NULL,
    title      TEXT    NOT NULL,
    deleted_at INTEGER            -- when the content was deleted; the item stays until a teacher removes it
) STRICT;
CREATE INDEX items_of_course ON items (course_id, place);
CREATE INDEX items_of_module ON items (module_id);
CREATE INDEX items_by_content ON items (content_id);

-- A row stays when its membership ends, so that its events have one sequence.
CREATE TABLE enrolments (
    id           BLOB    PRIMARY KEY,
    course_id    BLOB    NOT NULL REFERENCES courses (id) ON DELETE CASCADE,
    user_id      BLOB    NOT NULL,
    role         TEXT    NOT NULL,
    joined_at    INTEGER NOT NULL,
    ended_at     INTEGER,
    ended_by     BLOB,
    suspended_at INTEGER,         -- while the account is deactivated
    UNIQUE (course_id, user_id)
) STRICT;
CREATE INDEX enrolments_of_user ON enrolments (user_id, course_id) WHERE ended_at IS NULL;
CREATE INDEX enrolments_of_course ON enrolments (course_id, id) WHERE ended_at IS NULL;

-- The last event of each account that was deactivated or reactivated, so that a late one does not undo a newer one.
CREATE TABLE account_events (
    user_id  BLOB    PRIMARY KEY,
    sequence INTEGER NOT NULL
) STRICT;

-- How many people a teacher has enrolled in a day, counted from 1970.
CREATE TABLE enrolment_lines (
    user_id BLOB    PRIMARY KEY,
    day     INTEGER NOT NULL,
    lines   INTEGER NOT NULL
) STRICT;
