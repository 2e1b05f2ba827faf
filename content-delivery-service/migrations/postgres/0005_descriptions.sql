-- Renditions describe themselves, so that they are shown and served without their plan. Generation 0 is what is cut from
-- the source as it is. Rows of the versions before are filled in by the program, in this transaction.
ALTER TABLE renditions ADD COLUMN place BIGINT NOT NULL DEFAULT 0;
ALTER TABLE renditions ADD COLUMN kind TEXT NOT NULL DEFAULT 'picture';
ALTER TABLE renditions ADD COLUMN width BIGINT;
ALTER TABLE renditions ADD COLUMN height BIGINT;
ALTER TABLE renditions ADD COLUMN frame_rate DOUBLE PRECISION;
ALTER TABLE renditions ADD COLUMN channels BIGINT;
ALTER TABLE renditions ADD COLUMN language TEXT;
ALTER TABLE renditions ADD COLUMN bit_rate BIGINT NOT NULL DEFAULT 0;
ALTER TABLE renditions ADD COLUMN bandwidth BIGINT NOT NULL DEFAULT 0;
ALTER TABLE renditions ADD COLUMN longest_segment BIGINT NOT NULL DEFAULT 0;
ALTER TABLE renditions ADD COLUMN planned_ticks BIGINT NOT NULL DEFAULT 0;
ALTER TABLE renditions ADD COLUMN planned_segments BIGINT NOT NULL DEFAULT 0;
ALTER TABLE renditions ADD COLUMN cost BIGINT NOT NULL DEFAULT 0;
ALTER TABLE renditions ADD COLUMN stands_in BOOLEAN NOT NULL DEFAULT FALSE;
