-- The upload of a deleted lecture is over: only uploads that may still get bytes count against what their owner may have.
UPDATE uploads SET state = 'finished' WHERE state <> 'finished' AND EXISTS (
    SELECT 1 FROM videos WHERE videos.id = uploads.video_id AND videos.status = 'deleted');
