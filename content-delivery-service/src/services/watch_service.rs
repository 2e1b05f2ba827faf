//! How far people have watched lectures: what players report, and what is known of it.

use super::error::{Denied, VideoError};
use super::video_service::VideoService;
use backing::{Clock, Db};
use contracts::VideoId;
use entitlements::models::rights::{Asker, Visit};
use watching::models::progress::{Progress, Report};
use watching::repositories::watch_repository::WatchRepository;

/// Records and shows how far people have watched.
#[derive(Clone)]
pub(crate) struct WatchService {
    watches: WatchRepository,
    videos: VideoService,
    /// How much of a lecture completes it outside of courses.
    share: f64,
    clock: Clock,
}

impl WatchService {
    pub(crate) fn new(db: &Db, videos: VideoService, share: f64, clock: Clock) -> Self {
        Self {
            watches: WatchRepository::new(db.clone()),
            videos,
            share,
            clock,
        }
    }

    /// Adds what a player of the asker has shown, and where it is.
    pub(crate) async fn record(
        &self,
        (video, key): (VideoId, Option<&str>),
        asker: Asker,
        position: f64,
        intervals: &[Vec<f64>],
    ) -> Result<(), VideoError> {
        let report = Report::read(position, intervals).map_err(|(field, what)| VideoError::BadField(field, what))?;
        self.videos.watched(video, by_link(asker, key)).await?;
        let now = self.clock.now();
        if self
            .watches
            .record((asker.user, video), &report, self.share, now)
            .await?
        {
            Ok(())
        } else {
            Err(Denied::Deleted.into())
        }
    }

    /// How far the asker has watched a lecture.
    pub(crate) async fn progress(
        &self,
        (video, key): (VideoId, Option<&str>),
        asker: Asker,
    ) -> Result<Progress, VideoError> {
        self.videos.watched(video, by_link(asker, key)).await?;
        Ok(self.watches.progress(asker.user, video).await?)
    }
}

/// Somebody who is signed in, and the key of the link that they came by.
fn by_link(asker: Asker, key: Option<&str>) -> Visit<'_> {
    let asker = Some(asker);
    Visit { asker, key }
}
