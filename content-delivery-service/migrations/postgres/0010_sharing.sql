-- Who may watch a lecture beside those whom courses admit, and the secret of its link.
ALTER TABLE videos ADD COLUMN visibility TEXT NOT NULL DEFAULT 'private';
ALTER TABLE videos ADD COLUMN share_key TEXT;
CREATE INDEX videos_shared ON videos (id) WHERE visibility = 'signed_in';
-- The key of the link by which a session was opened: the session ends when the link is taken back.
ALTER TABLE playbacks ADD COLUMN share_key TEXT;
