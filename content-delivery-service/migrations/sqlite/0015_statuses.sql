-- compatible-from: 14
-- Everybody's lectures of one status, few of all.
CREATE INDEX videos_by_status ON videos (status, id);
