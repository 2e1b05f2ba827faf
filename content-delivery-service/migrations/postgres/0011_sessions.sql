-- A playback session takes one of its user's places from its first media request. `device` names the player that opened it.
ALTER TABLE playbacks ADD COLUMN started_at BIGINT;
ALTER TABLE playbacks ADD COLUMN device TEXT NOT NULL DEFAULT '';
