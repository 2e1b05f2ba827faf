//! Lectures as their owners handle them: looking, renaming, deleting.

use super::error::ContentError;
use super::transcode_service::TranscodeService;
use super::upload_service::UploadService;
use crate::metric;
use crate::models::text;
use crate::models::videos::video::Video;
use crate::models::videos::video_document::VideoDocument;
use crate::repositories::videos::deletion_repository::DeletionRepository;
use crate::repositories::videos::video_repository::{Listing, Update, VideoRepository};
use backing::Clock;
use backing::objects::Objects;
use contracts::{ObjectPrefix, UserId, VideoId};
use renditions::models::lecture::Status;
use runtime::page::{Page, PageRequest};
use std::time::Duration;

/// How long after an empty listing the sweep looks once more.
const SECOND_LOOK: Duration = Duration::from_secs(2);

/// Who asks about a lecture.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Viewer {
    pub(crate) user: UserId,
    pub(crate) is_admin: bool,
}

/// Which lectures are asked for.
#[derive(Debug, Clone)]
pub(crate) struct Selection {
    /// Everybody's, for admins, instead of the viewer's own.
    pub(crate) everyone: bool,
    /// Those alone of which something could not be encoded.
    pub(crate) failed: bool,
    pub(crate) status: Option<Status>,
    pub(crate) page: PageRequest<VideoId>,
}

/// Handles lectures.
#[derive(Clone)]
pub(crate) struct VideoService {
    videos: VideoRepository,
    deletions: DeletionRepository,
    transcodes: TranscodeService,
    uploads: UploadService,
    objects: Objects,
    clock: Clock,
}

impl VideoService {
    pub(crate) fn new(
        videos: VideoRepository,
        deletions: DeletionRepository,
        transcodes: TranscodeService,
        uploads: UploadService,
        objects: Objects,
        clock: Clock,
    ) -> Self {
        Self {
            videos,
            deletions,
            transcodes,
            uploads,
            objects,
            clock,
        }
    }

    /// A lecture for its owner or an admin; to all others it does not exist.
    pub(crate) async fn find(&self, id: VideoId, viewer: Viewer) -> Result<Video, ContentError> {
        let video = self.videos.find(id).await?.ok_or(ContentError::NotFound)?;
        if video.owner_id != viewer.user && !viewer.is_admin {
            return Err(ContentError::NotFound);
        }
        if video.status == Status::Deleted {
            return Err(ContentError::Deleted);
        }
        Ok(video)
    }

    /// A lecture as a program sees it; its upload's key is shown to its owner alone.
    pub(crate) async fn show(&self, video: Video, viewer: Viewer) -> Result<VideoDocument, ContentError> {
        let shown = self.show_all(vec![video], viewer).await?;
        shown.into_iter().next().ok_or(ContentError::NotFound)
    }

    /// Lectures as a program sees them; a page of them takes as many statements as one.
    async fn show_all(&self, videos: Vec<Video>, viewer: Viewer) -> Result<Vec<VideoDocument>, ContentError> {
        let moving = |video: &&Video| matches!(video.status, Status::Processing | Status::Playable);
        let moving: Vec<VideoId> = videos.iter().filter(moving).map(|video| video.id).collect();
        let uploading = videos.iter().filter(|video| video.status == Status::Uploading);
        let uploading: Vec<VideoId> = uploading.map(|video| video.id).collect();
        let progress = self.transcodes.progress_of(&moving).await?;
        let uploads = self.uploads.uploads(&uploading).await?;
        let shown = videos.into_iter().map(|video| {
            let upload = uploads.get(&video.id);
            if upload.is_none() {
                let live = progress.get(&video.id);
                return self.transcodes.show(video, live);
            }
            let key = upload.filter(|_| video.owner_id == viewer.user);
            let key = key.map(|upload| self.uploads.key(upload));
            VideoDocument::new(video, upload, key)
        });
        Ok(shown.collect())
    }

    /// The viewer's own lectures or everybody's, the latest first.
    pub(crate) async fn list(&self, viewer: Viewer, selection: Selection) -> Result<Page<VideoDocument>, ContentError> {
        if selection.everyone && !viewer.is_admin {
            return Err(ContentError::AdminRequired);
        }
        let listing = Listing {
            owner: Some(viewer.user).filter(|_| !selection.everyone),
            status: selection.status,
            failed: selection.failed,
            before: selection.page.after,
            limit: selection.page.one_more(),
        };
        let videos = self.videos.list(&listing).await?;
        let Page {
            items: videos,
            next_cursor,
        } = selection.page.cut(videos, |video| video.id);
        let items = self.show_all(videos, viewer).await?;
        Ok(Page { items, next_cursor })
    }

    /// Gives a lecture another title or description.
    pub(crate) async fn update(
        &self,
        id: VideoId,
        viewer: Viewer,
        title: Option<&str>,
        description: Option<&str>,
        version: Option<i64>,
    ) -> Result<Video, ContentError> {
        self.find(id, viewer).await?;
        let title = title
            .map(|title| checked("title", contracts::text::title(title)))
            .transpose()?;
        let description = description
            .map(|words| checked("description", text::description(words)))
            .transpose()?;
        let now = self.clock.now();
        match self
            .videos
            .update_texts(id, title.as_deref(), description.as_deref(), version, now)
            .await?
        {
            Update::Done => self.find(id, viewer).await,
            Update::Stale => Err(ContentError::Stale),
            Update::Gone => Err(ContentError::Deleted),
        }
    }

    /// Deletes a lecture, at any time of its life; again is no error.
    pub(crate) async fn delete(&self, id: VideoId, viewer: Viewer) -> Result<(), ContentError> {
        match self.find(id, viewer).await {
            Ok(_) => {}
            Err(ContentError::Deleted) => return Ok(()),
            Err(error) => return Err(error),
        }
        self.remove(id).await
    }

    /// Deletes a lecture on behalf of somebody who was let in by other means.
    pub(crate) async fn remove(&self, id: VideoId) -> Result<(), ContentError> {
        if self.deletions.delete(id, None, self.clock.now()).await? {
            metrics::counter!(metric::VIDEOS_DELETED).increment(1);
        }
        self.uploads.stop(id);
        Ok(())
    }

    /// Deletes a dead lecture's objects until the store lists none.
    pub(crate) async fn sweep(&self, id: VideoId) -> Result<(), ContentError> {
        let prefix = ObjectPrefix::Video(id);
        // Twice, with a pause: who began before the deletion may still be putting an object in its place.
        let mut empty = 0;
        while empty < 2 {
            if empty > 0 {
                tokio::time::sleep(SECOND_LOOK).await;
            }
            self.uploads.abandon(id).await?;
            empty = if self.objects.delete_prefix(&prefix).await? == 0 {
                empty + 1
            } else {
                0
            };
        }
        if self.deletions.mark_swept(id, self.clock.now()).await? {
            metrics::counter!(metric::SWEEPS).increment(1);
        }
        Ok(())
    }
}

fn checked(field: &'static str, text: Result<String, &'static str>) -> Result<String, ContentError> {
    text.map_err(|what| ContentError::BadField(field, what))
}
