//! Deletes the objects of a deleted lecture.

use crate::services::video_service::VideoService;
use async_trait::async_trait;
use backing::tasks::{Done, Job, JobError, Task};
use contracts::VideoId;
use serde::Deserialize;

/// Runs the tasks that a delete enqueues.
pub(crate) struct SweepJob {
    pub(crate) videos: VideoService,
}

#[derive(Deserialize)]
struct Payload {
    video_id: VideoId,
}

#[async_trait]
impl Job for SweepJob {
    fn kind(&self) -> &'static str {
        crate::repositories::video_repository::SWEEP
    }

    async fn run(&self, task: &Task) -> Result<Done, JobError> {
        let payload: Payload = serde_json::from_value(task.payload.clone())
            .map_err(|error| JobError::Permanent("bad_payload".to_owned(), error.to_string()))?;
        self.videos
            .sweep(payload.video_id)
            .await
            .map_err(|error| JobError::Retry(error.to_string()))?;
        Ok(Done::Complete)
    }
}
