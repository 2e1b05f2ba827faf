-- `version` counts what people edit, so that an edit is not refused because an encoder has published meanwhile; `changes`
-- counts everything and tells processes what they have to read again.
ALTER TABLE videos ADD COLUMN changes BIGINT NOT NULL DEFAULT 0;
UPDATE videos SET changes = version;
