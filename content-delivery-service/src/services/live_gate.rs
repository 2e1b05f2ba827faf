//! What live lectures need of the rest of this service: rights, and playback sessions.

use super::access_service::AccessService;
use super::course_service::CourseService;
use super::error::{Denied, Failure, PlaybackError, UploadError};
use super::lecture_answers::unanswered;
use super::stream_service::opening::Opening;
use super::upload_service::UploadService;
use crate::repositories::videos::video_repository::VideoRepository;
use async_trait::async_trait;
use backing::Db;
use contracts::questions::Unanswered;
use contracts::questions::live::{Bearer, Refused, Watch, WatchAsked, WatchGrant};
use contracts::{UserId, VideoId};
use entitlements::models::device::device;
use entitlements::models::rights::{Asker, Visit};
use live_lectures::services::gate::Gate;
use renditions::models::lecture::Status;
use runtime::{Caller, RequestId};

/// The gate of this service.
pub(crate) struct LiveGate {
    videos: VideoRepository,
    access: AccessService,
    courses: CourseService,
    uploads: UploadService,
}

#[async_trait]
impl Gate for LiveGate {
    async fn sees(&self, video: VideoId, viewer: &Bearer) -> Result<Result<(), Refused>, Unanswered> {
        self.may_watch(video, Some(Asker::from(&Caller::from(viewer))).into())
            .await
    }

    async fn has_room(&self, owner: UserId) -> Result<Result<(), Refused>, Unanswered> {
        match self.uploads.must_have_room(owner).await {
            Ok(()) => Ok(Ok(())),
            Err(UploadError::QuotaExceeded { .. }) => Ok(Err(Refused::QuotaExceeded)),
            Err(UploadError::Failed(Failure::StorageFull)) => Ok(Err(Refused::StorageFull)),
            Err(error) => Err(unanswered(error)),
        }
    }

    async fn watch(&self, asked: WatchAsked) -> Result<Result<WatchGrant, Refused>, Unanswered> {
        let found = self.videos.find(asked.video).await.map_err(PlaybackError::from);
        let status = match found {
            Ok(found) => found.map(|video| video.status),
            Err(error) => return judged(Err(error)),
        };
        let caller = asked.viewer.as_ref().map(Caller::from);
        let opening = Opening {
            video: asked.video,
            device: device(&asked.user_agent),
            network: asked.network,
            take_over: None,
            key: asked.link,
        };
        let request = RequestId::passed_on(&asked.request);
        let is_over = matches!(status, Some(Status::Playable | Status::Ready));
        if is_over || asked.is_full {
            // those who may not watch learn nothing of it
            let visit = Visit {
                asker: caller.as_ref().map(Asker::from),
                key: opening.key.as_deref(),
            };
            let seen = self.may_watch(asked.video, visit).await?;
            return Ok(seen.and(Err(if is_over { Refused::Ended } else { Refused::Full })));
        }
        let opened = self.courses.open(caller.as_ref(), &request, &opening, None).await;
        judged(opened.map(|opened| WatchGrant {
            session: opened.id,
            token: opened.token,
            expires_at: opened.expires_at,
        }))
    }

    async fn living(&self, watches: Vec<Watch>) -> Result<Vec<usize>, Unanswered> {
        let mut living = Vec::with_capacity(watches.len());
        for (at, watch) in watches.iter().enumerate() {
            let open = self.courses.streams().check(&watch.token, Some(watch.video)).await;
            if open.map_err(unanswered)?.is_some() {
                living.push(at);
            }
        }
        Ok(living)
    }

    async fn leave(&self, watch: Watch) -> Result<(), Unanswered> {
        let streams = self.courses.streams();
        let left = async {
            match streams.check(&watch.token, Some(watch.video)).await? {
                Some(open) => streams.leave(&open).await,
                None => Ok(()),
            }
        };
        left.await.map_err(unanswered)
    }

    async fn note_seen(&self) -> Result<(), Unanswered> {
        let noted = self.courses.streams().tidy(false).await;
        noted.map_err(unanswered)
    }
}

impl LiveGate {
    pub(crate) fn new(db: &Db, access: AccessService, courses: CourseService, uploads: UploadService) -> Self {
        Self {
            videos: VideoRepository::new(db.clone()),
            access,
            courses,
            uploads,
        }
    }

    async fn may_watch(&self, video: VideoId, visit: Visit<'_>) -> Result<Result<(), Refused>, Unanswered> {
        let seen = self.access.may_watch::<PlaybackError>(video, visit).await;
        judged(seen.map(|_| ()))
    }
}

/// Tells a refusal from a failure.
fn judged<T>(result: Result<T, PlaybackError>) -> Result<Result<T, Refused>, Unanswered> {
    let refused = match result {
        Ok(value) => return Ok(Ok(value)),
        Err(PlaybackError::Failed(failure)) => return Err(unanswered(failure)),
        Err(PlaybackError::Denied(denied)) => match denied {
            Denied::Deleted => Refused::Deleted,
            Denied::NotEntitled => Refused::NotEntitled,
            Denied::Unauthenticated => Refused::Unauthenticated,
            _ => Refused::NotFound,
        },
        Err(PlaybackError::NotPlayable { .. }) => Refused::NotLive,
        Err(PlaybackError::VideoFailed(_)) => Refused::Ended,
        Err(PlaybackError::TooManySessions(_)) => Refused::TooManySessions,
        Err(PlaybackError::Crowded) => Refused::Crowded,
    };
    Ok(Err(refused))
}
