//! Lectures as their owners handle them: looking, renaming, deleting.

use super::access_service::{AccessService, Answer, granted, must_see_all};
use super::error::{Denied, Failure, VideoError};
use super::stream_service::StreamService;
use super::transcode_service::TranscodeService;
use super::upload_service::UploadService;
use crate::metric;
use crate::models::uploads::upload::UploadState;
use crate::models::videos::overview::{Audience, Encoding, Overview};
use crate::models::videos::video::Video;
use crate::models::videos::video_edit::VideoEdit;
use crate::repositories::videos::deletion_repository::{DeletionRepository, SECOND_SWEEP};
use crate::repositories::videos::video_repository::{Listing, Update, VideoRepository};
use backing::audit::NewEntry;
use backing::cache::Cache;
use backing::objects::Objects;
use backing::space::Space;
use backing::{Clock, DbError};
use contracts::{CourseId, ObjectKey, ObjectPrefix, UserId, VideoId};
use entitlements::models::grounds::Viewing;
use entitlements::models::rights::{Asker, Right, Visit, goes_on};
use entitlements::models::sharing::{NewVisibility, Visibility};
use entitlements::repositories::grounds_repository::Situation;
use renditions::models::lecture::Status;
use runtime::page::{Page, PageRequest};
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Which lectures are asked for.
#[derive(Debug, Clone)]
pub(crate) struct Selection {
    /// Everybody's, for admins, instead of the asker's own.
    pub(crate) everyone: bool,
    /// Only those of which something could not be encoded.
    pub(crate) failed: bool,
    pub(crate) status: Option<Status>,
    pub(crate) page: PageRequest<VideoId>,
}

/// Handles lectures.
#[derive(Clone)]
pub(crate) struct VideoService {
    access: AccessService,
    videos: VideoRepository,
    deletions: DeletionRepository,
    transcodes: TranscodeService,
    uploads: UploadService,
    streams: StreamService,
    objects: Objects,
    space: Space,
    cache: Arc<dyn Cache>,
    clock: Clock,
}

impl VideoService {
    pub(crate) fn new(
        access: AccessService,
        (videos, deletions): (VideoRepository, DeletionRepository),
        transcodes: TranscodeService,
        (uploads, streams): (UploadService, StreamService),
        (objects, space, cache): (Objects, Space, Arc<dyn Cache>),
        clock: Clock,
    ) -> Self {
        Self {
            access,
            videos,
            deletions,
            transcodes,
            uploads,
            streams,
            objects,
            space,
            cache,
            clock,
        }
    }

    /// A lecture for its owner or an admin; to all others it does not exist.
    pub(crate) async fn find(&self, id: VideoId, asker: Asker) -> Result<Video, VideoError> {
        let video = granted(self.videos.find(id).await?, asker, Right::Administer)?;
        if video.status == Status::Deleted {
            return Err(Denied::Deleted.into());
        }
        Ok(video)
    }

    /// A lecture for those who may watch it; nobody has to sign in for one that is public.
    pub(crate) async fn watched(&self, id: VideoId, visit: Visit<'_>) -> Result<(Video, Audience), VideoError> {
        let (situation, audience) = self.may_watch(id, visit).await?;
        Ok((self.at(id, &situation).await?, audience))
    }

    /// How somebody who may watch a lecture stands to it, and as whom they see it.
    pub(crate) async fn may_watch(&self, id: VideoId, visit: Visit<'_>) -> Result<(Situation, Audience), VideoError> {
        let (situation, entitlement) = self.access.may_watch::<VideoError>(id, visit).await?;
        Ok((situation, audience(entitlement.right, visit.asker)))
    }

    /// A lecture as it was when a right to watch it was found, or later.
    pub(crate) async fn at(&self, id: VideoId, situation: &Situation) -> Result<Video, VideoError> {
        let video = self.videos.at(id, situation, self.cache.as_ref()).await?;
        let video = video.ok_or(Denied::NotFound)?;
        if video.status == Status::Deleted {
            return Err(Denied::Deleted.into());
        }
        Ok(video)
    }

    /// Whether somebody may watch a lecture; without an id, one that does not exist.
    pub(crate) async fn access(&self, id: Option<VideoId>, user: UserId) -> Result<Answer, VideoError> {
        let found = match id {
            Some(id) => self.videos.find(id).await?,
            None => None,
        };
        match found {
            None => Ok(Answer::refused("not_found")),
            Some(video) if video.status == Status::Deleted => Ok(Answer::refused("video_deleted")),
            Some(video) => Ok(self.access.answer((video.id, video.owner_id), user).await?),
        }
    }

    /// A lecture with the state of its upload and of its encoders for those who watch it.
    pub(crate) async fn seen(&self, video: Video, asker: Option<Asker>) -> Result<Overview, VideoError> {
        let all = self.overviews(vec![video], asker).await?;
        all.into_iter().next().ok_or(Denied::NotFound.into())
    }

    /// A lecture with the state of its upload and of its encoders; only its owner gets its upload's key.
    pub(crate) async fn overview(&self, video: Video, asker: Asker) -> Result<Overview, VideoError> {
        self.seen(video, Some(asker)).await
    }

    /// The same for several lectures; a page of them takes as many statements as one.
    async fn overviews(&self, videos: Vec<Video>, asker: Option<Asker>) -> Result<Vec<Overview>, Failure> {
        let moving = |video: &&Video| matches!(video.status, Status::Processing | Status::Playable);
        let moving: Vec<VideoId> = videos.iter().filter(moving).map(|video| video.id).collect();
        let uploading = videos.iter().filter(|video| video.status == Status::Uploading);
        let uploading: Vec<VideoId> = uploading.map(|video| video.id).collect();
        let progress = self.transcodes.progress_of(&moving).await?;
        let uploads = self.uploads.uploads(&uploading).await?;
        let all = videos.into_iter().map(|mut video| {
            let owns = asker.is_some_and(|asker| asker.right(video.owner_id) >= Right::Own);
            if !owns {
                video.share_key = None;
            }
            let Some(upload) = uploads.get(&video.id) else {
                let live = progress.get(&video.id);
                return self.transcodes.overview(video, live);
            };
            let may_continue = upload.resumable && owns;
            Overview {
                encoding: Encoding::at_rest(&video),
                key: may_continue.then(|| self.uploads.key(upload)),
                upload: Some(upload.clone()).filter(|upload| upload.state != UploadState::Finished),
                video,
            }
        });
        Ok(all.collect())
    }

    /// The asker's own lectures or everybody's, the latest first.
    pub(crate) async fn list(&self, asker: Asker, selection: Selection) -> Result<Page<Overview>, VideoError> {
        if selection.everyone {
            must_see_all(asker)?;
        }
        let listing = Listing {
            owner: Some(asker.user).filter(|_| !selection.everyone),
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
        let items = self.overviews(videos, Some(asker)).await?;
        Ok(Page { items, next_cursor })
    }

    /// The lectures that others share with everyone who is signed in, the latest first.
    pub(crate) async fn list_shared(
        &self,
        asker: Asker,
        page: PageRequest<VideoId>,
    ) -> Result<Page<Overview>, VideoError> {
        let videos = self.videos.list_shared(asker.user, page.after, page.one_more()).await?;
        let Page {
            items: videos,
            next_cursor,
        } = page.cut(videos, |video| video.id);
        let items = self.overviews(videos, Some(asker)).await?;
        Ok(Page { items, next_cursor })
    }

    /// The lectures of a course that the asker may watch, in the order of its outline; one that is in it twice is listed
    /// once.
    pub(crate) async fn list_of_course(
        &self,
        asker: Asker,
        course: CourseId,
        (status, page): (Option<Status>, PageRequest<VideoId>),
    ) -> Result<Page<(Overview, Audience)>, VideoError> {
        let listed = self.access.watched_of_course(course, asker).await?;
        let mut seen = HashSet::new();
        let mut wanted: Vec<(VideoId, Right)> = Vec::new();
        for (video, found, right) in listed {
            if status.is_none_or(|status| status.as_str() == found) && seen.insert(video) {
                wanted.push((video, right));
            }
        }
        let begins = page.after.map_or(0, |last| {
            let last = wanted.iter().position(|(video, _)| *video == last);
            last.map_or(wanted.len(), |last| last + 1)
        });
        let wanted: Vec<_> = wanted.into_iter().skip(begins).take(page.limit + 1).collect();
        let Page {
            items: wanted,
            next_cursor,
        } = page.cut(wanted, |(video, _)| *video);
        let ids: Vec<VideoId> = wanted.iter().map(|(video, _)| *video).collect();
        let videos = self.videos.by_ids(&ids).await?;
        let overviews = self.overviews(videos, Some(asker)).await?;
        let mut by_id: HashMap<VideoId, Overview> = overviews.into_iter().map(|it| (it.video.id, it)).collect();
        let items = wanted.into_iter().filter_map(|(video, right)| {
            let overview = by_id.remove(&video)?;
            Some((overview, audience(right, Some(asker))))
        });
        Ok(Page {
            items: items.collect(),
            next_cursor,
        })
    }

    /// Gives a lecture another title or description, or shares it with others.
    pub(crate) async fn update(
        &self,
        id: VideoId,
        asker: Asker,
        edit: VideoEdit,
        version: Option<i64>,
    ) -> Result<Video, VideoError> {
        let owner = self.find(id, asker).await?.owner_id;
        let edit = VideoEdit {
            title: edit
                .title
                .map(|title| checked("title", contracts::text::title(&title)))
                .transpose()?,
            description: edit
                .description
                .map(|words| checked("description", contracts::text::description(&words)))
                .transpose()?,
            visibility: edit.visibility,
        };
        let audit = asker.audited("update_video", (id, owner), json!({ "fields": edit.fields() }));
        let now = self.clock.now();
        let when = (now, audit.as_ref());
        let goes_on = |viewing: &Viewing| goes_on(viewing, now);
        let mut changed = self.videos.update(id, &edit, &goes_on, version, when).await;
        if matches!(changed, Err(DbError::Full)) && self.space.release_ballast().await {
            changed = self.videos.update(id, &edit, &goes_on, version, when).await;
        }
        match changed? {
            Update::Done(ended) => {
                self.streams.stop(&ended);
                self.find(id, asker).await
            }
            Update::Stale => Err(VideoError::Stale),
            Update::Gone => Err(Denied::Deleted.into()),
        }
    }

    /// Deletes a lecture at any time of its life; repeating it is no error.
    pub(crate) async fn delete(&self, id: VideoId, asker: Asker) -> Result<(), VideoError> {
        let video = match self.find(id, asker).await {
            Ok(video) => video,
            Err(VideoError::Denied(Denied::Deleted)) => return Ok(()),
            Err(error) => return Err(error),
        };
        // Without it, nobody could tell later which lecture it was.
        let details = json!({ "title": video.title });
        let audit = asker.audited("delete_video", (id, video.owner_id), details);
        Ok(self.remove(id, audit.as_ref()).await?)
    }

    /// Deletes a lecture for somebody whose right was checked by other means.
    pub(crate) async fn remove(&self, id: VideoId, audit: Option<&NewEntry>) -> Result<(), Failure> {
        if !self.record_deletion(id, audit).await? {
            return Ok(());
        }
        metrics::counter!(metric::VIDEOS_DELETED).increment(1);
        // What takes most of the space is gone with the answer; the sweep removes the rest.
        if let Err(error) = self.remove_source(id).await {
            tracing::warn!(video = %id, %error, "a deleted lecture's source is left to the sweep");
        }
        Ok(())
    }

    /// Writes a deletion down, also on a full disk; `false` if the lecture was gone already.
    async fn record_deletion(&self, id: VideoId, audit: Option<&NewEntry>) -> Result<bool, Failure> {
        let mut deleted = self.deletions.delete(id, audit, self.clock.now()).await;
        if matches!(deleted, Err(DbError::Full)) && self.space.release_ballast().await {
            deleted = self.deletions.delete(id, audit, self.clock.now()).await;
        }
        if matches!(deleted, Err(DbError::Full)) {
            // Its bytes were to go anyway, and the record needs a few of them.
            self.remove_source(id).await?;
            deleted = self.deletions.delete(id, audit, self.clock.now()).await;
        }
        Ok(deleted?)
    }

    /// Stops a lecture's upload, and removes the uploaded file.
    async fn remove_source(&self, id: VideoId) -> Result<(), Failure> {
        self.uploads.abandon(id).await?;
        Ok(self.objects.delete(&ObjectKey::VideoSource(id)).await?)
    }

    /// Deletes a dead lecture's objects; `false` if some came late, so that it has to be swept again.
    pub(crate) async fn sweep(&self, id: VideoId) -> Result<bool, Failure> {
        self.uploads.abandon(id).await?;
        let found = self.objects.delete_prefix(&ObjectPrefix::Video(id)).await?;
        let now = self.clock.now();
        let deleted_at = self.videos.find(id).await?.and_then(|video| video.deleted_at);
        if deleted_at.is_some_and(|at| now.since(at) < SECOND_SWEEP) {
            // Its second sweep is still to come.
            return Ok(true);
        }
        if found > 0 {
            return Ok(false);
        }
        if self.deletions.mark_swept(id, now).await? {
            metrics::counter!(metric::SWEEPS).increment(1);
        }
        Ok(true)
    }
}

fn audience(right: Right, asker: Option<Asker>) -> Audience {
    match asker {
        None => Audience::Everybody,
        Some(_) if right >= Right::Administer => Audience::Handlers,
        Some(_) => Audience::Watchers,
    }
}

fn checked(field: &'static str, text: Result<String, &'static str>) -> Result<String, VideoError> {
    text.map_err(|what| VideoError::BadField(field, what))
}

/// A visibility with a key for the link that it may need.
pub(crate) fn new_visibility(visibility: Visibility) -> Result<NewVisibility, Failure> {
    NewVisibility::new(visibility).map_err(|_| Failure::Internal("no randomness".to_owned()))
}
