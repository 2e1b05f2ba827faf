-- Renditions describe themselves, so that they are shown and served without their plan. Generation 0 is what is cut from
-- the source as it is. Rows of the versions before are filled in by the program, in this transaction.
ALTER TABLE renditions ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
ALTER TABLE renditions ADD COLUMN kind TEXT NOT NULL DEFAULT 'picture';
ALTER TABLE renditions ADD COLUMN width INTEGER;
ALTER TABLE renditions ADD COLUMN height INTEGER;
ALTER TABLE renditions ADD COLUMN frame_rate REAL;
ALTER TABLE renditions ADD COLUMN channels INTEGER;
ALTER TABLE renditions ADD COLUMN language TEXT;
ALTER TABLE renditions ADD COLUMN bit_rate INTEGER NOT NULL DEFAULT 0;
ALTER TABLE renditions ADD COLUMN bandwidth INTEGER NOT NULL DEFAULT 0;
ALTER TABLE renditions ADD COLUMN longest_segment INTEGER NOT NULL DEFAULT 0;
ALTER TABLE renditions ADD COLUMN planned_ticks INTEGER NOT NULL DEFAULT 0;
ALTER TABLE renditions ADD COLUMN planned_segments INTEGER NOT NULL DEFAULT 0;
ALTER TABLE renditions ADD COLUMN cost INTEGER NOT NULL DEFAULT 0;
ALTER TABLE renditions ADD COLUMN stands_in BOOLEAN NOT NULL DEFAULT FALSE;
