//! Deletes the objects of a deleted lecture.

use crate::services::error::Failure;
use crate::services::video_service::VideoService;
use async_trait::async_trait;
use backing::tasks::{Done, Job, JobError, Task};
use renditions::tasks::{self, SweepTask};
use std::time::Duration;

/// The pause before another sweep, if objects came late.
const AGAIN: Duration = Duration::from_secs(2);

/// Runs the tasks that a deletion enqueues.
pub(crate) struct SweepJob {
    pub(crate) videos: VideoService,
}

#[async_trait]
impl Job for SweepJob {
    fn kind(&self) -> &'static str {
        SweepTask::KIND
    }

    async fn run(&self, task: &Task) -> Result<Done, JobError> {
        let SweepTask { video_id } = tasks::read(task)?;
        match self.videos.sweep(video_id).await {
            Ok(true) => Ok(Done::Complete),
            Ok(false) => Ok(Done::Again(AGAIN)),
            Err(error @ (Failure::Unanswered(_) | Failure::StorageFull)) => Err(JobError::Wait(error.to_string())),
            Err(error) => Err(JobError::Retry(error.to_string())),
        }
    }
}
