//! A lecture's renditions as their owner handles them: how far they are, and that they be made.

use super::error::ContentError;
use crate::models::videos::video::Video;
use crate::models::videos::video_document::{TranscodeDocument, VideoDocument};
use backing::Clock;
use contracts::{Timestamp, VideoId};
use renditions::models::lecture::Status;
use renditions::repositories::plan_repository::PlanRepository;
use renditions::repositories::plan_repository::progress::PlanProgress;
use renditions::repositories::plan_repository::request::Requested;
use std::collections::HashMap;

/// Shows and requests renditions.
#[derive(Clone)]
pub(crate) struct TranscodeService {
    plans: PlanRepository,
    clock: Clock,
}

impl TranscodeService {
    pub(crate) fn new(plans: PlanRepository, clock: Clock) -> Self {
        Self { plans, clock }
    }

    /// Queues the renditions that are missing or failed; encodes all of them again if all are complete and one is named.
    pub(crate) async fn request(&self, video: &Video, names: &[String]) -> Result<(), ContentError> {
        match self.plans.request(video.id, names, self.clock.now()).await? {
            Requested::Done => Ok(()),
            Requested::NotUploaded => Err(ContentError::NotUploaded),
            Requested::Gone => Err(ContentError::Deleted),
            Requested::Unknown(places) => Err(ContentError::UnknownRenditions(places)),
        }
    }

    /// How far a lecture's renditions are, those that are made again included.
    pub(crate) async fn progress(&self, video: &Video) -> Result<TranscodeDocument, ContentError> {
        if video.status == Status::Uploading {
            return Err(ContentError::NotUploaded);
        }
        let now = self.clock.now();
        let live = self.plans.progress(video.id, now).await?;
        Ok(document(video, live.as_ref(), now))
    }

    /// How far the plans of lectures are; a page of them takes as many statements as one.
    pub(crate) async fn progress_of(&self, videos: &[VideoId]) -> Result<HashMap<VideoId, PlanProgress>, ContentError> {
        Ok(self.plans.progress_of(videos, self.clock.now()).await?)
    }

    /// A lecture that encoders work on, as far as they are with what is served of it.
    pub(crate) fn show(&self, video: Video, live: Option<&PlanProgress>) -> VideoDocument {
        let live = live.filter(|live| i64::from(live.generation) == video.generation);
        let live = live.map(|live| document(&video, Some(live), self.clock.now()));
        let shown = VideoDocument::new(video, None, None);
        match live {
            Some(live) => shown.with_progress(live),
            None => shown,
        }
    }
}

fn document(video: &Video, live: Option<&PlanProgress>, now: Timestamp) -> TranscodeDocument {
    let known = &video.media.renditions;
    TranscodeDocument {
        video_id: video.id,
        progress: live.map_or_else(|| video.progress(), PlanProgress::share),
        renditions: live.map_or_else(|| known.clone(), PlanProgress::renditions),
        time_left: live.and_then(|live| live.time_left(now)),
    }
}
