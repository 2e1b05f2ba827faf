//! A lecture's renditions for those who handle it: shows how far they are, and requests them.

use super::error::{Denied, Failure, VideoError};
use crate::models::videos::overview::{Encoding, Overview};
use crate::models::videos::video::Video;
use backing::Clock;
use contracts::{Timestamp, VideoId};
use entitlements::models::rights::Asker;
use renditions::models::lecture::Status;
use renditions::repositories::plan_repository::PlanRepository;
use renditions::repositories::plan_repository::progress::PlanProgress;
use renditions::repositories::plan_repository::request::Requested;
use serde_json::json;
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
    pub(crate) async fn request(&self, video: &Video, names: &[String], asker: Asker) -> Result<(), VideoError> {
        if video.is_recording() && !matches!(video.status, Status::Playable | Status::Ready) {
            // there is nothing to encode before it is over
            return Ok(());
        }
        let of = (video.id, video.owner_id);
        let audit = asker.audited("transcode_video", of, json!({ "renditions": names }));
        match self
            .plans
            .request(video.id, names, audit.as_ref(), self.clock.now())
            .await?
        {
            Requested::Done => Ok(()),
            Requested::NotUploaded => Err(VideoError::NotUploaded),
            Requested::Gone => Err(Denied::Deleted.into()),
            Requested::Unknown(places) => Err(VideoError::UnknownRenditions(places)),
        }
    }

    /// How far a lecture's renditions are, including those that are encoded again.
    pub(crate) async fn progress(&self, video: &Video) -> Result<Encoding, VideoError> {
        if video.status == Status::Uploading {
            return Err(VideoError::NotUploaded);
        }
        let now = self.clock.now();
        let live = self.plans.progress(video.id, now).await?;
        Ok(encoding(video, live.as_ref(), now))
    }

    /// How far the plans of lectures are; a page of them takes as many statements as one.
    pub(crate) async fn progress_of(&self, videos: &[VideoId]) -> Result<HashMap<VideoId, PlanProgress>, Failure> {
        Ok(self.plans.progress_of(videos, self.clock.now()).await?)
    }

    /// A lecture that encoders may work on, with how far they are with the generation that is served.
    pub(crate) fn overview(&self, video: Video, live: Option<&PlanProgress>) -> Overview {
        let live = live.filter(|live| i64::from(live.generation) == video.generation);
        Overview {
            encoding: encoding(&video, live, self.clock.now()),
            video,
            upload: None,
            key: None,
        }
    }
}

fn encoding(video: &Video, live: Option<&PlanProgress>, now: Timestamp) -> Encoding {
    match live {
        Some(live) => Encoding {
            progress: live.share(),
            renditions: live.renditions(),
            time_left: live.time_left(now),
        },
        None => Encoding::at_rest(video),
    }
}
