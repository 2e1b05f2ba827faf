-- Where a viewer without a sign-in comes from: a keyed hash. A lecture's places are shared fairly among networks.
ALTER TABLE playbacks ADD COLUMN network INTEGER;
CREATE INDEX playbacks_of_nobody ON playbacks (video_id, last_seen_at)
    WHERE network IS NOT NULL AND started_at IS NOT NULL;
CREATE INDEX playbacks_not_begun_of_nobody ON playbacks (video_id, network, created_at)
    WHERE network IS NOT NULL AND started_at IS NULL;
