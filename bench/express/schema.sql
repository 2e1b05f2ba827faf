-- What the peer reads and writes; the bench fills lectures, renditions, courses and members with the numbers that
-- MoocFlix has.
CREATE SCHEMA IF NOT EXISTS peer;
CREATE TABLE peer.courses (id uuid PRIMARY KEY, title text NOT NULL, status text NOT NULL);
CREATE TABLE peer.lectures (
    id uuid PRIMARY KEY, course_id uuid NOT NULL REFERENCES peer.courses, owner_id uuid NOT NULL, title text NOT NULL,
    description text NOT NULL, status text NOT NULL, duration double precision NOT NULL, bytes bigint NOT NULL,
    filename text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE peer.renditions (
    lecture_id uuid NOT NULL REFERENCES peer.lectures, name text NOT NULL, codecs text NOT NULL, width int NOT NULL,
    height int NOT NULL, bit_rate int NOT NULL, PRIMARY KEY (lecture_id, name));
CREATE TABLE peer.members (
    course_id uuid NOT NULL REFERENCES peer.courses, user_id uuid NOT NULL, role text NOT NULL,
    PRIMARY KEY (user_id, course_id));
CREATE TABLE peer.sessions (
    id uuid PRIMARY KEY, lecture_id uuid NOT NULL, user_id uuid NOT NULL, expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX ON peer.sessions (user_id, created_at);
