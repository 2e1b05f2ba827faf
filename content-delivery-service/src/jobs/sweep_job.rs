//! Deletes the objects of a deleted lecture.

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
        let swept = self.videos.sweep(video_id).await;
        if swept.map_err(|error| JobError::Retry(error.to_string()))? {
            Ok(Done::Complete)
        } else {
            Ok(Done::Again(AGAIN))
        }
    }
}
